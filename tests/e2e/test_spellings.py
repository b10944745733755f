"""One person under several spellings of one address: mailed once, and not again after they left under another one."""

from __future__ import annotations

import json

import pytest

from tests.e2e.gate import UPSERT, Gate, answer
from tests.e2e.people import both, buyer, customer, opted_out
from tests.e2e.program import Program, Shop

ANNA = "anna@xn--bcher-kva.de"
SPELLINGS = [
    "{}@Bücher.de",
    "Anna Muster <{}@bücher.de>",
    '"Muster, Anna" <{}@XN--BCHER-KVA.DE>',
    "mailto:{}@bücher.de?subject=Hallo",
    "mailto:{}%40xn--bcher-kva.de",
    "{}@bu\u0308cher.de",
    "{}@bücher.de.",
    "{}@bücher。de",
    "'{}@bücher.de",
    "\u00ad{}\u200b@bücher.de",
    "\ufeff{}@xn--bcher-kva.de\u202c",
    "\u00a0{}@bücher.de\u3000",
]
NAMES = [f"person{number}" for number in range(len(SPELLINGS))]
EVERYBODY = {f"{name}@xn--bcher-kva.de" for name in NAMES}
OTHERWISE = [spelling.format(name) for spelling, name in zip(SPELLINGS, NAMES, strict=True)]


def test_all_of_them_are_one_recipient(shop: Shop) -> None:
    shop.write(*(both(spelling.format("Anna"), orders="1") for spelling in SPELLINGS))
    ran = shop.sync()
    assert ran.counts == {"created": 1}
    assert [row["email"] for row in ran.sent] == [ANNA]


def test_who_left_is_not_brought_back_by_another_spelling(shop: Shop) -> None:
    shop.write(*map(both, EVERYBODY))
    shop.sync()
    shop.write(*map(opted_out, OTHERWISE))
    shop.config(limits={"max_deactivated": "100%"})
    assert shop.agreed_sync().counts == {"deactivated": len(EVERYBODY)}
    shop.write(*map(opted_out, EVERYBODY), *map(both, OTHERWISE))
    for ran in (shop.sync(), shop.resync()):
        assert ran.skipped == {"opted_out": len(EVERYBODY)}
        assert ran.sent == []
    assert {email for email, found in shop.list().items() if not found.active} == EVERYBODY


def test_a_consent_file_means_the_same_person(shop: Shop) -> None:
    shop.config(consent={"path": "newsletter.csv", "absent": "no"})
    shop.write(*({"email": spelling, "subscribed": "unsubscribed"} for spelling in OTHERWISE), name="newsletter.csv")
    shop.write(*map(both, EVERYBODY))
    assert shop.sync().skipped == {"opted_out": len(EVERYBODY)}


def test_excluded_and_blacklisted_under_another_spelling(shop: Shop) -> None:
    entries = [spelling for spelling in OTHERWISE if "?" not in spelling]  # which would make it a pattern
    shop.write(*map(both, EVERYBODY))
    shop.config(exclude=entries)
    assert shop.diff().skipped == {"excluded": len(entries)}
    shop.config(exclude=[])
    for entry in entries:
        shop.state.list_address(entry)
    assert shop.diff().skipped == {"blacklisted": len(entries)}


@pytest.mark.parametrize(
    "pattern", ["*@bücher.de", "*@BU\u0308CHER.de.", "*@büch*", "anna@*.\u200bde", "*@xn--bcher-kva.*"]
)
def test_patterns_mean_the_same_domain(shop: Shop, pattern: str) -> None:
    shop.write(both("anna@bücher.de"))
    shop.config(exclude=[pattern])
    assert shop.sync().skipped == {"excluded": 1}


@pytest.mark.parametrize("spelled", ["'anna@example.org", "an\u200bna@example.org", "\u2060anna@example.org"])
def test_who_unsubscribed_in_the_account_under_another_spelling(shop: Shop, spelled: str) -> None:
    other = shop.state.add_group("Another list")
    shop.state.write(other, {"email": spelled})
    shop.state.unsubscribe(spelled)
    shop.write(both("anna@example.org", subscribed_at="2025-01-01"))
    assert shop.sync().skipped == {"unsubscribed_in_target": 1}


def test_an_address_of_another_form_in_an_earlier_version_is_one_that_moved(shop: Shop) -> None:
    """The ledger knows hashes only; a customer's number knows them again."""
    shop.write(buyer("old@example.org", source_id="1"))
    shop.sync()
    shop.write(opted_out("old@example.org", source_id="1"))
    shop.agreed_sync()
    shop.write(both("'anna@example.org", source_id="1"))
    ran = shop.sync()
    assert ran.skipped == {"opted_out": 1}
    assert "anna@example.org" not in shop.list()


def test_a_reject_kept_under_another_form_is_accepted_once(program: Program, gate: Gate) -> None:
    program.write(customer(1, email="anna@example.org", source_id=""))
    gate.always(UPSERT, answer(200, []))
    assert program.counts()["rejected"] == 1
    path = program.state_path / "rejects.jsonl"
    kept = json.loads(path.read_text("utf-8").replace("anna@example.org", "an\u200bna@example.org"))
    del kept["check"]  # an earlier version wrote none
    path.write_text(json.dumps(kept, ensure_ascii=False) + "\n", "utf-8")
    gate.meddle = None
    assert program.counts()["created"] == 1
    assert set(program.list()) == {"anna@example.org"}
    assert program.rejects == []
