"""What a write makes of a receiver: activation, tags, values, refused rows."""

from __future__ import annotations

from typing import Any

import pytest

from cleverreach_sync.sandbox.receivers import tag_written
from cleverreach_sync.sandbox.server import RunningSandbox
from tests.sandbox_api import NOW, Api

T = NOW - 500
EARLIER = NOW - 9000

NEW, ACTIVE, PENDING, OUT = "new", "active", "pending", "opted out"
STARTS = {
    ACTIVE: {"registered": EARLIER, "activated": EARLIER},
    PENDING: {"registered": EARLIER, "activated": 0},
    OUT: {"registered": EARLIER, "activated": EARLIER, "deactivated": EARLIER},
}


@pytest.fixture
def group(sandbox: RunningSandbox) -> str:
    sandbox.state.clock = lambda: NOW
    return sandbox.state.add_group("Online shop")


def upsert(api: Api, group: str, *rows: Any) -> Any:
    return api.post(f"/v3/groups/{group}/receivers/upsertplus", list(rows))


@pytest.mark.parametrize(
    ("start", "payload", "stamps", "active"),
    [
        (NEW, {}, (NOW, NOW, 0), True),
        (ACTIVE, {}, (EARLIER, EARLIER, 0), True),
        (PENDING, {}, (EARLIER, 0, 0), False),
        (OUT, {}, (EARLIER, EARLIER, EARLIER), False),
        (NEW, {"registered": T}, (T, 0, 0), False),
        (ACTIVE, {"registered": T}, (EARLIER, EARLIER, 0), True),
        (PENDING, {"registered": T}, (EARLIER, 0, 0), False),
        (OUT, {"registered": T}, (EARLIER, EARLIER, EARLIER), False),
        (NEW, {"activated": 0}, (NOW, 0, 0), False),
        (ACTIVE, {"activated": 0}, (EARLIER, 0, 0), False),
        (PENDING, {"activated": 0}, (EARLIER, 0, 0), False),
        (OUT, {"activated": 0}, (EARLIER, 0, EARLIER), False),
        (NEW, {"activated": T}, (NOW, T, 0), True),
        (NEW, {"registered": EARLIER, "activated": str(T)}, (EARLIER, T, 0), True),
        (ACTIVE, {"activated": T}, (EARLIER, T, 0), True),
        (PENDING, {"activated": T}, (EARLIER, T, 0), True),
        (OUT, {"activated": T}, (EARLIER, EARLIER, EARLIER), False),
        (NEW, {"deactivated": T}, (NOW, 0, T), False),
        (ACTIVE, {"deactivated": T}, (EARLIER, EARLIER, T), False),
        (PENDING, {"deactivated": "1"}, (EARLIER, 0, 1), False),
        (OUT, {"deactivated": T}, (EARLIER, EARLIER, EARLIER), False),
        (NEW, {"deactivated": 0}, (NOW, NOW, 0), True),
        (ACTIVE, {"deactivated": 0}, (EARLIER, EARLIER, 0), True),
        (PENDING, {"deactivated": 0}, (EARLIER, 0, 0), False),
        (OUT, {"deactivated": 0}, (EARLIER, EARLIER, 0), True),
        (OUT, {"deactivated": "0", "activated": T}, (EARLIER, T, 0), True),
    ],
)
def test_activation(
    api: Api, group: str, start: str, payload: dict[str, Any], stamps: tuple[int, int, int], active: bool
) -> None:
    if start in STARTS:
        upsert(api, group, {"email": "anna@example.org", **STARTS[start]})
    row = upsert(api, group, {"email": "anna@example.org", **payload})[0]
    assert (row["registered"], row["activated"], row["deactivated"]) == stamps
    assert row["active"] is active
    assert row["last_changed"] == NOW


def test_lenient_optout_lets_activated_reactivate(sandbox: RunningSandbox, api: Api, group: str) -> None:
    sandbox.state.switches.lenient_optout = True
    upsert(api, group, {"email": "anna@example.org", **STARTS[OUT]})
    row = upsert(api, group, {"email": "anna@example.org", "activated": T})[0]
    assert (row["activated"], row["deactivated"], row["active"]) == (T, 0, True)


def test_somebody_deleted_is_made_again_active_by_a_row_without_stamps(
    sandbox: RunningSandbox, api: Api, group: str
) -> None:
    before = upsert(api, group, {"email": "anna@example.org", "activated": 0})[0]
    sandbox.state.delete("anna@example.org")
    after = upsert(api, group, {"email": "anna@example.org"})[0]
    assert after["active"] is True
    assert after["id"] != before["id"]


def test_bounced_is_not_active_in_any_list(sandbox: RunningSandbox, api: Api, group: str) -> None:
    upsert(api, group, {"email": "anna@example.org"})
    sandbox.state.bounce("anna@example.org")
    row = upsert(api, group, {"email": "anna@example.org", "activated": NOW})[0]
    assert (row["bounced"], row["active"]) == (NOW, False)


