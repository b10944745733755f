"""The endpoints of the sandbox: what they take, what they answer, how they refuse."""

from __future__ import annotations

import base64
from typing import Any

import httpx  # noqa: TID251 - raw requests
import pytest

from cleverreach_sync.sandbox.server import RunningSandbox
from tests.sandbox_api import NOW, Api

GRANT = {"grant_type": "client_credentials"}
SECRETS = {"client_id": "id", "client_secret": "secret"}
BASIC = {"Authorization": "Basic " + base64.b64encode(b"id:secret").decode()}


@pytest.fixture
def group(sandbox: RunningSandbox) -> str:
    sandbox.state.clock = lambda: NOW
    return sandbox.state.add_group("Online shop")


@pytest.fixture
def people(sandbox: RunningSandbox, group: str) -> str:
    """Seven people: active, pending, opted out, bounced, and three more who are active."""
    rows: list[dict[str, Any]] = [
        {"email": "active@example.org", "activated": NOW - 10, "tags": ["Shop-Special.Buyer", "vip"]},
        {"email": "pending@example.org", "activated": 0, "tags": ["Shop-Special.Contact"]},
        {"email": "out@example.org", "activated": 5, "deactivated": NOW},
        {"email": "bounced@example.org", "activated": 5},
        *({"email": f"more{n}@example.org", "activated": 100 + n} for n in range(3)),
    ]
    sandbox.state.write(group, *rows)
    sandbox.state.bounce("bounced@example.org")
    return group


class TestTokens:
    @pytest.mark.parametrize(
        "request_",
        [
            {"data": GRANT, "auth": ("id", "secret")},
            {"data": {**GRANT, **SECRETS}},
            {"json": GRANT, "headers": BASIC},
            {"json": {**GRANT, **SECRETS}},
        ],
    )
    def test_styles_of_credentials(self, sandbox: RunningSandbox, request_: dict[str, Any]) -> None:
        answer = httpx.post(f"{sandbox.url}/oauth/token.php", **request_)
        assert answer.status_code == 200
        body = answer.json()
        assert (body["expires_in"], body["token_type"]) == (2592000, "Bearer")
        assert "refresh_token" not in body
        headers = {"Authorization": f"Bearer {body['access_token']}"}
        assert httpx.get(f"{sandbox.url}/v3/debug/validate", headers=headers).json() is True
        assert httpx.get(f"{sandbox.url}/v3/groups?token={body['access_token']}").status_code == 200

    @pytest.mark.parametrize(
        ("request_", "error"),
        [
            ({"data": GRANT}, "invalid_client"),
            ({"data": {**GRANT, "client_id": "id"}}, "invalid_client"),
            ({"data": GRANT, "auth": ("id", "")}, "invalid_client"),
            ({"data": SECRETS}, "invalid_request"),
            ({"content": b"{", "headers": {"Content-Type": "application/json"}}, "invalid_request"),
            ({"data": {**SECRETS, "grant_type": "password"}}, "unsupported_grant_type"),
            ({"data": {**SECRETS, "grant_type": "authorization_code"}}, "invalid_request"),
            ({"data": {**SECRETS, "grant_type": "refresh_token", "refresh_token": "x"}}, "invalid_grant"),
        ],
    )
    def test_refusals_have_the_shape_of_oauth(
        self, sandbox: RunningSandbox, request_: dict[str, Any], error: str
    ) -> None:
        answer = httpx.post(f"{sandbox.url}/oauth/token.php", **request_)
        assert answer.status_code in {400, 401}
        assert answer.json()["error"] == error
        assert isinstance(answer.json()["error_description"], str)

    def test_refresh_tokens_work_once(self, sandbox: RunningSandbox) -> None:
        def ask(**data: str) -> httpx.Response:
            return httpx.post(f"{sandbox.url}/oauth/token.php", data={**SECRETS, **data})

        first = ask(grant_type="authorization_code", code="x").json()
        refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = ask(**refresh).json()
        assert second["refresh_token"] != first["refresh_token"]
        assert ask(**refresh).status_code == 400

    def test_calls_without_a_valid_token(self, sandbox: RunningSandbox, api: Api) -> None:
        assert 2592000 - 60 < api.get("/v3/debug/ttl")["ttl"] <= 2592000
        sandbox.state.switches.clock_offset = 2592000
        assert api.refusal("GET", "/v3/groups") == (401, "Unauthorized: token expired")
        api.http.headers["Authorization"] = "Bearer nonsense"
        assert api.refusal("GET", "/v3/groups") == (401, "Unauthorized: invalid token")
        del api.http.headers["Authorization"]
        assert api.refusal("GET", "/v3/groups.json") == (401, "Unauthorized")
        assert api.get("/v3/debug/ping.json") is True

    def test_a_revoked_token_is_gone(self, api: Api) -> None:
        assert api.delete("/v3/oauth/token.json") is True
        assert api.refusal("GET", "/v3/groups")[0] == 401

    def test_exchange(self, api: Api) -> None:
        fresh = api.get("/v3/debug/exchange")["access_token"]
        assert api.refusal("GET", "/v3/groups")[0] == 401
        api.http.headers["Authorization"] = f"Bearer {fresh}"
        assert api.get("/v3/groups") == []


