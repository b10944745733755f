"""What can be decided about one person, and what decides: values only, in no system's own terms."""

from __future__ import annotations

from enum import Flag, StrEnum, auto
from typing import Final, NamedTuple

from cleverreach_sync.domain.address import Patterns
from cleverreach_sync.domain.consent import Policy, ShopConsent
from cleverreach_sync.domain.fields import FieldMap
from cleverreach_sync.domain.fingerprints import Fingerprints, Packed
from cleverreach_sync.domain.model import ConsentState, Kind, LastSynced, Person, Recipient, Status
from cleverreach_sync.domain.tags import OwnTags


class Outcome(StrEnum):
    """What becomes of a person in a run; every person ends in exactly one."""

    CREATED = "created"
    UPDATED = "updated"
    DEACTIVATED = "deactivated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    INVALID = "invalid"
    REJECTED = "rejected"


class Rules(NamedTuple):
    """All that decides, apart from the person. `policy` is the target's. `resend`: fingerprints are ignored. `adopt`:
    an own special tag in the list means transferred by crsync, a Subscriber tag a consent given before. `run`: the
    run's ID. `end_only`: an end of consent brings nothing else along. `delete_erased`: whose data the shop erased is
    deleted from the list."""

    selection: frozenset[Kind]
    activate: frozenset[Kind]
    exclude: Patterns
    own: OwnTags
    fields: FieldMap
    fingerprints: Fingerprints
    policy: Policy
    resend: bool = False
    include_deleted: bool = False
    adopt: bool = False
    run: str = ""
    end_only: bool = False
    delete_erased: bool = False


class Suppression(NamedTuple):
    """What is known of an address beyond this transfer and its list: blacklisted, or unsubscribed at some time, in the
    account; or put into the list by another transfer of the same shop. `still_mailed`: the target mails them although
    they are blacklisted."""

    blacklisted: bool = False
    unsubscribed_at: int | None = None
    by_other_transfer: bool = False
    still_mailed: bool = False


NOT_SUPPRESSED: Final = Suppression()


class Case(NamedTuple):
    """Somebody about whom is to be decided: who they are, what was last agreed, and how they stand in the target
    (`recipient` None: not in the list). `values` are the data fields where they were filled before."""

    person: Person
    memory: LastSynced
    recipient: Recipient | None
    suppressed: Suppression = NOT_SUPPRESSED
    values: dict[str, str] | None = None


class Change(NamedTuple):
    """One row to write, in no system's own terms. `status` is what is asked for, None: it is left alone; ABSENT: they
    are to be deleted. `creates`: the address is not in the list. `at` (since when they agree) and `registered` (when
    the shop made their account) are facts for targets that take such dates. `tags_added` are full tags, `tags_removed`
    those to take away. `attributes` are by data field name, or packed before."""

    email: str
    creates: bool
    recipient_id: str | None
    status: Status | None
    at: int | None
    registered: int | None
    tags_added: tuple[str, ...]
    tags_removed: tuple[str, ...]
    attributes: dict[str, str] | Packed

    def values(self) -> dict[str, str]:
        """The data fields to write, by name."""
        attributes = self.attributes
        return attributes if isinstance(attributes, dict) else attributes.values()


class Part(Flag):
    """What of a change a target has confirmed."""

    STATUS = auto()
    FIELDS = auto()
    TAGS = auto()


WHOLE: Final = Part.STATUS | Part.FIELDS | Part.TAGS


class Decision(NamedTuple):
    """The decision about one person, with two sides: `change` is what is to be written to the target, None if nothing
    is; `shop_becomes` what the shop is to say from now on, None: what it says already. `kinds` are the selected kinds
    that apply; `reason` says why, in a word of the reports; `adopted` is what had to be assumed about a recipient with
    an own special tag; `again`: the shop's withdrawal is another one than the end that was recorded."""

    outcome: Outcome
    reason: str
    kinds: frozenset[Kind]
    shop: ShopConsent
    change: Change | None = None
    activates: bool = False
    values: dict[str, str] | None = None  # the data fields, empty ones included
    adopted: LastSynced | None = None
    again: bool = False
    shop_becomes: ConsentState | None = None

    def instead(self, outcome: Outcome, reason: str) -> Decision:
        """The same person, to whom nothing is written after all."""
        return Decision(outcome, reason, self.kinds, self.shop, again=self.again, shop_becomes=self.shop_becomes)
