"""A list that takes accented letters for plain ones: nobody gets what is meant for somebody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.responses import Response

from tests.e2e.gate import READ, Answered, Asked, Gate, refusal
from tests.e2e.people import NOW, both, buyer, opted_out
from tests.e2e.program import Shop

JORG, ACCENTED, OTHER, BEN = "jorg@example.org", "jörg@example.org", "jórg@example.org", "ben@example.org"
REJECTED = {"ambiguous_address": 1}


@pytest.fixture(autouse=True, params=[True, False], ids=["get_receivers", "email_list"])
def folding(request: pytest.FixtureRequest, shop: Shop) -> None:
    shop.state.switches.fold_accents = True
    shop.state.switches.get_receivers = request.param


@pytest.fixture
def jorg(shop: Shop) -> Iterator[None]:
    """Somebody who is in the list, inactive, and stays as they are."""
    shop.put(JORG, activated=0, tags=["Own.Tag"])
    before = shop.list()[JORG]
    yield
    assert shop.list()[JORG] == before


@pytest.mark.usefixtures("jorg")
def test_nobody_is_created_beside_them(shop: Shop) -> None:
    shop.write(both(ACCENTED, first_name="Jörg"), both(BEN))
    for ran in (shop.agreed_sync(), shop.sync(), shop.resync()):
        assert ran.doc["rejected"] == REJECTED
        assert {row["email"] for row in ran.sent} <= {BEN}
    assert shop.list().keys() == {JORG, BEN}
    told = shop.command("status", "--format", "json").out
    assert "ambiguous_address" in told


@pytest.mark.usefixtures("jorg")
@pytest.mark.parametrize("says", [opted_out, buyer])
def test_nor_anything_ended_that_is_not_ours(shop: Shop, says: object) -> None:
    shop.config(tags=["subscriber"])
    shop.write(opted_out(ACCENTED) if says is opted_out else buyer(ACCENTED))
    assert shop.agreed_sync().writes == 0


def test_the_plain_one_asked_for_an_accented_recipient(shop: Shop) -> None:
    shop.put(ACCENTED, activated=0)
    shop.write(both(JORG), both(BEN))
    assert shop.agreed_sync().doc["rejected"] == REJECTED
    assert shop.list().keys() == {ACCENTED, BEN}
    assert not shop.list()[ACCENTED].active


@pytest.mark.parametrize("new_list", [True, False])
def test_all_of_them_in_one_shop(shop: Shop, new_list: bool) -> None:
    """The plain address is written; whom the list takes for it then is not."""
    if new_list:
        shop.config(target={"list": "New list", "create_list": True})
    shop.write(
        both(ACCENTED, first_name="Jörg"), both(OTHER, first_name="Jórg"), both(JORG, first_name="Jorg"), both(BEN)
    )
    ran = shop.sync()
    assert ran.counts == {"created": 2, "rejected": 2}
    assert ran.doc["rejected"] == {"ambiguous_address": 2}
    listed = shop.list(next(str(number) for number, group in shop.state.groups.items() if group.members))
    assert {email: found.values for email, found in listed.items()} == {JORG: {"firstname": "Jorg"}, BEN: {}}


def test_the_accented_ones_alone(shop: Shop) -> None:
    shop.write(both(ACCENTED, first_name="Jörg"), both(OTHER, first_name="Jórg"))
    assert shop.sync().counts == {"created": 1, "rejected": 1}
    assert len(shop.list()) == 1
    (found,) = shop.list().values()
    name = found.values
    shop.sync()
    assert [each.values for each in shop.list().values()] == [name]


def test_an_end_of_consent_goes_to_our_own_recipient(shop: Shop) -> None:
    """Somebody gave the recipient another spelling in CleverReach."""
    shop.write(both(JORG), both(BEN))
    shop.sync()
    member = shop.state.member(shop.state.group(shop.list_id), JORG)
    member.person.email = OTHER
    shop.state.by_email[OTHER] = shop.state.by_email.pop(JORG)
    shop.write(opted_out(JORG), both(BEN))
    assert shop.agreed_sync().counts["deactivated"] == 1
    assert not shop.list()[OTHER].active
    assert "deactivated" not in shop.sync().counts


def test_who_comes_between_reading_and_writing_does_not_become_active(shop: Shop) -> None:
    def join(_rows: list[object]) -> None:
        shop.before_write = None
        shop.state.subscribe(JORG, shop.list_id, confirmed=False)

    shop.put(BEN)
    shop.write(both(ACCENTED))
    shop.before_write = join
    assert shop.sync().doc["rejected"] == REJECTED
    assert shop.list().keys() == {BEN, JORG}
    assert not shop.list()[JORG].active


def test_a_list_that_tells_them_apart(shop: Shop) -> None:
    shop.state.switches.fold_accents = False
    shop.put(JORG, activated=NOW)
    shop.write(both(ACCENTED), both(JORG), both(OTHER))
    assert shop.agreed_sync().counts == {"created": 2, "updated": 1}
    assert shop.sync().writes == 0


def test_asked_for_both_a_list_that_has_one(shop: Shop, gate: Gate) -> None:
    """Whether it folds is not to be seen of such an answer: it is asked once more."""
    shop.state.switches.fold_accents = False
    shop.write(both(JORG))
    shop.sync()
    shop.write(both(JORG, first_name="Jorg"), opted_out(ACCENTED))
    shop.sync()
    assert shop.list()[JORG].values == {"firstname": "Jorg"}
    assert shop.list()[JORG].active


def test_a_run_that_dies_does_not_take_another_s_recipient_for_theirs(shop: Shop, gate: Gate) -> None:
    """What was under way is looked up by the next run, which is told of the other one."""
    shop.state.switches.get_receivers = True
    shop.write(both(JORG), both(ACCENTED))

    def meddle(asked: Asked, carry_out: Answered) -> Response:
        if asked.name == READ and ACCENTED in asked.emails:
            return refusal(403)(asked, carry_out)
        return carry_out()

    gate.meddle = meddle
    shop.sync(code=6)
    assert shop.list()[JORG].active
    gate.meddle = None
    shop.write(both(JORG), opted_out(ACCENTED))
    for _ in range(2):
        shop.sync()
        assert shop.list().keys() == {JORG}
        assert shop.list()[JORG].active