class TestTransport:
    def test_the_account(self, api: Api) -> None:
        account = api.get("/v3/debug/whoami.json")
        assert isinstance(account["id"], str)
        assert {"login_domain", "company", "email"} <= set(account)

    @pytest.mark.parametrize("path", ["/v3/nothing", "/v3/groups/1/nothing", "/", "/v3/nothing/"])
    def test_unknown_paths(self, api: Api, path: str) -> None:
        assert api.refusal("GET", path) == (404, "Not Found")

    def test_wrong_method_and_version(self, api: Api) -> None:
        assert api.refusal("PATCH", "/v3/groups") == (405, "Method Not Allowed")
        assert api.refusal("GET", "/v2/groups") == (403, "Forbidden: v3 token on lower version")

    def test_no_json(self, api: Api) -> None:
        answer = api.http.post("/v3/groups", content=b"{")
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Bad Request: invalid JSON")

    def test_json_in_utf_8_and_the_servers_clock(self, sandbox: RunningSandbox, api: Api) -> None:
        sandbox.state.clock = lambda: NOW
        answer = api.ask("GET", "/v3/groups")
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.headers["date"] == "Mon, 21 Sep 2026 14:13:20 GMT"

    @pytest.mark.parametrize("who", ["a%2Fb@example.org", "a%2Fb%40example.org"])
    def test_addresses_in_paths(self, api: Api, group: str, who: str) -> None:
        api.post(f"/v3/groups/{group}/receivers", {"email": "a/b@example.org"})
        assert api.get(f"/v3/groups.json/{group}/receivers/{who}")["email"] == "a/b@example.org"
        assert api.delete(f"/v3/groups/{group}/receivers/{who}") is True


class TestGroups:
    def test_life_of_a_list(self, sandbox: RunningSandbox, api: Api) -> None:
        sandbox.state.clock = lambda: NOW
        created = api.post("/v3/groups.json", {"name": "Shop"})
        assert created == {
            "id": created["id"],
            "name": "Shop",
            "locked": False,
            "backup": True,
            "receiver_info": "",
            "stamp": NOW,
            "last_mailing": 0,
            "last_changed": NOW,
        }
        assert isinstance(created["id"], str)
        path = f"/v3/groups/{created['id']}"
        assert api.get("/v3/groups") == [created]
        assert api.put(path, {"locked": True})["locked"] is True
        assert api.get(path)["name"] == "Shop"
        assert api.refusal("DELETE", path)[0] == 403
        api.put(path, {"locked": False})
        assert api.delete(path) is True
        assert api.refusal("GET", path) == (404, "Not Found: invalid group")

    def test_names_are_needed_and_not_unique(self, api: Api) -> None:
        assert api.refusal("POST", "/v3/groups", {})[0] == 400
        assert api.post("/v3/groups", {"name": "A"})["id"] != api.post("/v3/groups", {"name": "A"})["id"]

    def test_order(self, sandbox: RunningSandbox, api: Api) -> None:
        for name in ("first", "second"):
            sandbox.state.add_group(name)
            sandbox.state.switches.clock_offset += 1
        assert [g["name"] for g in api.get("/v3/groups", order="created DESC")] == ["second", "first"]
        assert [g["name"] for g in api.get("/v3/groups", order="changed ASC")] == ["first", "second"]

    def test_clear(self, api: Api, people: str) -> None:
        assert api.delete(f"/v3/groups/{people}/clear") is True
        assert api.get(f"/v3/groups/{people}/receivers") == []

    def test_stats_are_fresh_at_first_and_lag_then(self, sandbox: RunningSandbox, api: Api, people: str) -> None:
        path = f"/v3/groups/{people}/stats"
        first = api.get(path)
        assert {k: first[k] for k in ("total_count", "active_count", "inactive_count", "bounce_count")} == {
            "total_count": 7,
            "active_count": 4,
            "inactive_count": 2,
            "bounce_count": 1,
        }
        sandbox.state.write(people, {"email": "late@example.org"})
        assert api.get(path)["total_count"] == 7
        sandbox.state.clock = lambda: NOW + sandbox.state.switches.stats_every
        assert api.get(path)["total_count"] == 8


