"""What is special about Salesforce."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from cleverreach_sync.domain.model import ConsentState, Person
from cleverreach_sync.errors import AuthError, CrsyncError, TemporaryError, UsageError
from cleverreach_sync.sources.interface import Source
from cleverreach_sync.sources.registry import settings_class
from cleverreach_sync.sources.salesforce.session import instance
from tests.shops.reading import Known, Watched, opening, read
from tests.shops.salesforce import CLIENT_ID, CLIENT_SECRET, SESSION, FakeSalesforce
from tests.shops.server import Answering, Asked, Reply

HOUR = 3600
BOTH = {"objects": ["Contact", "Lead"]}
ANNA, BEN = "anna@mail.example", "ben@mail.example"
Open = Callable[..., Source]


@pytest.fixture
def org() -> Iterator[FakeSalesforce]:
    found = FakeSalesforce()
    yield found
    found.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def opened(org: FakeSalesforce, watched: Watched) -> Iterator[Open]:
    with opening(org, watched) as found:
        yield found


def people(source: Source) -> dict[str, Person]:
    return Known().run(source)


def consents(found: dict[str, Person]) -> dict[str, ConsentState]:
    return {email: person.consent.state for email, person in found.items()}


# Consent


def test_who_has_not_opted_out_has_not_agreed(org: FakeSalesforce, opened: Open) -> None:
    org.add_customer(ANNA)
    assert consents(people(opened())) == {ANNA: ConsentState.NO}


def test_an_opt_out_counts_whatever_the_condition_says(org: FakeSalesforce, opened: Open) -> None:
    anna = org.add_customer(ANNA, consent=True)
    org.change("Contact", anna, HasOptedOutOfEmail=True)
    found = people(opened())
    assert consents(found) == {ANNA: ConsentState.OPTED_OUT}
    assert found[ANNA].consent.at == 1_800_000_000, "when it was seen"


def test_a_condition_by_object_leaves_the_others_unknown(org: FakeSalesforce, opened: Open) -> None:
    org.add_customer(ANNA, consent=True)
    org.add("Lead", Email=BEN, Newsletter__c=True)
    org.add("Lead", Email="cora@mail.example", HasOptedOutOfEmail=True)
    found = people(opened(**BOTH, subscribed_when={"Contact": "Newsletter__c = true"}))
    assert consents(found) == {
        ANNA: ConsentState.YES,
        BEN: ConsentState.UNKNOWN,
        "cora@mail.example": ConsentState.OPTED_OUT,
    }


@pytest.mark.parametrize("condition", ["Newsletter__c = false OR Newsletter__c = true", "WHERE Newsletter__c = true"])
def test_a_condition_with_or_stays_one(org: FakeSalesforce, opened: Open, condition: str) -> None:
    anna = org.add_customer(ANNA, consent=True)
    org.change("Contact", anna, HasOptedOutOfEmail=True)
    org.add_customer(BEN, consent=True)
    source = opened(subscribed_when=condition)
    assert consents(people(source)) == {ANNA: ConsentState.OPTED_OUT, BEN: ConsentState.YES}
    assert next(iter(source.inspect())).message.endswith("1 of them subscribed")


def test_what_moves_no_date_is_found_when_all_are_read(org: FakeSalesforce, opened: Open) -> None:
    anna = org.add_customer(ANNA)
    member = org.add("CampaignMember", ContactId=str(anna), Status="Responded")
    source = opened(subscribed_when="Id IN (SELECT ContactId FROM CampaignMember WHERE Status = 'Responded')")
    org.now += HOUR
    org.add_customer(BEN)
    known = Known()
    assert consents(known.run(source))[ANNA] is ConsentState.YES
    org.now += 2 * HOUR
    org.change("CampaignMember", member, Status="Sent")
    assert consents(known.run(source))[ANNA] is ConsentState.YES
    org.now += 24 * HOUR
    assert consents(known.run(source))[ANNA] is ConsentState.NO


def test_who_changes_between_both_questions_keeps_their_yes(org: FakeSalesforce, opened: Open) -> None:
    """The second one finds them by their IDs, which no change moves."""
    customers = [org.add_customer(f"p{number}@mail.example", consent=True) for number in range(5)]
    source = opened()
    known = Known()

    def touch(asked: Asked) -> None:
        if asked.query.get("q", "").startswith("SELECT Id FROM"):
            org.now += 1
            for customer in customers:
                org.change("Contact", customer, MailingCity="Bonn")

    org.before_page = touch
    for _ in range(2):
        assert set(consents(known.run(source)).values()) == {ConsentState.YES}
        org.now += HOUR
        org.change("Contact", customers[0], MailingCity="Ulm")


@pytest.mark.parametrize("value", [None, "false", 0])
def test_no_word_about_an_opt_out_is_no_answer(org: FakeSalesforce, opened: Open, value: Any) -> None:
    org.change("Contact", org.add_customer(ANNA, consent=True), HasOptedOutOfEmail=value)
    with pytest.raises(TemporaryError, match="not a list"):
        people(opened())


def test_the_condition_is_what_a_record_is_told_by(opened: Open) -> None:
    first, other = opened(), opened(subscribed_when="Customer__c = true")
    assert [stream.told_by for stream in first.streams()] != [stream.told_by for stream in other.streams()]


# Rows that go


def test_deleted_and_converted_ones_say_yes_no_more(org: FakeSalesforce, opened: Open) -> None:
    anna = org.add_customer(ANNA, consent=True)
    ben = org.add("Lead", Email=BEN, Newsletter__c=True)
    source, known = opened(**BOTH), Known()
    assert set(consents(known.run(source)).values()) == {ConsentState.YES}
    org.now += HOUR
    org.delete_customer(anna)
    org.change("Lead", ben, IsConverted=True)
    found = known.run(source)
    assert consents(found) == {ANNA: ConsentState.NO, BEN: ConsentState.NO}
    assert not any(person.is_person for person in found.values())
    assert people(opened(**BOTH)) == {}


def test_an_opt_out_stays_one_when_its_record_goes(org: FakeSalesforce, opened: Open) -> None:
    anna = org.add_customer(ANNA, consent=True)
    source, known = opened(), Known()
    known.run(source)
    org.now += HOUR
    org.change("Contact", anna, HasOptedOutOfEmail=True, IsDeleted=True)
    assert consents(known.run(source)) == {ANNA: ConsentState.OPTED_OUT}


def test_a_lead_that_became_a_contact_is_one_person(org: FakeSalesforce, opened: Open) -> None:
    lead = org.add("Lead", Email=ANNA, FirstName="Anna", Company="Muster AG", Newsletter__c=True)
    source, known = opened(**BOTH), Known()
    assert known.run(source)[ANNA].profile["company"] == "Muster AG"
    org.now += HOUR
    org.change("Lead", lead, IsConverted=True)
    org.add_customer(ANNA, consent=True, first_name="Anna")
    assert consents(known.run(source)) == {ANNA: ConsentState.YES}


def test_those_without_an_address_are_no_fault(org: FakeSalesforce, opened: Open) -> None:
    anna = org.add_customer(ANNA, consent=True)
    source = opened()
    org.add("Contact", Email=None)
    org.add("Contact", Email=" ")
    first = read(source, "contacts")
    assert ([row.email for row in first.rows], first.unreadable) == ([ANNA], [])
    org.now += HOUR
    org.change("Contact", anna, Email=None)
    assert read(source, "contacts").rows == []


# Walks


def test_more_rows_of_one_moment_than_a_page_has(org: FakeSalesforce, opened: Open) -> None:
    org.add_customer(ANNA)
    source = opened()
    end = read(source, "contacts").end
    assert end is not None
    org.now += HOUR
    for number in range(450):
        org.add_customer(f"p{number}@mail.example", consent=True)
    found = read(source, "contacts", end.cursor)
    assert len({row.ident for row in found.rows}) == len(found.rows) == 451, "with her of the overlap"
    assert found.end is not None
    assert not found.end.complete


def test_a_change_that_appears_late_is_not_lost(org: FakeSalesforce, opened: Open) -> None:
    source, known = opened(), Known()
    org.add_customer(BEN)
    known.run(source)
    org.now += HOUR
    org.add_customer("cora@mail.example")
    known.run(source)
    org.now -= 240  # it was being saved while the last run read
    org.add_customer(ANNA, consent=True)
    org.now += 300
    assert ANNA in known.run(source)


def test_a_server_that_heeds_no_condition(org: FakeSalesforce, opened: Open) -> None:
    for number in range(250):
        org.add_customer(f"p{number}@mail.example")

    def deaf(asked: Asked, answer: Answering) -> Reply:
        query = asked.query["q"].replace("Id > '", "Id != 'x").replace("Id <= '", "Id != 'x")
        return answer(asked._replace(query={"q": query}))

    org.fail(deaf, 1000, org.is_page)
    with pytest.raises(TemporaryError, match="not asked for"):
        read(opened(), "contacts")


@pytest.mark.parametrize("change", [{"totalSize": 7}, {"done": False, "records": []}, {"records": None}, {"done": "x"}])
def test_an_answer_that_is_not_whole_is_asked_for_again(
    org: FakeSalesforce, opened: Open, watched: Watched, change: dict[str, Any]
) -> None:
    org.add_customer(ANNA, consent=True)

    def cut(asked: Asked, answer: Answering) -> Reply:
        import orjson

        return Reply.json({**orjson.loads(answer(asked).body), **change})

    org.fail(cut, 2, org.is_page)
    assert consents(people(opened())) == {ANNA: ConsentState.YES}
    assert len(watched.waits) == 2


def test_a_run_without_changes_asks_for_little(org: FakeSalesforce, opened: Open) -> None:
    for number in range(30):
        org.add_order(org.add_customer(f"p{number}@mail.example", consent=True))
    known = Known()
    known.run(opened(**BOTH))
    org.now += HOUR
    org.log.clear()
    known.run(opened(**BOTH))
    assert len(org.log) <= 12


# Purchases


def test_orders_follow_the_opportunity_and_the_contact(org: FakeSalesforce, opened: Open) -> None:
    anna = org.add_customer(ANNA)
    order = org.add_order(anna, "12.50", won=False)
    source, known = opened(), Known()
    before = known.run(source)[ANNA].purchases
    assert before is not None
    assert before.number == 0
    org.now += HOUR
    org.change("Opportunity", order, IsWon=True)
    bought = known.run(source)[ANNA].purchases
    assert bought is not None
    assert (bought.number, bought.total) == (1, "12.50")
    org.now += HOUR
    org.change("Contact", anna, Email=BEN)
    assert [row.email for row in read(source, "purchases", known.cursors["purchases"]).rows] == [BEN]


def test_a_condition_for_buyers(org: FakeSalesforce, opened: Open) -> None:
    anna = org.add_customer(ANNA)
    org.add_order(org.add_customer(BEN))
    org.change("Contact", anna, Customer__c=True)
    source = opened(bought_when="Customer__c = true")
    found = people(source)
    assert [email for email, person in found.items() if person.purchases is not None] == [ANNA]
    assert any(finding.message == "contacts who have bought: 1" for finding in source.inspect())
    assert [stream.name for stream in opened(bought_when="None").streams()] == ["contacts"]


# Rights and refusals


def test_hidden_fields_are_left_out_with_one_warning(org: FakeSalesforce, opened: Open) -> None:
    org.hidden |= {"Contact.Phone", "Contact.Birthdate"}
    org.unreadable.add("Account")
    org.add_customer(ANNA, consent=True, city="Bonn", company="Muster")
    source = opened()
    assert people(source)[ANNA].profile["city"] == "Bonn"
    people(source)
    (warning,) = source.warnings
    assert "Phone, Birthdate, Account.Name" in warning


@pytest.mark.parametrize("name", ["HasOptedOutOfEmail", "Email", "SystemModstamp", "IsDeleted"])
def test_what_decides_must_not_be_hidden(org: FakeSalesforce, opened: Open, name: str) -> None:
    org.hidden.add(f"Contact.{name}")
    org.add_customer(ANNA, consent=True)
    for use in (people, lambda source: list(source.inspect())):
        with pytest.raises(AuthError, match=name) as caught:
            use(opened())
        assert "Field-Level Security" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["Lead", "OpportunityContactRole", "Opportunity"])
def test_objects_that_may_not_be_read(org: FakeSalesforce, opened: Open, name: str) -> None:
    org.unreadable.add(name)
    with pytest.raises(AuthError, match=name) as caught:
        people(opened(**BOTH))
    assert "source.objects" in str(caught.value.hint)


@pytest.mark.parametrize("condition", ["Nix__c = true", "Newsletter__c true"])
def test_a_condition_that_salesforce_does_not_take(org: FakeSalesforce, opened: Open, condition: str) -> None:
    org.add_customer(ANNA)
    with pytest.raises(UsageError, match="does not take a query") as caught:
        people(opened(subscribed_when=condition))
    assert "subscribed_when" in str(caught.value.hint)


def error(status: int, code: str, message: str = "No") -> Callable[[Asked, Answering], Reply]:
    return lambda _asked, _answer: Reply.json([{"message": message, "errorCode": code}], status)


@pytest.mark.parametrize(
    ("status", "code", "message", "raised", "match", "waits"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", TemporaryError, "24 hours", False),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit", TemporaryError, "busy", True),
        (503, "SERVER_UNAVAILABLE", "busy", TemporaryError, "not available", True),
        (400, "QUERY_TIMEOUT", "too slow", TemporaryError, "busy", True),
        (403, "API_DISABLED_FOR_ORG", "no API", AuthError, "may not read", False),
        (401, "INVALID_SESSION_ID", "expired", AuthError, "session", False),
        (410, "UNSUPPORTED_API_VERSION", "gone", UsageError, "version 67.0", False),
        (404, "OTHER", "nothing", UsageError, "no Salesforce org", False),
    ],
)
def test_refusals(
    org: FakeSalesforce,
    opened: Open,
    watched: Watched,
    status: int,
    code: str,
    message: str,
    raised: type[CrsyncError],
    match: str,
    waits: bool,
) -> None:
    org.fail(error(status, code, message), 1000, org.is_page)
    with pytest.raises(raised, match=match) as caught:
        people(opened())
    assert caught.value.hint
    assert bool(watched.waits) is waits


def test_a_session_that_ends_meanwhile(org: FakeSalesforce, opened: Open, watched: Watched) -> None:
    for number in range(450):
        org.add_customer(f"p{number}@mail.example", consent=True)
    chunks = opened().read("contacts", None, lambda: False)
    rows = list(next(chunks).rows)
    org.sessions.clear()
    rows += [row for chunk in chunks for row in chunk.rows]
    assert len(rows) == 450
    assert watched.waits == []


def test_another_address(org: FakeSalesforce, opened: Open) -> None:
    org.is_salesforce = False
    with pytest.raises(UsageError, match="no Salesforce org"):
        people(opened())


@pytest.mark.parametrize(
    "named",
    [
        "https://evil.example",
        "https://salesforce.com.evil.example",
        "http://org.my.salesforce.com",
        "https://x@org.my.salesforce.com",
        "https://[",
        7,
        "",
    ],
)
def test_the_session_goes_to_salesforce_only(org: FakeSalesforce, opened: Open, named: Any) -> None:
    org.instance_url = named
    with pytest.raises(UsageError, match="not Salesforce"):
        people(opened())
    assert [asked.path for asked in org.log] == ["/services/oauth2/token"]
    with pytest.raises(UsageError):
        instance("http://127.0.0.1:1", "https://org.my.salesforce.com")


def test_requests_go_where_the_login_says(org: FakeSalesforce) -> None:
    assert instance("https://org--uat.sandbox.my.salesforce.com/", "https://org.my.salesforce.com") == (
        "https://org--uat.sandbox.my.salesforce.com"
    )
    other = FakeSalesforce()
    org.instance_url = other.url
    other.sessions.add(f"{SESSION}1")
    other.add_customer(ANNA)
    with opening(org, Watched()) as open_it:
        assert set(people(open_it())) == {ANNA}
    other.close()


# JWT bearer


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def by_jwt(org: FakeSalesforce, private: str) -> dict[str, Any]:
    found = org.settings(username="crsync@org.example", private_key=private)
    del found["client_secret"]
    return found


def test_jwt_bearer(org: FakeSalesforce, key: rsa.RSAPrivateKey, watched: Watched, monkeypatch: Any) -> None:
    from tests.shops.reading import close, open_source

    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    org.public_key = public.decode()
    org.add_customer(ANNA)
    source = open_source(by_jwt(org, private), watched, org.secrets())
    assert set(people(source)) == {ANNA}
    assert CLIENT_SECRET.encode() not in org.log[0].body
    close(source)
    source = open_source(by_jwt(org, "no key"), watched, org.secrets())
    with pytest.raises(UsageError, match="cannot be used to sign"):
        people(source)
    close(source)
    monkeypatch.setitem(sys.modules, "jwt", None)
    source = open_source(by_jwt(org, private), watched, org.secrets())
    with pytest.raises(UsageError, match="not installed") as caught:
        people(source)
    assert "cleverreach-sync[salesforce]" in str(caught.value.hint)
    close(source)


# The config


def settings(**more: Any) -> Any:
    given = {"type": "salesforce", "url": "https://org.my.salesforce.com", "client_id": CLIENT_ID, **more}
    given = {"client_secret": "s", "subscribed_when": "A__c = true", **given}
    return settings_class("salesforce").model_validate({name: each for name, each in given.items() if each is not None})


@pytest.mark.parametrize(
    "more",
    [
        {"subscribed_when": "A__c = true) OR (Id != null"},
        {"subscribed_when": "A__c = 'x"},
        {"subscribed_when": "SELECT Id FROM Contact"},
        {"subscribed_when": {}},
        {"subscribed_when": {"Lead": "A__c = true"}, "objects": ["Contact"]},
        {"subscribed_when": None},
        {"bought_when": "A__c = true", "objects": ["Lead"]},
        {"client_secret": None},
        {"username": "x"},
        {"username": "x", "private_key": "y"},
        {"url": "https://login.salesforce.com"},
        {"api_version": "67"},
    ],
)
def test_what_the_config_may_not_say(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**more)


@pytest.mark.parametrize(
    "url",
    [
        "https://org.my.salesforce.com/",
        "https://org.lightning.force.com/lightning",
        "https://org.my.salesforce.com/services/oauth2/token",
    ],
)
def test_the_address_of_a_page_is_that_of_the_org(url: str) -> None:
    assert settings(url=url).url == "https://org.my.salesforce.com"
    assert settings().tag_source == "Salesforce"
