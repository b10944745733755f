"""Named transfers of one config: each a run with a state of its own."""

from __future__ import annotations

import json

import pytest

from tests.e2e.agency import Agency, customers
from tests.e2e.people import customer

CONFIG = ("-c", "shops/tea.yaml")


@pytest.fixture
def tea(agency: Agency) -> Agency:
    agency.shop("tea", transfers={"daily": {}, "Retail-2": {"tags": ["buyer"], "target": {"list": "Retail"}}})
    return agency


def test_all_run_in_order_each_with_its_own_state(tea: Agency) -> None:
    document = tea.runs("sync", *CONFIG)
    assert document["schema"] == "crsync.runs/1"
    assert [(run["config"], run["transfer"], run["counts"]["created"]) for run in document["runs"]] == [
        ("shops/tea.yaml", "daily", 3), ("shops/tea.yaml", "Retail-2", 3),
    ]  # fmt: skip
    assert {name: len(tea.recipients(name)) for name in ("tea", "Retail")} == {"tea": 3, "Retail": 3}
    for name in ("daily", "Retail-2"):
        (line,) = (tea.state_of("tea", "transfers", name) / "history.jsonl").read_text().splitlines()
        assert json.loads(line)["transfer"] == name
    assert not tea.state_of("tea", "checkpoint.json").exists()
    tea.state.traffic.clear()
    again = tea.runs("sync", *CONFIG)
    assert [run["counts"]["unchanged"] for run in again["runs"]] == [3, 3]
    assert tea.state.traffic.writes == 0


def test_one_by_its_name(tea: Agency) -> None:
    document = tea.runs("sync", *CONFIG, "--transfer", "Retail-2")
    assert (document["schema"], document["transfer"]) == ("crsync.run/1", "Retail-2")
    assert not tea.recipients("tea")
    assert len(tea.recipients("Retail")) == 3
    two = tea.runs("sync", *CONFIG, "--transfer", "Retail-2", "--transfer", "daily")
    assert [run["transfer"] for run in two["runs"]] == ["daily", "Retail-2"]


@pytest.mark.parametrize("command", ["sync", "diff", "check", "status"])
def test_a_name_that_there_is_not(tea: Agency, command: str) -> None:
    ended = tea(command, *CONFIG, "--transfer", "dialy")
    assert (ended.code, ended.out) == (2, "")
    assert "error: there is no transfer 'dialy' in shops/tea.yaml" in ended.err
    assert "hint: did you mean 'daily'?" in ended.err
    tea.shop("plain")
    ended = tea(command, "-c", "shops/plain.yaml", "--transfer", "daily")
    assert ended.code == 2
    assert "error: there are no transfers in shops/plain.yaml" in ended.err


def test_one_that_fails_does_not_stop_the_others(agency: Agency) -> None:
    overrides = {"a": {"source": {"path": "gone.csv"}}, "b": {"target": {"list": "b"}}}
    agency.shop("tea", transfers=overrides)
    ended = agency("sync", *CONFIG)
    assert ended.code == 2
    assert "[a] error: " in ended.err
    assert "[b]" not in ended.err
    assert len(agency.recipients("b")) == 3


def test_every_command_knows_them(tea: Agency) -> None:
    assert tea("attrs", "create", *CONFIG).code == 0
    assert [entry["transfer"] for entry in tea.runs("attrs", "list", *CONFIG)["field_lists"]] == ["daily", "Retail-2"]
    assert tea("diff", *CONFIG, "--exit-code").code == 3
    assert tea("sync", *CONFIG).code == 0
    checks = tea.runs("check", *CONFIG)
    assert [(entry["schema"], entry["transfer"]) for entry in checks["checks"]] == [
        ("crsync.check/1", "daily"), ("crsync.check/1", "Retail-2"),
    ]  # fmt: skip
    statuses = tea.runs("status", *CONFIG)["statuses"]
    assert [(entry["transfer"], entry["target"]["list_name"], len(entry["runs"])) for entry in statuses] == [
        ("daily", "tea", 1), ("Retail-2", "Retail", 1),
    ]  # fmt: skip
    assert tea.runs("status", *CONFIG, "--transfer", "daily")["schema"] == "crsync.status/1"
    assert [run["counts"]["updated"] for run in tea.runs("resync", *CONFIG)["runs"]] == [3, 3]