class TestReading:
    @pytest.mark.parametrize(
        ("query", "emails"),
        [
            ({"type": "inactive"}, ["pending", "out"]),
            ({"type": "bounced"}, ["bounced"]),
            ({"type": "bounce"}, ["bounced"]),
            ({"type": "active"}, ["active", "more0", "more1", "more2"]),
            ({"pagesize": 3, "page": 2}, ["more2"]),
            ({"pagesize": 3, "page": 3}, []),
            ({"email_list": "OUT@example.org, nobody@example.org,active@example.org"}, ["out", "active"]),
            ({"email_list": "out@example.org,active@example.org", "type": "active"}, ["active"]),
            (
                {"order_by": "email DESC", "pagesize": 2},
                ["pending", "out"],
            ),
            ({"order_by": "activated", "type": "active", "pagesize": 2}, ["more0", "more1"]),
        ],
    )
    def test_parameters(self, api: Api, people: str, query: dict[str, Any], emails: list[str]) -> None:
        found = api.get(f"/v3/groups/{people}/receivers.json", **query)
        assert [row["email"].partition("@")[0] for row in found] == emails
        also = api.post(f"/v3/groups/{people}/get_receivers", query)
        assert also == found

    def test_lists_of_ids_and_arrays(self, api: Api, people: str) -> None:
        rows = api.get(f"/v3/groups/{people}/receivers")
        ids = [row["id"] for row in rows[:2]]
        assert [r["id"] for r in api.get(f"/v3/groups/{people}/receivers", id_list=",".join(ids))] == ids
        assert api.post(f"/v3/groups/{people}/get_receivers", {"id_list": ids}) == rows[:2]
        emails = [row["email"] for row in rows]
        assert api.post(f"/v3/groups/{people}/get_receivers", {"email_list": emails}) == rows

    def test_pages_are_50_long_and_never_longer_than_5000(self, sandbox: RunningSandbox, api: Api, group: str) -> None:
        sandbox.state.write(group, *({"email": f"p{n}@example.org"} for n in range(5010)))
        assert len(api.get(f"/v3/groups/{group}/receivers")) == 50
        assert len(api.get(f"/v3/groups/{group}/receivers", pagesize=9999)) == 5000
        emails = [f"p{n}@example.org" for n in range(60)]
        assert len(api.post(f"/v3/groups/{group}/get_receivers", {"email_list": emails})) == 50

    @pytest.mark.parametrize(
        ("detail", "parts"),
        [(0, set()), (1, {"events"}), (2, {"orders"}), (4, {"tags"}), (7, {"events", "orders", "tags"})],
    )
    def test_detail(self, api: Api, people: str, detail: int, parts: set[str]) -> None:
        row = api.get(f"/v3/groups/{people}/receivers", detail=detail)[0]
        assert {"events", "orders", "tags"} & set(row) == parts

    def test_the_receiver(self, api: Api, people: str) -> None:
        row = api.get(f"/v3/groups/{people}/receivers/active@example.org")
        assert (row["group_id"], row["tags"], row["active"]) == (people, ["Shop-Special.Buyer", "vip"], True)
        assert isinstance(row["id"], str)
        assert api.get(f"/v3/groups/{people}/receivers/{row['id']}") == row
        assert api.get("/v3/receivers/active@example.org", group_id=people) == row
        anywhere = api.get(f"/v3/receivers/{row['id']}")
        assert (anywhere["email"], anywhere["group_id"], anywhere["tags"]) == ("active@example.org", "0", [])
        assert [g["id"] for g in api.get(f"/v3/receivers/{row['id']}/groups")] == [people]
        for path in (f"/v3/groups/{people}/receivers/x@example.org", "/v3/receivers/999"):
            assert api.refusal("GET", path) == (404, "Not Found: invalid receiver")
        assert api.refusal("GET", "/v3/groups/999/receivers") == (404, "Not Found: invalid group")

    def test_switches_of_reading(self, sandbox: RunningSandbox, api: Api, group: str) -> None:
        sandbox.state.switches.empty_204 = True
        assert api.ask("GET", f"/v3/groups/{group}/receivers").status_code == 204
        sandbox.state.switches.get_receivers = False
        assert api.refusal("POST", f"/v3/groups/{group}/get_receivers", {"email_list": []})[0] == 404

    def test_parameters_that_mean_nothing(self, api: Api, group: str) -> None:
        assert api.refusal("GET", f"/v3/groups/{group}/receivers", type="dead")[0] == 400
        assert api.refusal("GET", f"/v3/groups/{group}/receivers", order_by="colour")[0] == 400
        assert api.get(f"/v3/groups/{group}/receivers", page="x", pagesize="-1") == []


