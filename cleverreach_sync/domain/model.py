"""What a person, their consent, their purchases and a recipient are. Values only, no I/O.

Times are whole unix seconds, UTC. Amounts are decimal strings with a dot (`"1234.50"`). The values of person fields
are strings; dates of a day are `YYYY-MM-DD`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class ConsentState(StrEnum):
    """What a source says about the newsletter."""

    YES = "yes"
    NO = "no"  # never subscribed, or not yet confirmed
    OPTED_OUT = "opted_out"  # withdrew
    UNKNOWN = "unknown"  # the source cannot tell


class Signal(StrEnum):
    """What a stream of a source tells about people."""

    PROFILE = "profile"
    CONSENT = "consent"
    PURCHASES = "purchases"


class Kind(StrEnum):
    """Why somebody is transferred."""

    SUBSCRIBER = "subscriber"
    BUYER = "buyer"
    CONTACT = "contact"


PROFILE_FIELDS: Final = (
    "salutation",
    "title",
    "first_name",
    "last_name",
    "gender",
    "birthday",
    "language",
    "company",
    "street",
    "zip",
    "city",
    "state",
    "country",
    "phone",
    "customer_number",
    "customer_type",
    "shop",
    "source_id",
    "created_at",
    "updated_at",
)
PERSON_FIELDS: Final = (
    "email",
    "subscribed",
    "subscribed_at",
    "orders",
    "last_order_at",
    "total_spent",
    *PROFILE_FIELDS,
)

RANK_LEFT: Final = -2  # of a record that is gone, or at another address now: what it said about the newsletter
RANK_EXCLUDED: Final = -1  # a record from where nobody may be transferred (a marketplace, say)
RANK_GUEST: Final = 0  # a guest order's address
RANK_CUSTOMER: Final = 1  # a registered customer's record


class Consent(NamedTuple):
    """One statement about the newsletter; `at` is when it was made, if the source says so.

    `after`: the source does not say so; the statement was seen first at `at`, and something else was read at `after`.
    Of a withdrawal: it says no more than a time, a day say, that began at `after` and ends at `at`.
    """

    state: ConsentState
    at: int | None = None
    after: int | None = None

    @property
    def earliest(self) -> int | None:
        """When it was made at the earliest, None if nobody knows."""
        return self.at if self.after is None or self.at is None else self.after + 1

    def is_later_than(self, moment: int | None) -> bool:
        """Whether it was certainly made after `moment`, or after one that nobody knows, if it has a date."""
        earliest = self.earliest
        return earliest is not None and (moment is None or earliest > moment)


class Purchases(NamedTuple):
    """A summary of somebody's orders that count. `total` is None where the source has no amount, "" where there
    is none of what was bought: in several currencies, say."""

    number: int
    last_at: int | None = None
    total: str | None = None


class Order(NamedTuple):
    """One order. `counts` is false for one that makes nobody a buyer (cancelled, say). `excluded`: it would count, but
    comes from where no buyers may be transferred from. Of one that is remembered `by` is the keyed hash of the record
    that brought it, "" if that is not known."""

    id: str
    counts: bool
    at: int | None = None
    total: str | None = None
    currency: str | None = None
    excluded: bool = False
    by: str = ""


class Record(NamedTuple):
    """What one record of a source says about one person.

    `ident` identifies the record within its stream and lets it replace its earlier self; None where the source has
    no ID (such records of one person replace each other as a whole). `rank` is RANK_GUEST, RANK_CUSTOMER or
    RANK_EXCLUDED, `at` its own date (last change, else creation). A field missing from `profile` is missing in the
    source, `""` is an empty value. `consent` None: the record says nothing about it. `invalid` names the field whose
    value could not be read, which makes the whole person invalid. `makes_person` false: it is a fact about somebody,
    but brings nobody in (an order that does not count, say); it counts as soon as another record brings them in.
    """

    email: str
    ident: str | None = None
    rank: int = RANK_CUSTOMER
    at: int | None = None
    created_at: int | None = None
    profile: dict[str, str] = {}  # noqa: RUF012 - never changed
    consent: Consent | None = None
    purchases: Purchases | None = None
    orders: tuple[Order, ...] = ()
    invalid: str | None = None
    makes_person: bool = True


class SkipReason(StrEnum):
    """Why somebody is left as they are; of several the first counts."""

    ERASED = "erased"
    EXCLUDED = "excluded"
    NOT_SELECTED = "not_selected"
    BLACKLISTED = "blacklisted"
    BOUNCED = "bounced_in_target"
    UNSUBSCRIBED = "unsubscribed_in_target"
    DELETED = "deleted_in_target"
    OPTED_OUT = "opted_out"


class Status(StrEnum):
    """How somebody stands in the recipient list, in no system's own terms."""

    SUBSCRIBED = "subscribed"  # gets the mailings
    NOT_SUBSCRIBED = "not_subscribed"  # is in the list and gets none
    PENDING = "pending"  # has still to confirm that they want them
    UNSUBSCRIBED = "unsubscribed"  # left by themselves
    BOUNCED = "bounced"
    ARCHIVED = "archived"  # put away in the target, where they can be brought back
    ABSENT = "absent"