@pytest.mark.parametrize("form", ["csv", "markdown", "text"])
def test_a_diff_in_every_format_says_whose_each_change_is(tea: Agency, form: str) -> None:
    ended = tea("diff", *CONFIG, "--format", form)
    assert ended.code == 0
    if form == "csv":
        head, *rows = ended.out.splitlines()
        assert head.startswith("config,transfer,list,action,")
        assert [row.split(",")[1] for row in rows] == ["daily"] * 3 + ["Retail-2"] * 3
    else:
        assert ended.out.index("daily") < ended.out.index("Retail-2")
        assert ended.out.count("p***@tea.example") == 6


def test_every_folder_of_the_state_is_private(tea: Agency) -> None:
    tea.runs("sync", *CONFIG)
    for folder in (tea.state_of("tea"), tea.state_of("tea", "transfers"), tea.state_of("tea", "transfers", "daily")):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_state_from_before_the_transfers_can_be_moved(agency: Agency) -> None:
    agency.shop("tea")
    agency.runs("sync", *CONFIG)
    agency.shop("tea", transfers={"daily": {}})
    agency.runs("sync", *CONFIG, code=7)
    left = agency.state_of("tea", "transfers", "daily")
    for path in left.iterdir():
        path.unlink()
    for path in agency.state_of("tea").iterdir():
        if path.is_file():
            path.rename(left / path.name)
    (run,) = agency.runs("sync", *CONFIG)["runs"]
    assert run["counts"]["unchanged"] == 3


class TestOneList:
    """Two transfers of one shop fill one list."""

    @pytest.fixture
    def tea(self, agency: Agency) -> Agency:
        agency.shop("tea", transfers={"daily": {}, "buyers": {"tags": ["buyer"]}})
        return agency

    def test_the_other_ones_tags_are_no_foreign_tags(self, tea: Agency) -> None:
        first, second = tea.runs("sync", *CONFIG)["runs"]
        assert (first["counts"]["created"], second["counts"]["created"]) == (3, 0)
        assert second["exit"]["code"] == 0
        assert not [guard for guard in second["guards"] if guard["refuses"]]

    def test_who_was_deleted_by_hand_does_not_come_back_through_the_other(self, tea: Agency) -> None:
        tea.runs("sync", *CONFIG, "--transfer", "daily")
        tea.delete("tea", "person00001@tea.example")
        document = tea.runs("sync", *CONFIG, "--transfer", "buyers", code=7)
        assert [guard["name"] for guard in document["guards"] if guard["refuses"]] == ["foreign_tags"]
        assert "person00001@tea.example" not in tea.recipients("tea")

    def test_tags_of_somebody_else_still_refuse(self, tea: Agency) -> None:
        tea.runs("sync", *CONFIG, "--transfer", "daily")
        tea.state.write(tea.group("tea"), {"email": "foreign@tea.example", "tags": ["tea-Special.Buyer"]})
        tea.runs("sync", *CONFIG, "--transfer", "buyers", code=7)

    @pytest.mark.parametrize("then", ["daily", "buyers"])
    def test_a_consent_that_ended_ends_in_either(self, tea: Agency, then: str) -> None:
        tea.runs("sync", *CONFIG)
        rows = customers("tea")
        rows[0] = customer(0, email=rows[0]["email"], subscribed="opted_out", subscribed_at="2026-01-01T00:00:00Z")
        tea.export("tea", rows)
        tea.runs("sync", *CONFIG, "--transfer", then)
        assert not tea.recipients("tea")[rows[0]["email"]]["active"]

    def test_a_consent_that_ended_before_the_second_began(self, tea: Agency) -> None:
        tea.runs("sync", *CONFIG, "--transfer", "daily")
        rows = customers("tea")
        rows[0] = customer(0, email=rows[0]["email"], subscribed="no", subscribed_at="")
        tea.export("tea", rows)
        document = tea.runs("sync", *CONFIG, "--transfer", "buyers")
        assert document["counts"]["deactivated"] == 1
        assert not tea.recipients("tea")[rows[0]["email"]]["active"]