class TestFilter:
    @pytest.mark.parametrize(
        ("rules", "emails"),
        [
            ([], ["active", "pending", "out", "bounced", "more0", "more1", "more2"]),
            ([("deactivated", "bg", "1")], ["out"]),
            ([("bounced", "BG", 0)], ["bounced"]),
            ([("email", "EQ", "Active@Example.org")], ["active"]),
            ([("email", "contains", "more")], ["more0", "more1", "more2"]),
            ([("email", "nocontains", "o")], []),
            ([("activated", "sm", "101")], ["pending", "out", "bounced", "more0"]),
            ([("tags", "contains", "Shop-Special.Contact,vip")], ["active", "pending"]),
            ([("tags", "contains", "Shop-Special")], []),
            ([("tags", "nocontains", "vip"), ("activated", "bg", "50")], ["more0", "more1", "more2"]),
            ([("city", "eq", "oldenburg")], ["active"]),
            ([("note", "eq", "x")], ["pending"]),
            ([("city", "eq", "oldenburg"), ("note", "eq", "x", "OR")], ["active", "pending"]),
            (
                [("email", "contains", "e"), ("(", "", "", "AND"), ("city", "eq", "Oldenburg"), ("note", "eq", "x", "OR"), (")", "", "")],
                ["active", "pending"],
            ),
        ],
    )  # fmt: skip
    def test_rules(
        self, sandbox: RunningSandbox, api: Api, people: str, rules: list[tuple[str, ...]], emails: list[str]
    ) -> None:
        sandbox.state.create_attribute("city")
        sandbox.state.create_attribute("note", group_id=int(people))
        sandbox.state.write(
            people,
            {"email": "active@example.org", "global_attributes": {"city": "Oldenburg"}},
            {"email": "pending@example.org", "attributes": {"note": "x"}},
        )
        wanted = [dict(zip(("field", "logic", "condition", "operator"), rule, strict=False)) for rule in rules]
        found = api.post("/v3/receivers/filter.json", {"groups": [people], "operator": "AND", "rules": wanted})
        assert [row["email"].partition("@")[0] for row in found] == emails
        assert {row["group_id"] for row in found} <= {people}

    def test_over_all_lists_in_pages(self, sandbox: RunningSandbox, api: Api, people: str) -> None:
        other = sandbox.state.add_group("Other")
        sandbox.state.write(other, {"email": "out@example.org", "deactivated": NOW, "tags": ["a.b"]})
        body = {"groups": [], "rules": [{"field": "deactivated", "logic": "bg", "condition": "1"}], "detail": 4}
        rows = api.post("/v3/receivers/filter", body)
        assert [(row["group_id"], row["tags"]) for row in rows] == [(people, []), (other, ["a.b"])]
        assert api.post("/v3/receivers/filter", {**body, "pagesize": 1, "page": 1}) == rows[1:]
        assert api.post("/v3/receivers/filter", {**body, "activeonly": True}) == []

    def test_saved_form_of_an_attribute(self, sandbox: RunningSandbox, api: Api, people: str) -> None:
        city = sandbox.state.create_attribute("city")
        sandbox.state.write(people, {"email": "active@example.org", "global_attributes": {"city": "Jever"}})
        rule = {"field": f"a{city.id}.value", "logic": "EQ", "condition": "Jever"}
        assert len(api.post("/v3/receivers/filter", {"rules": [rule]})) == 1

    @pytest.mark.parametrize(
        "body",
        [
            {"rules": [{"field": "nothing", "logic": "eq", "condition": "1"}]},
            {"rules": [{"field": "email", "logic": "like", "condition": "1"}]},
            {"rules": [{"field": "tags", "logic": "bg", "condition": "1"}]},
            {"rules": [{"field": ")"}]},
            {"rules": "x"},
        ],
    )
    def test_rules_that_mean_nothing(self, api: Api, people: str, body: dict[str, Any]) -> None:
        assert api.refusal("POST", "/v3/receivers/filter", body) == (400, "Bad Request: invalid filter")

    def test_unknown_list(self, api: Api) -> None:
        assert api.refusal("POST", "/v3/receivers/filter", {"groups": ["7"]}) == (404, "Not Found: invalid group")


