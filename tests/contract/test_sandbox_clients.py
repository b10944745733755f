"""What other clients of the API ask for: the official plug-ins, older ones, and a browser that somebody else steers."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx  # noqa: TID251 - raw requests
import pytest

from cleverreach_sync.errors import UsageError
from cleverreach_sync.sandbox.server import RunningSandbox
from tests.sandbox_api import NOW, Api

RULE = {"field": "tags", "logic": "CONTAINS", "condition": "Shop-Special.Buyer"}


@pytest.fixture
def group(sandbox: RunningSandbox) -> str:
    """A buyer who is active, and somebody pending."""
    sandbox.state.clock = lambda: NOW
    number = sandbox.state.add_group("Online shop")
    sandbox.state.write(
        number,
        {"email": "buyer@example.org", "activated": NOW, "tags": ["Shop-Special.Buyer"]},
        {"email": "pending@example.org", "activated": 0},
    )
    return number


class TestPaths:
    @pytest.mark.parametrize("path", ["/v3/blacklist.json/", "/v3/blacklist/", "/v3/groups.json/", "/v3/debug/whoami/"])
    def test_a_slash_at_the_end(self, api: Api, group: str, path: str) -> None:
        assert api.get(path) == api.get(path.rstrip("/"))

    def test_it_never_deletes_more_than_was_named(self, api: Api, group: str) -> None:
        """An ID that is missing leaves such a path."""
        for path in (f"/v3/groups/{group}/", f"/v3/groups/{group}/receivers/", "/v3/blacklist/"):
            assert api.ask("DELETE", path).status_code in (404, 405)
        assert len(api.get(f"/v3/groups/{group}/receivers")) == 2


class TestNulls:
    def test_of_a_list(self, api: Api) -> None:
        made = api.post("/v3/groups", {"name": "One", "receiver_info": None})
        assert made["receiver_info"] == ""
        path = f"/v3/groups/{made['id']}"
        assert api.put(path, {"receiver_info": "why"})["receiver_info"] == "why"
        assert api.put(path, {"name": "Two"})["receiver_info"] == "why"
        assert api.put(path, {"receiver_info": None})["receiver_info"] == ""

    def test_of_a_data_field_and_an_entry_of_the_blacklist(self, api: Api) -> None:
        given = {"name": "city", "type": None, "description": None, "preview_value": None}
        made = api.post("/v3/attributes", given)
        assert (made["type"], made["description"], made["preview_value"]) == ("text", "city", "")
        assert api.post("/v3/blacklist", {"email": "a@example.org", "comment": None})["comment"] == ""


class TestLogin:
    def test_a_token_as_a_text(self, sandbox: RunningSandbox) -> None:
        answer = httpx.post(f"{sandbox.url}/v3/login", json={"client_id": "1", "login": "a", "password": "b"})
        token = answer.json()
        assert isinstance(token, str)
        assert httpx.get(f"{sandbox.url}/v3/debug/validate", params={"token": token}).json() is True

    @pytest.mark.parametrize("missing", ["client_id", "login", "password"])
    def test_all_of_it_has_to_be_there(self, sandbox: RunningSandbox, missing: str) -> None:
        given = {"client_id": "1", "login": "a", "password": "b", missing: None}
        assert httpx.post(f"{sandbox.url}/v3/login", json=given).status_code == 401


class TestClients:
    def test_the_account(self, api: Api, group: str) -> None:
        (client,) = api.get("/v3/clients")
        assert client == api.get(f"/v3/clients/{client['id']}") == api.get("/v3/debug/whoami")
        assert api.get(f"/v3/clients/{client['id']}/receivercount") == 2
        assert api.get(f"/v3/clients/{client['id']}/activereceivercount") == 1
        assert api.get(f"/v3/clients/{client['id']}/users") == []
        assert api.get(f"/v3/clients/{client['id']}/plan")["receivers"] == 2
        assert api.refusal("GET", "/v3/clients/7") == (404, "Not Found: invalid client")


class TestSegments:
    def test_made_changed_and_deleted(self, api: Api, group: str) -> None:
        path = f"/v3/groups/{group}/filters"
        assert api.get(path) == []
        made = api.post(path, {"name": "Special: Buyer", "operator": "AND", "rules": [RULE]})
        assert made == {"id": made["id"], "success": True}
        assert api.get(path) == [{"id": str(made["id"]), "name": "Special: Buyer", "rules": [{"operator": "", **RULE}]}]
        one = f"{path}/{made['id']}"
        assert api.get(f"{one}/count") == 1
        assert [row["email"] for row in api.get(f"{one}/receivers")] == ["buyer@example.org"]
        assert api.put(one, {"name": "Nobody", "rules": [{**RULE, "logic": "NOCONTAINS"}]}) == {"success": True}
        assert api.get(one)["name"] == "Nobody"
        assert [row["email"] for row in api.get(f"{one}/receivers")] == ["pending@example.org"]
        assert api.delete(one) is True
        assert api.refusal("GET", one) == (404, "Not Found: invalid filter")

    def test_refused(self, api: Api, group: str) -> None:
        other = api.post("/v3/groups", {"name": "Other"})["id"]
        made = api.post(f"/v3/groups/{group}/filters", {"name": "One", "rules": [RULE]})["id"]
        assert api.refusal("GET", f"/v3/groups/{other}/filters/{made}")[0] == 404
        wrong: list[dict[str, Any]] = [
            {"rules": []},
            {"name": "x", "rules": [{"field": "unknown"}]},
            {"name": "x", "rules": "no"},
        ]
        for body in wrong:
            assert api.refusal("POST", f"/v3/groups/{group}/filters", body)[0] == 400


class TestForms:
    def test_of_a_list(self, api: Api, group: str) -> None:
        assert api.get("/v3/forms") == api.get(f"/v3/groups/{group}/forms") == []
        made = api.post(f"/v3/forms/{group}/createfromtemplate/default", {"name": "News"})["id"]
        shown = {"id": made, "name": "News", "customer_tables_id": group}
        assert api.get("/v3/forms.json") == api.get(f"/v3/groups/{group}/forms") == [shown]
        assert api.get(f"/v3/forms/{made}") == shown
        assert made in api.get(f"/v3/forms/{made}/code", badget="false", embedded="true")
        assert api.refusal("GET", "/v3/forms/7") == (404, "Not Found: invalid form")

    def test_the_mail_that_asks_to_confirm(self, api: Api, group: str) -> None:
        form = api.post(f"/v3/forms/{group}/createfromtemplate/default")["id"]
        path, doi = f"/v3/forms/{form}/send/activate", {"user_ip": "192.0.2.1", "referer": "", "user_agent": ""}
        pending: dict[str, Any] = {"email": "pending@example.org", "doidata": doi}
        assert api.post(path, pending) == {"success": True}
        assert api.refusal("POST", path, {**pending, "doidata": {**doi, "user_ip": ""}})[0] == 400
        assert "already active" in api.refusal("POST", path, {**pending, "email": "buyer@example.org"})[1]
        assert api.refusal("POST", path, {**pending, "email": "nobody@example.org"})[0] == 404


def test_mailings(api: Api) -> None:
    assert api.get("/v3/mailings.json/") == {"finished": [], "draft": [], "waiting": [], "running": []}
    made = api.post("/v3/mailings.json", {"name": "One", "subject": "Hello"})["id"]
    assert [each["id"] for each in api.get("/v3/mailings", state="draft")["draft"]] == [made]
    api.put(f"/v3/mailings/{made}", {"subject": "Hello again"})
    assert api.get(f"/v3/mailings/{made}")["subject"] == "Hello again"


class TestForeign:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "rebound.example.com"},
            {"Host": "rebound.example.com:8787"},
            {"Host": "127.0.0.1.example.com"},
            {"Host": "localhost.example.com"},
            {"Origin": "https://evil.example.com"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1@evil.example.com"},
        ],
    )
    @pytest.mark.parametrize("path", ["/sandbox/receivers", "/v3/groups", "/oauth/token.php"])
    def test_refused(self, sandbox: RunningSandbox, headers: dict[str, str], path: str) -> None:
        answer = httpx.request("POST" if "token" in path else "GET", sandbox.url + path, headers=headers)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == 403

    @pytest.mark.parametrize("name", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.2:9", "[::1]:8787"])
    def test_names_of_this_machine(self, api: Api, name: str) -> None:
        headers = {"Host": name, "Origin": f"http://{name}"}
        assert api.http.get("/v3/groups", headers=headers).status_code == 200


class TestDatabase:
    @pytest.fixture(autouse=True, params=[0o000, 0o277])
    def mask(self, request: pytest.FixtureRequest) -> Iterator[None]:
        before = os.umask(request.param)
        yield
        os.umask(before)

    @pytest.mark.skipif(os.name == "nt", reason="there are no such modes")
    def test_its_owner_s_alone(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o777)
        path = tmp_path / "sandbox.db"
        with RunningSandbox(db=path) as running:
            group = running.state.add_group("One")
            running.state.write(group, {"email": "a@example.org"})
            running.state.add_object("filter", group=int(group), name="One", rules=[RULE])
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        assert modes
        assert set(modes.values()) == {0o600}
        path.chmod(0o644)
        with RunningSandbox(db=path) as again:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert [each["name"] for each in again.state.objects["filter"].values()] == ["One"]

    @pytest.mark.parametrize("there", [True, False])
    def test_no_link_is_followed(self, tmp_path: Path, there: bool) -> None:
        aim = tmp_path / "aim.db"
        if there:
            with RunningSandbox(db=aim):
                pass
        link = tmp_path / "link.db"
        link.symlink_to(aim)
        with pytest.raises(UsageError, match="link"):
            RunningSandbox(db=link)
        assert aim.exists() is there

    def test_another_database_stays_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "other.db"
        with sqlite3.connect(path) as other:
            other.execute("create table t (a)")
        other.close()
        path.chmod(0o640)
        before = path.read_bytes()
        with pytest.raises(UsageError):
            RunningSandbox(db=path)
        assert (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) == (0o640, before)
