"""Which recipient list: by name, by ID, renamed, gone, created. And that the state stays with it."""

from __future__ import annotations

import shutil

import pytest

from tests.e2e.people import B, S, both
from tests.e2e.program import LIST, Shop

ANNA = "anna@example.org"


@pytest.fixture(autouse=True)
def export(shop: Shop) -> None:
    shop.write(both(ANNA))


def test_by_name(shop: Shop) -> None:
    ran = shop.sync()
    assert ran.doc["target"] == {"type": "cleverreach", "list_id": shop.list_id, "list_name": LIST}
    assert ANNA in shop.list()


def test_by_id(shop: Shop) -> None:
    shop.config(target={"list": int(shop.list_id)})
    ran = shop.sync()
    assert ran.doc["target"]["list_name"] == LIST
    assert ANNA in shop.list()


def test_a_text_is_a_name_first_and_an_id_then(shop: Shop) -> None:
    shop.config(target={"list": shop.list_id})
    assert shop.diff().doc["target"]["list_id"] == shop.list_id
    named = shop.state.add_group(shop.list_id)
    assert shop.diff().doc["target"]["list_id"] == named
    shop.config(target={"list": int(shop.list_id)})
    assert shop.diff().doc["target"]["list_id"] == shop.list_id


def test_two_of_the_same_name(shop: Shop) -> None:
    other = shop.state.add_group(LIST)
    for ran in (shop.sync(code=2), shop.diff(code=2)):
        assert ran.doc["schema"] == "crsync.error/1"
        assert LIST in ran.doc["error"]["message"]
        assert other in ran.doc["error"]["message"]
        assert ran.writes == 0
    shop.config(target={"list": int(shop.list_id)})
    shop.sync()
    assert shop.list(other) == {}


def test_once_found_a_second_of_the_same_name_does_not_matter(shop: Shop) -> None:
    shop.sync()
    shop.state.add_group(LIST)
    assert shop.sync().counts == {"unchanged": 1}


def test_none_of_that_name(shop: Shop) -> None:
    shop.config(target={"list": "Onlin shop"})
    ran = shop.sync(code=2)
    assert "create_list" in ran.doc["error"]["hint"]
    assert ran.writes == 0
    shop.config(target={"list": 4711})
    assert shop.sync(code=2).writes == 0
    shop.config(target={"list": 4711, "create_list": True})
    assert shop.sync(code=2).writes == 0, "an ID cannot be created"


def test_created(shop: Shop) -> None:
    shop.config(target={"list": "Brand new", "create_list": True})
    ran = shop.sync()
    assert ran.doc["target"]["list_name"] == "Brand new"
    created = ran.doc["target"]["list_id"]
    assert shop.list(created).keys() == {ANNA}
    assert shop.sync().doc["target"]["list_id"] == created
    assert len(shop.state.groups) == 2


def test_created_only_once_somebody_is_to_be_transferred(shop: Shop) -> None:
    shop.config(target={"list": "Brand new", "create_list": True}, exclude=["*"])
    assert shop.sync().skipped == {"excluded": 1}
    shop.config(exclude=None)
    assert shop.sync().counts == {"created": 1}
    assert len(shop.state.groups) == 2


def test_renamed(shop: Shop) -> None:
    shop.sync()
    shop.state.group(shop.list_id).name = "Newsletter"
    shop.state.add_group(LIST)
    shop.write(both(ANNA, first_name="Anna"))
    ran = shop.sync()
    assert "renamed" in ran.err
    assert "Newsletter" in ran.err
    assert shop.list()[ANNA].values == {"firstname": "Anna"}, "known by its ID"
    assert shop.sync().err == ""
    shop.config(target={"list": "Newsletter"})
    assert shop.sync().counts == {"unchanged": 1}


def test_gone(shop: Shop) -> None:
    shop.config(target={"create_list": True})
    shop.sync()
    shop.state.delete_group(shop.state.group(shop.list_id))
    for ran in (shop.sync(code=2), shop.diff(code=2)):
        assert shop.list_id in ran.doc["error"]["message"]
        assert ran.writes == 0
    assert not shop.state.groups, "nothing is created in its place"
    shutil.rmtree(shop.folder / ".crsync")
    assert shop.sync().counts == {"created": 1}


@pytest.mark.parametrize("wanted", ["Other list", "No such list", 4711])
def test_the_config_names_another_list_now(shop: Shop, wanted: str | int) -> None:
    shop.sync()
    other = shop.state.add_group("Other list")
    before = shop.files()
    shop.config(target={"list": wanted, "create_list": True})
    for ran in (shop.sync(code=9), shop.diff(code=9)):
        assert ran.doc["error"]["class"] == "state"
        assert ran.writes == 0
        assert "state_dir" in ran.doc["error"]["hint"]
    assert shop.list(other) == {}
    assert {name: data for name, data in shop.files().items() if "lock" not in name} == {
        name: data for name, data in before.items() if "lock" not in name
    }
    shop.config(target={"list": LIST})
    assert shop.sync().counts == {"unchanged": 1}


def test_the_same_list_by_its_id_now(shop: Shop) -> None:
    shop.sync()
    shop.config(target={"list": int(shop.list_id)})
    assert shop.sync().counts == {"unchanged": 1}


def test_another_list_with_a_state_of_its_own(shop: Shop) -> None:
    shop.sync()
    other = shop.state.add_group("Other list")
    shop.config(target={"list": "Other list"}, state_dir=".other")
    assert shop.sync().counts == {"created": 1}
    assert shop.list(other).keys() == shop.list().keys() == {ANNA}


def test_another_name_of_the_source_is_another_source(shop: Shop) -> None:
    shop.sync()
    shop.config(source={"name": "Other shop"})
    ran = shop.sync(code=9)
    assert "source name" in ran.doc["error"]["message"]
    assert ran.writes == 0


def test_unsubscribed_from_the_old_list_and_a_new_one(shop: Shop) -> None:
    """The reason why the account is asked: a new list must not revive those who left the old one."""
    shop.sync()
    shop.state.unsubscribe(ANNA)
    shop.config(target={"list": "Brand new", "create_list": True}, state_dir=".other")
    shop.write(both(ANNA), both("ben@example.org"))
    ran = shop.agreed_sync()
    assert ran.skipped == {"unsubscribed_in_target": 1}
    assert shop.list(ran.doc["target"]["list_id"]).keys() == {"ben@example.org"}


def test_kinds_are_sorted_in_the_document(shop: Shop) -> None:
    assert shop.diff().doc["tags"] == [B, S]