class TestWriting:
    def test_one_receiver(self, api: Api, group: str) -> None:
        path = f"/v3/groups/{group}/receivers"
        row = api.post(path, {"email": "Anna@example.org", "tags": ["a.b"]})
        assert (row["email"], row["active"], row["tags"]) == ("anna@example.org", True, ["a.b"])
        status, message = api.refusal("POST", path, {"email": "anna@EXAMPLE.org"})
        assert status == 409
        assert "duplicate address" in message
        assert api.refusal("POST", path, {"email": "nonsense"})[0] == 400
        changed = api.put(f"{path}/{row['id']}", {"email": "else@example.org", "tags": ["c.d"], "activated": 0})
        assert (changed["email"], changed["tags"], changed["active"]) == ("anna@example.org", ["a.b", "c.d"], False)
        assert api.refusal("PUT", f"{path}/x@example.org", {}) == (404, "Not Found: invalid receiver")
        assert api.delete(f"{path}/anna@example.org") is True
        assert api.refusal("DELETE", f"{path}/anna@example.org") == (404, "Not Found: invalid receiver")

    @pytest.mark.parametrize(("on", "off"), [("activate", "deactivate"), ("setactive", "setinactive")])
    def test_activate_and_deactivate(self, api: Api, group: str, on: str, off: str) -> None:
        path = f"/v3/groups/{group}/receivers/a@example.org"
        api.post(f"/v3/groups/{group}/receivers", {"email": "a@example.org", "activated": NOW - 5})
        assert api.put(f"{path}/{off}") is True
        row = api.get(path)
        assert (row["activated"], row["deactivated"], row["active"]) == (NOW - 5, NOW, False)
        assert api.put(f"{path}/{on}") is True
        assert api.get(path)["active"] is True

    def test_insert_update_upsert(self, api: Api, people: str) -> None:
        path = f"/v3/groups/{people}/receivers"
        rows = [
            {"email": "out@example.org", "tags": ["x"]},
            {"email": "new@example.org", "tags": ["x"]},
            {"email": "bad"},
        ]
        updated = api.put(f"{path}/update", rows)
        assert updated[0]["status"] == "update success"
        assert [isinstance(row, str) for row in updated] == [False, True, True]
        assert [row["email"] for row in api.put(f"{path}/updateplus", rows)] == ["out@example.org"]
        inserted = api.post(f"{path}/insert", rows)
        assert inserted[0] == "duplicate address 'out@example.org';"
        assert inserted[1]["status"] == "insert success"
        assert inserted[2] == "invalid address 'bad';"
        upserted = api.post(f"{path}/upsert", rows)
        assert [row if isinstance(row, str) else row["status"] for row in upserted] == [
            "upsert success",
            "upsert success",
            "invalid address 'bad';",
        ]
        assert [row["id"] for row in upserted[:2]] == [updated[0]["id"], inserted[1]["id"]]

    def test_more_than_1000_rows(self, api: Api, group: str) -> None:
        rows = [{"email": f"p{n}@example.org"} for n in range(1001)]
        assert api.refusal("POST", f"/v3/groups/{group}/receivers/upsertplus", rows)[0] == 413
        assert len(api.post(f"/v3/groups/{group}/receivers/upsertplus", rows[:1000])) == 1000

    def test_contact_limit(self, sandbox: RunningSandbox, api: Api, people: str) -> None:
        sandbox.state.switches.contact_limit = 7
        path = f"/v3/groups/{people}/receivers/upsertplus"
        assert api.refusal("POST", path, [{"email": "one.more@example.org"}])[0] == 403
        assert len(api.post(path, [{"email": "active@example.org"}])) == 1

    def test_deletes(self, sandbox: RunningSandbox, api: Api, people: str) -> None:
        other = sandbox.state.add_group("Other")
        for number in (people, other):
            sandbox.state.write(number, {"email": "a@example.org"}, {"email": "b@example.org"})
        answer = api.post(f"/v3/groups/{people}/receivers/delete", ["a@example.org", "x@example.org"])
        assert answer[0]["status"] == "success"
        assert "invalid receiver" in answer[1]
        assert "a@example.org" in sandbox.state.receivers(other)
        api.post("/v3/receivers/delete.json", {"receivers": ["a@example.org", "nobody@example.org"]})
        assert "a@example.org" not in sandbox.state.receivers(other)
        assert api.delete("/v3/receivers/b@example.org") is True
        assert "b@example.org" not in {*sandbox.state.receivers(people), *sandbox.state.receivers(other)}

    def test_change_of_address(self, api: Api, people: str) -> None:
        row = api.get(f"/v3/groups/{people}/receivers/active@example.org")
        assert api.put(f"/v3/receivers/{row['id']}/email", {"email": "Newer@example.org"}) is True
        assert api.get(f"/v3/groups/{people}/receivers/newer@example.org")["id"] == row["id"]
        assert api.refusal("PUT", f"/v3/receivers/{row['id']}/email", {"email": "out@example.org"})[0] == 409
        assert api.refusal("PUT", f"/v3/receivers/{row['id']}/email", {"email": "out"})[0] == 400

    def test_single_tags_values_and_orders(self, sandbox: RunningSandbox, api: Api, people: str) -> None:
        city = sandbox.state.create_attribute("city")
        sandbox.state.create_attribute("note", group_id=int(people))
        path = f"/v3/groups/{people}/receivers/active@example.org"
        assert api.post(f"{path}/tags", {"tags": ["vip", "x.y"]}) == ["x.y"]
        assert api.post("/v3/receivers/active@example.org/tags", {"tags": ["z"], "group_id": people}) == ["z"]
        assert api.put(f"/v3/receivers/active@example.org/attributes/{city.id}", {"value": "Varel"}) is True
        assert api.put(f"{path}/attributes/note", {"value": "hi"}) is True
        assert api.refusal("PUT", f"{path}/attributes/city", {"value": "hi"})[0] == 404
        assert api.post(f"{path}/orders", {"order_id": "1"}) is True
        row = api.get(path)
        assert (row["attributes"], row["global_attributes"]) == ({"note": "hi"}, {"city": "Varel"})
        assert api.get(f"{path}/orders") == [{"order_id": "1"}]
        assert len(api.get(f"{path}/events")) == len(row["events"])

    def test_is_valid(self, api: Api, people: str) -> None:
        body = {"emails": ["active@example.org", "x@example.org"], "group_id": people}
        assert api.post("/v3/receivers/isvalid", body) == ["active@example.org"]
        assert api.post("/v3/receivers/isvalid", {**body, "invert": True}) == ["x@example.org"]

    def test_bounces(self, api: Api, people: str) -> None:
        assert [row["email"] for row in api.get("/v3/receivers/bounced")] == ["bounced@example.org"]
        bounce = api.get("/v3/bounces", page=0, pagesize=10)[0]
        assert (bounce["email"], bounce["category"], bounce["occurences"]) == ("bounced@example.org", "hardbounce", 1)
        assert api.get("/v3/bounces", page=1, pagesize=10) == []