IN_LIST: Final = frozenset({Status.SUBSCRIBED, Status.NOT_SUBSCRIBED, Status.PENDING})  # there, and did not leave


class Stamps(NamedTuple):
    """The target's own dates of a recipient, 0 for never, None for those it does not give."""

    registered: int | None = None
    activated: int | None = None
    deactivated: int | None = None
    last_changed: int | None = None

    @property
    def latest(self) -> int:
        return max((stamp for stamp in self if stamp is not None), default=0)


class Recipient(NamedTuple):
    """One row of the recipient list as it was read. `id` is the target's own, of whatever form. `attributes` is by data
    field name, values as the target gives them; `registered` is the target's stamp, 0 if it has none; `stamps` are
    there of who is asleep (see `Policy`), if the target gives any. `changed_at`: when they last changed there, by the
    target's clock; None if it does not say."""

    id: str
    email: str
    status: Status
    tags: frozenset[str] = frozenset()
    attributes: dict[str, str] = {}  # noqa: RUF012 - never changed
    registered: int = 0
    stamps: Stamps | None = None
    changed_at: int | None = None


class RecordFacts(NamedTuple):
    """What is kept of one record after a run: no name, no address, no value of a profile field.

    `ident` is a keyed hash, "" for records without an ID. `consent_at` is the date of the statement; for an undated
    `opted_out` it is when crsync first saw it. `filled` are the profile fields that had a value: bits after
    PROFILE_FIELDS, names for `extra.*`. `owner` is the `ident` of the account's record that it belongs to, "" for none.
    `turned`, of a `no`: when the record said so, None if nobody did and a statement is gone, at `consent_at`; of a
    `yes`: it has no date of its own and was said after that time, `consent_at` is when it was seen first. `left_at`: as
    of when the record said `opted_out`, if it says something else now that is not known to be later.
    `makes_person` as in Record.
    """

    stream: str
    ident: str
    rank: int
    at: int | None
    consent: str | None
    consent_at: int | None
    number: int | None
    last_at: int | None
    total: str | None
    filled: int
    extras: tuple[str, ...]
    owner: str = ""
    turned: int | None = None
    left_at: int | None = None
    makes_person: bool = True


class Person(NamedTuple):
    """Everything known about one address. `profile` holds the values that may be sent.

    `purchases` None: nothing is known. `invalid` names the field that makes the person invalid; then `withdrew` tells
    whether a record all the same says opted_out. `excluded`: they come from where nobody may be transferred from, so
    nothing but a consent of their own lets them in. `erased`: the shop erased their data, no record of them is left.
    """

    email: str
    profile: dict[str, str]
    consent: Consent
    purchases: Purchases | None
    created_at: int | None
    invalid: str | None = None
    withdrew: bool = False
    is_person: bool = True
    excluded: bool = False
    erased: bool = False


class LastSynced(NamedTuple):
    """What was last agreed with the target about one person.

    `recipient_id` None: never confirmed in the list. `status` is how they stood there last, `tags` the own special tags
    they carried. `agreed` is the consent that was last acted on. `ended` says why crsync (or somebody else, where that
    had to be assumed) ended their mailing, `ended_at` from when on a new consent counts. `made_inactive`: crsync
    created them inactive. `run` confirmed them last. `left_before`: the reason why their former address had left, which
    holds for this one until a consent later than `ended_at` (with `ended` None: only for what is new, they were in the
    list before). `woken_at`: when the run began that made them active, if they have been since. `stamps`: as the last
    write left them, of who is inactive. `ended_at` without `ended` and `left_before`: others had a hand in them since
    they were created inactive, a consent has to be later than that.
    """

    recipient_id: str | None = None
    status: Status = Status.ABSENT
    tags: frozenset[Kind] = frozenset()
    fingerprint: bytes = b""
    agreed: ConsentState = ConsentState.UNKNOWN
    ended: str | None = None
    ended_at: int | None = None
    made_inactive: bool = False
    run: str = ""
    left_before: SkipReason | None = None
    woken_at: int | None = None
    stamps: Stamps | None = None

    @property
    def transferred(self) -> bool:
        return self.recipient_id is not None


NOTHING: Final = LastSynced()
ENDED_NO: Final = "no"
ENDED_OPTED_OUT: Final = "opted_out"
ENDED_MOVED: Final = "moved"  # the customer has another address now
ENDED_ERASED: Final = "erased"  # the shop erased their personal data