class TestDeletedByHand:
    """Whom one transfer had put into the list, and somebody deleted there, no other one creates anew."""

    HER = "person00001@tea.example"

    @pytest.fixture
    def tea(self, agency: Agency) -> Agency:
        """She came later and has not bought, so that only `daily` knows her in the list; she is deleted there."""
        first, _, last = customers("tea")
        agency.shop("tea", [first, last], transfers={"daily": {}, "buyers": {"tags": ["buyer"]}})
        agency.runs("sync", *CONFIG)
        agency.export("tea", self.rows(orders="0"))
        agency.runs("sync", *CONFIG)
        agency.delete("tea", self.HER)
        return agency

    @staticmethod
    def rows(orders: str) -> list[dict[str, str]]:
        rows = customers("tea")
        return [rows[0], {**rows[1], "orders": orders}, rows[2]]

    def test_she_buys_later(self, tea: Agency) -> None:
        tea.export("tea", self.rows(orders="1"))
        (change,) = tea.runs("diff", *CONFIG)["runs"][1]["skipped"].items()
        assert change == ("deleted_in_target", 1)
        for _ in range(2):
            run = tea.runs("sync", *CONFIG, "--transfer", "buyers")
            assert (run["counts"]["unchanged"], run["skipped"]) == (2, {"deleted_in_target": 1})
            assert self.HER not in tea.recipients("tea")
        assert tea.runs("resync", *CONFIG, "--transfer", "buyers")["skipped"] == {"deleted_in_target": 1}
        run = tea.runs("resync", *CONFIG, "--transfer", "buyers", "--include-deleted")
        assert (run["counts"]["created"], run["counts"]["updated"]) == (1, 2)
        assert self.HER in tea.recipients("tea")
        assert tea.runs("sync", *CONFIG, "--transfer", "daily")["skipped"] == {}

    def test_who_is_still_there_is_updated(self, tea: Agency) -> None:
        her = {"email": "person00003@tea.example", "orders": "0"}
        tea.export("tea", [*self.rows(orders="0"), customer(3, **her)])
        tea.runs("sync", *CONFIG)
        tea.export("tea", [*self.rows(orders="0"), customer(3, **{**her, "orders": "1"})])
        run = tea.runs("sync", *CONFIG, "--transfer", "buyers")
        assert (run["counts"]["updated"], run["counts"]["created"]) == (1, 0)
        assert "tea-Special.Buyer" in tea.recipients("tea")[her["email"]]["tags"]

    def test_a_transfer_that_begins_later(self, tea: Agency) -> None:
        """The tags in the list are as many as `buyers` gave, so that nothing tells of her but the state of `daily`."""
        tea.shop("tea", self.rows(orders="1"), transfers={"daily": {}, "buyers": {"tags": ["buyer"]}, "new": {}})
        run = tea.runs("sync", *CONFIG, "--transfer", "new")
        assert (run["counts"]["unchanged"], run["skipped"]) == (2, {"deleted_in_target": 1})
        assert self.HER not in tea.recipients("tea")

    def test_a_config_that_gets_its_first_transfers(self, agency: Agency) -> None:
        agency.shop("tea")
        agency.runs("sync", *CONFIG)
        agency.delete("tea", self.HER)
        agency.shop("tea", transfers={"daily": {}})
        (run,) = agency.runs("sync", *CONFIG, "--force", "foreign_tags")["runs"]
        assert (run["counts"]["unchanged"], run["skipped"]) == (2, {"deleted_in_target": 1})
        assert self.HER not in agency.recipients("tea")

    def test_somebody_of_another_list_is_nobody_here(self, agency: Agency) -> None:
        agency.shop("tea", transfers={"daily": {}, "second": {"target": {"list": "Second"}}})
        agency.runs("sync", *CONFIG, "--transfer", "daily")
        agency.delete("tea", self.HER)
        assert agency.runs("sync", *CONFIG, "--transfer", "second")["counts"]["created"] == 3

    @pytest.mark.parametrize("damage", ["checkpoint.json", "ledger.sqlite3", "key"])
    def test_a_state_that_cannot_be_read_is_told_and_stops_the_others_not(self, tea: Agency, damage: str) -> None:
        tea.state_of("tea", "transfers", "daily", damage).write_bytes(b"broken")
        ended = tea("sync", *CONFIG, "--transfer", "buyers")
        assert ended.code == 0
        assert "daily cannot be read: people whom only that transfer put into the list 'tea'" in ended.err