class TestAttributes:
    def test_life_of_a_data_field(self, sandbox: RunningSandbox, api: Api, people: str) -> None:
        created = api.post("/v3/attributes.json", {"name": "Communication Key", "type": "text", "preview_value": "x"})
        assert created == {
            "id": created["id"],
            "groups_id": 0,
            "name": "communication_key",
            "description": "Communication Key",
            "preview_value": "x",
            "value": None,
            "type": "text",
            "tag": "{COMMUNICATION_KEY}",
        }
        assert isinstance(created["id"], int)
        assert api.refusal("POST", "/v3/attributes", {"name": "communication key", "type": "text"})[0] == 409
        assert api.get("/v3/attributes") == [created]
        path = f"/v3/attributes/{created['id']}"
        assert api.put(path, {"description": "Key"})["description"] == "Key"
        assert api.get(path)["name"] == "communication_key"
        sandbox.state.write(people, {"email": "active@example.org", "global_attributes": {"communication_key": "7"}})
        assert api.delete(path) is True
        assert api.refusal("GET", path)[0] == 404
        assert api.get(f"/v3/groups/{people}/receivers/active@example.org")["global_attributes"] == {}

    def test_fields_of_a_list(self, api: Api, group: str) -> None:
        created = api.post(f"/v3/groups/{group}/attributes", {"name": "Vorname", "type": "text"})
        also = api.post("/v3/attributes", {"name": "Nachname", "type": "text", "group_id": group})
        assert (created["name"], created["groups_id"]) == ("vorname", int(group))
        assert api.get(f"/v3/groups/{group}/attributes") == [created, also]
        assert api.get("/v3/attributes", group_id=group) == [created, also]
        assert api.get("/v3/attributes") == []
        assert api.delete(f"/v3/attributes/{created['id']}") is True

    def test_what_is_refused(self, sandbox: RunningSandbox, api: Api) -> None:
        assert api.refusal("POST", "/v3/attributes", {"name": "a", "type": "colour"})[0] == 400
        assert api.refusal("POST", "/v3/attributes", {"type": "text"})[0] == 400
        for number in range(45):
            sandbox.state.create_attribute(f"field {number}")
        assert api.get("/v3/attributes/limits") == {"limit": 45, "used": 45, "free": 0}
        assert api.refusal("POST", "/v3/attributes", {"name": "one more", "type": "text"})[0] == 400