@pytest.mark.parametrize(
    ("before", "written", "after"),
    [
        ([], ["Shop-Special.Buyer"], ["Shop-Special.Buyer"]),
        (["a.b"], ["c.d"], ["a.b", "c.d"]),
        (["a.b", "c.d"], ["-a.b"], ["c.d"]),
        (["a.b"], ["a.b", "-a.b"], []),
        ([], ["-a.b", "a.b"], []),
        (["Shop-Special.A", "Shop-Special.B", "Shop-Group.A", "x"], ["-Shop-Special.*"], ["Shop-Group.A", "x"]),
        (["a.b"], ["A.B", "-A.b"], ["a.b", "A.B"]),
        (["x"], [], ["x"]),
        (["x"], ["", "-"], ["x"]),
        ([], "single", ["single"]),
        ([], ["Müller-Größe.Ärger ü"], ["Müller-Größe.Ärger_ü"]),
    ],
)
def test_tags_are_merged(api: Api, group: str, before: list[str], written: Any, after: list[str]) -> None:
    upsert(api, group, {"email": "anna@example.org", "tags": before})
    assert upsert(api, group, {"email": "anna@example.org", "tags": written})[0]["tags"] == after


@pytest.mark.parametrize(
    ("raw", "kept", "ascii_only"),
    [
        ("Shopware_6-Special.Subscriber", "Shopware_6-Special.Subscriber", "Shopware_6-Special.Subscriber"),
        ("X-Größe.Ärger_ü", "X-Größe.Ärger_ü", "X-Gr__e._rger__"),
        ("X-Site.日本_語", "X-Site.日本_語", "X-Site.____"),
        ("a b.c/d", "a_b.c_d", "a_b.c_d"),
        ("X-" + "T" * 60 + ".V", "X-" + "T" * 47 + ".V", "X-" + "T" * 47 + ".V"),
        ("X-Role." + "v" * 80, "X-Role." + "v" * 80, "X-Role." + "v" * 80),
        ("X-Site.", "X-Site.", "X-Site."),
        ("no origin", "no_origin", "no_origin"),
    ],
)
def test_tags_are_normalised(raw: str, kept: str, ascii_only: str) -> None:
    assert tag_written(raw) == kept
    assert tag_written(raw, ascii_only=True) == ascii_only


def test_removal_finds_the_tag_as_it_was_written_when_umlauts_are_replaced(
    sandbox: RunningSandbox, api: Api, group: str
) -> None:
    sandbox.state.switches.tags_ascii = True
    assert upsert(api, group, {"email": "a@example.org", "tags": ["Käse-Special.Buyer"]})[0]["tags"] == [
        "K_se-Special.Buyer"
    ]
    assert upsert(api, group, {"email": "a@example.org", "tags": ["-Käse-Special.Buyer"]})[0]["tags"] == []


def test_filters_see_tags_late(sandbox: RunningSandbox, api: Api, group: str) -> None:
    sandbox.state.switches.tag_delay = 120
    assert upsert(api, group, {"email": "a@example.org", "tags": ["a.b"]})[0]["tags"] == ["a.b"]
    assert api.get("/v3/tags/count", tag="a.b") == 0
    sandbox.state.clock = lambda: NOW + 120
    assert api.get("/v3/tags/count", tag="a.b") == 1


@pytest.mark.parametrize(
    ("kind", "before", "written", "after"),
    [
        ("text", "x", "y", "y"),
        ("text", "x", "", ""),
        ("text", "x", None, "x"),
        ("text", "", 12, "12"),
        ("text", "", 1.5, "1.5"),
        ("text", "", True, "1"),
        ("text", "3", "+1", "+1"),
        ("number", "3", "+1", "4"),
        ("number", "", "+2", "2"),
        ("number", "10", "-5", "5"),
        ("number", "3", "1234.50", "1234.50"),
        ("date", "", "1993-02-11", "1993-02-11"),
        ("date", "", "729388800", "1993-02-11"),
        ("date", "", "-86400", "1969-12-31"),
        ("gender", "", "female", "female"),
    ],
)
def test_values_come_back_as_text(api: Api, group: str, kind: str, before: str, written: Any, after: str) -> None:
    api.post("/v3/attributes", {"name": "field", "type": kind})
    upsert(api, group, {"email": "anna@example.org", "global_attributes": {"field": before}})
    row = upsert(api, group, {"email": "anna@example.org", "global_attributes": {"field": written}})[0]
    assert row["global_attributes"] == {"field": after}


def test_every_global_field_is_there_and_empty_maps_are_objects(sandbox: RunningSandbox, api: Api, group: str) -> None:
    for name in ("firstname", "lastname"):
        sandbox.state.create_attribute(name)
    row = upsert(
        api,
        group,
        {
            "email": "anna@example.org",
            "firstname": "outside",
            "global_attributes": {"FirstName": "Anna", "unknown": "x"},
            "attributes": {"nothing": "x"},
        },
    )[0]
    assert row["global_attributes"] == {"firstname": "Anna", "lastname": ""}
    assert row["attributes"] == {}
    sandbox.state.switches.empty_arrays = True
    assert api.get(f"/v3/groups/{group}/receivers")[0]["attributes"] == []


