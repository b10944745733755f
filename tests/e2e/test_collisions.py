"""Shops of one call that would get in each other's way are refused before anything runs."""

from __future__ import annotations

import pytest

from tests.e2e.agency import ALL, Agency, customers

SAME = "would take the other's tags for its own"
ONE_LIST = {"list": "All shops"}
WOO = {"type": "woocommerce", "consumer_key": "k", "consumer_secret": "s", "name": "Tea", "path": None}


def refused(agency: Agency, *words: str) -> str:
    ended = agency(*words)
    assert (ended.code, ended.out) == (2, ""), ended
    assert not any(agency.recipients(group.name) for group in agency.state.groups.values())
    error, hint = ended.err.splitlines()
    assert hint.startswith("hint: ")
    return error


@pytest.mark.parametrize("command", ["sync", "resync", "diff", "check"])
def test_different_shops_of_one_name_in_one_list(agency: Agency, command: str) -> None:
    for name in ("a", "b"):
        agency.shop(name, source={"name": "Tea"}, target=ONE_LIST)
    error = refused(agency, command, "-c", ALL)
    assert error.startswith("error: a and b are different shops with the same source.name ('Tea')")
    assert SAME in error


def test_names_that_make_the_same_tags(agency: Agency) -> None:
    agency.shop("a", source={"name": "Tea & Co"}, target=ONE_LIST)
    agency.shop("b", source={"name": "Tea_Co"}, target=ONE_LIST)
    assert SAME in refused(agency, "sync", "-c", ALL)


def test_a_name_or_a_list_or_an_account_of_its_own_is_enough(agency: Agency) -> None:
    agency.shop("a", source={"name": "Tea"}, target=ONE_LIST)
    agency.shop("b", source={"name": "Coffee"}, target=ONE_LIST)
    agency.shop("c", source={"name": "Tea"}, target={"list": "c"})
    agency.shop("d", source={"name": "Tea"}, target={**ONE_LIST, "client_id": "other"})
    assert agency("diff", "-c", ALL).code == 0


def test_one_shop_may_have_two_configs(agency: Agency) -> None:
    for name in ("a", "b"):
        agency.shop(name, source={"name": "Tea", "path": "tea.csv"}, target=ONE_LIST)
    agency.export("tea", customers("tea"))
    assert agency("diff", "-c", ALL).code == 0


def test_name_and_id_of_one_list_once_a_run_has_found_it(agency: Agency) -> None:
    agency.shop("a", source={"name": "Tea"}, target=ONE_LIST)
    agency.runs("sync", "-c", "shops/a.yaml")
    agency.shop("b", source={"name": "Tea"}, target={"list": int(agency.group("All shops"))})
    ended = agency("sync", "-c", ALL)
    assert ended.code == 2
    assert SAME in ended.err


def test_transfers_of_different_shops_in_one_config(agency: Agency) -> None:
    source = {key: value for key, value in WOO.items() if value}
    shops = {name: {"source": {**source, "url": f"http://127.0.0.1:9/{name}"}} for name in ("de", "at")}
    agency.shop("a", transfers=shops)
    for words in ([], ["--transfer", "de"]):
        error = refused(agency, "sync", "-c", "shops/a.yaml", *words)
        assert error.startswith("error: de and at are different shops")


def test_one_state_for_two(agency: Agency) -> None:
    agency.shop("a", state_dir="../kept")
    (agency.folder / "more").mkdir()
    text = (agency.folder / "shops" / "a.yaml").read_text().replace("a.csv", "../shops/a.csv")
    (agency.folder / "more" / "a.yaml").write_text(text.replace("list: a", "list: b"))
    for command in ("sync", "status"):
        error = refused(agency, command, "-c", ALL, "-c", "more/*.yaml")
        assert "shops/a.yaml and more/a.yaml would share the state folder" in error


def test_standard_input_is_read_once(agency: Agency) -> None:
    for name in ("a", "b"):
        agency.shop(name, source={"path": "-"})
    error = refused(agency, "sync", "-c", ALL)
    assert error == "error: a and b would both read standard input"
    assert agency("status", "-c", ALL).code == 0


def test_a_config_that_cannot_be_used_is_in_nobodys_way(agency: Agency) -> None:
    for name in ("a", "b"):
        agency.shop(name, source={"name": "Tea"}, target=ONE_LIST)
    agency.shop("b", source={"name": "Tea"}, target=ONE_LIST, tagz=[])
    document = agency.runs("sync", "-c", ALL, code=2)
    assert [run["exit"]["code"] for run in document["runs"]] == [0, 2]