class TestTags:
    def test_rows(self, api: Api, people: str) -> None:
        assert api.get("/v3/tags") == [
            {"tag": "Buyer", "origin": "Shop-Special", "count": 1},
            {"tag": "Contact", "origin": "Shop-Special", "count": 1},
            {"tag": "vip", "origin": "", "count": 1},
        ]
        assert [r["tag"] for r in api.get("/v3/tags", origin="")] == ["vip"]
        assert [r["tag"] for r in api.get("/v3/tags", origin="Shop-Special", group_id=people)] == ["Buyer", "Contact"]
        assert [r["tag"] for r in api.get("/v3/tags", origin="*", limit=2, page=1)] == ["vip"]
        assert [r["tag"] for r in api.get("/v3/tags", limit=2, offset=1)] == ["Contact", "vip"]

    def test_count(self, api: Api, people: str) -> None:
        assert api.get("/v3/tags/count.json", tag="Shop-Special.Contact") == 1
        assert api.get("/v3/tags/count", tag="Shop-Special.Contact", active="true", group_id=people) == 0
        assert api.get("/v3/tags/count", tag="shop-special.contact") == 0


class TestBlacklist:
    def test_entries(self, sandbox: RunningSandbox, api: Api) -> None:
        sandbox.state.clock = lambda: NOW
        entry = {"email": "a@example.org", "comment": "by hand", "stamp": NOW}
        assert api.post("/v3/blacklist", {"email": "A@example.org", "comment": "by hand"}) == entry
        api.post("/v3/blacklist", [{"email": "*@spam.example"}, {"email": "b@example.org-WooCommerce"}])
        assert [row["email"] for row in api.get("/v3/blacklist.json")] == [
            "a@example.org",
            "*@spam.example",
            "b@example.org-woocommerce",
        ]
        emails = ["A@example.org", "x@spam.example", "b@example.org", "c@example.org"]
        assert api.post("/v3/blacklist/validate", {"emails": emails}) == ["b@example.org", "c@example.org"]
        assert api.get("/v3/blacklist/a@example.org") == entry
        assert api.delete("/v3/blacklist/a%40example.org") is True
        assert api.delete("/v3/blacklist/*@spam.example") is True
        for method in ("GET", "DELETE"):
            assert api.refusal(method, "/v3/blacklist/a@example.org")[0] == 404
        assert api.post("/v3/blacklist/validate", {"emails": emails}) == emails
        assert api.refusal("POST", "/v3/blacklist", {"comment": "x"})[0] == 400

    def test_of_one_list(self, sandbox: RunningSandbox, api: Api, group: str) -> None:
        other = sandbox.state.add_group("Other")
        api.post(f"/v3/groups/{group}/blacklist", {"email": "a@example.org"})
        row = [{"email": "a@example.org"}]
        assert api.post(f"/v3/groups/{group}/receivers/upsertplus", row) == []
        assert len(api.post(f"/v3/groups/{other}/receivers/upsertplus", row)) == 1
        assert api.get("/v3/blacklist") == []
        assert len(api.get(f"/v3/groups/{group}/blacklist")) == 1
        assert api.delete(f"/v3/groups/{group}/blacklist/a@example.org") is True