def test_unknown_fields_may_be_refused(sandbox: RunningSandbox, api: Api, group: str) -> None:
    sandbox.state.switches.reject_unknown_attributes = True
    assert upsert(api, group, {"email": "a@example.org", "global_attributes": {"nothing": "x"}}) == []


def test_global_values_are_shared_between_lists_and_those_of_a_list_are_not(
    sandbox: RunningSandbox, api: Api, group: str
) -> None:
    other = sandbox.state.add_group("Other")
    sandbox.state.create_attribute("city")
    for number in (group, other):
        sandbox.state.create_attribute("note", group_id=int(number))
    here = upsert(
        api,
        group,
        {
            "email": "a@example.org",
            "global_attributes": {"city": "Oldenburg"},
            "attributes": {"note": "here"},
            "tags": ["a.b"],
            "activated": 0,
        },
    )[0]
    there = upsert(api, other, {"email": "A@Example.org"})[0]
    assert there["id"] == here["id"]
    assert there["global_attributes"] == {"city": "Oldenburg"}
    assert (there["attributes"], there["tags"], there["active"]) == ({"note": ""}, [], True)
    upsert(api, other, {"email": "a@example.org", "global_attributes": {"city": "Rastede"}})
    assert sandbox.state.receivers(group)["a@example.org"]["global_attributes"] == {"city": "Rastede"}
    assert sandbox.state.receivers(group)["a@example.org"]["active"] is False


def test_addresses_match_in_any_case_and_are_kept_in_lower_case(api: Api, group: str) -> None:
    first = upsert(api, group, {"email": " Anna@Example.ORG "})[0]
    assert first["email"] == "anna@example.org"
    assert upsert(api, group, {"email": "ANNA@example.org"})[0]["id"] == first["id"]
    assert api.get(f"/v3/groups/{group}/receivers/ANNA@example.org")["id"] == first["id"]


@pytest.mark.parametrize(
    "bad", ["", "test3-invalidmail", "a@b", "a b@example.org", "a@@example.org", ".a@example.org", "a@-x.de", None]
)
def test_a_bad_address_costs_its_row_only(api: Api, group: str, bad: str | None) -> None:
    rows = [{"email": bad}, {"email": "good@example.org"}]
    answer = api.post(f"/v3/groups/{group}/receivers/upsert", rows)
    assert "invalid address" in answer[0]
    assert answer[1]["status"] == "upsert success"
    assert [row["email"] for row in upsert(api, group, *rows)] == ["good@example.org"]


def test_other_than_ascii_letters_in_the_local_part_are_a_switch(sandbox: RunningSandbox, api: Api, group: str) -> None:
    assert [row["email"] for row in upsert(api, group, {"email": "Jörg@example.org"})] == ["jörg@example.org"]
    sandbox.state.switches.unicode_local = False
    assert upsert(api, group, {"email": "jörg@example.org"}) == []


def test_blacklisted_addresses_are_dropped(sandbox: RunningSandbox, api: Api, group: str) -> None:
    upsert(api, group, {"email": "known@example.org"})
    for entry in ("Known@example.org", "*@spam.example", "free@example.org-WooCommerce"):
        sandbox.state.list_address(entry)
    rows = [{"email": e} for e in ("known@example.org", "x@spam.example", "free@example.org")]
    assert [row["email"] for row in upsert(api, group, *rows)] == ["free@example.org"]
    answer = api.post(f"/v3/groups/{group}/receivers/upsert", rows)
    assert [isinstance(row, str) for row in answer] == [True, True, False]
    assert "blacklisted" in answer[0]


def test_a_row_may_name_its_receiver_by_id(api: Api, group: str) -> None:
    known = upsert(api, group, {"email": "a@example.org", **STARTS[OUT]})[0]
    assert upsert(api, group, {"id": known["id"], "deactivated": "0"})[0]["active"] is True
    assert upsert(api, group, {"id": "99999"}) == []


def test_rows_that_are_no_objects_and_wrapped_rows(api: Api, group: str) -> None:
    assert upsert(api, group, "x", 7, None) == []
    path = f"/v3/groups/{group}/receivers/upsertplus"
    assert len(api.post(path, {"postdata": [{"email": "a@example.org"}]})) == 1
    assert len(api.post(path, {"email": "b@example.org"})) == 1
    assert api.refusal("POST", path, "text") == (400, "Bad Request: array expected")
    assert api.refusal("POST", path) == (400, "Bad Request: array expected")


def test_orders_and_events_are_kept(api: Api, group: str) -> None:
    order = {"order_id": "1001", "product": "Shoe", "price": "19.90"}
    upsert(api, group, {"email": "a@example.org", "orders": [order]})
    row = upsert(api, group, {"email": "a@example.org", "source": "x" * 300})[0]
    assert row["orders"] == [order]
    assert row["source"] == "x" * 250
    assert [event["type_id"] for event in row["events"]] == ["REST insert", "REST update"]
