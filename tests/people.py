"""People, recipients and rules in few words, for tests of what decides."""

from __future__ import annotations

from collections.abc import Iterable

from cleverreach_sync.domain.address import Patterns
from cleverreach_sync.domain.decision import Change, Decision, Rules
from cleverreach_sync.domain.fields import FieldMap
from cleverreach_sync.domain.fingerprints import Fingerprints
from cleverreach_sync.domain.model import Consent, ConsentState, Kind, Person, Purchases, Recipient, Status
from cleverreach_sync.domain.tags import OwnTags
from cleverreach_sync.targets.cleverreach.fields import data_fields
from cleverreach_sync.targets.cleverreach.policy import POLICY

ANNA = "anna@example.org"
NOW = 1_700_000_000
SUBSCRIBER, BUYER, CONTACT = Kind.SUBSCRIBER, Kind.BUYER, Kind.CONTACT
S, B, C = frozenset({SUBSCRIBER}), frozenset({BUYER}), frozenset({CONTACT})
SELECTIONS = (S, B, C, S | B, S | C, B | C, S | B | C)
YES, NO, OUT, UNKNOWN = ConsentState.YES, ConsentState.NO, ConsentState.OPTED_OUT, ConsentState.UNKNOWN
OWN = OwnTags("Shop")
TAGS = OWN.by_kind
FINGERPRINTS = Fingerprints(bytes(range(32)))
BOUGHT, BOUGHT_NOTHING = Purchases(2, NOW - 500, "30.50"), Purchases(0)


def person(
    consent: ConsentState = UNKNOWN,
    at: int | None = None,
    purchases: Purchases | None = None,
    profile: dict[str, str] | None = None,
    *,
    email: str = ANNA,
    created_at: int | None = None,
    invalid: str | None = None,
    withdrew: bool = False,
) -> Person:
    filled = {"first_name": "Anna"} if profile is None else profile
    return Person(email, filled, Consent(consent, at), purchases, created_at, invalid, withdrew)


def recipient(
    state: Status = Status.SUBSCRIBED,
    kinds: Iterable[Kind] = (),
    *,
    ident: str = "7",
    other_tags: Iterable[str] = (),
    attributes: dict[str, str] | None = None,
) -> Recipient:
    tags = frozenset(TAGS[kind] for kind in kinds) | frozenset(other_tags)
    return Recipient(ident, ANNA, state, tags, attributes or {})


def rules(
    selection: frozenset[Kind] = S | B | C,
    activate: frozenset[Kind] | None = None,
    *,
    exclude: Iterable[str] = (),
    preset: str = "shop",
    mapping: dict[str, str | None] | None = None,
    resend: bool = False,
    include_deleted: bool = False,
    adopt: bool = False,
    run: str = "",
) -> Rules:
    return Rules(
        selection,
        selection if activate is None else activate,
        Patterns(exclude),
        OWN,
        FieldMap(data_fields(preset, mapping or {})),
        FINGERPRINTS,
        POLICY,
        resend,
        include_deleted,
        adopt,
        run,
    )


def confirmed(plan: Decision, before: Recipient | None, *, ident: str = "7") -> Recipient:
    """The recipient as a target that does as it is asked gives them back."""
    assert plan.change is not None
    return after(plan.change, before, ident=ident)


def after(change: Change, before: Recipient | None, *, ident: str = "7") -> Recipient:
    had = before if before is not None else Recipient(ident, change.email, Status.SUBSCRIBED)
    state = had.status
    if change.status is not None:
        state = Status.SUBSCRIBED if change.status is Status.SUBSCRIBED else Status.NOT_SUBSCRIBED
    return had._replace(
        status=state,
        tags=(had.tags | set(change.tags_added)) - set(change.tags_removed),
        attributes={**had.attributes, **change.values()},
    )
