"""Which fields of which objects are read, and which person field each becomes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from cleverreach_sync.messages import Message, say

_WHO: Final = {"salutation": ("Salutation",), "first_name": ("FirstName",), "last_name": ("LastName",)}
_DATES: Final = ("CreatedDate", "LastModifiedDate")
COMPANY: Final = "Account.Name"


def _address(prefix: str) -> dict[str, tuple[str, ...]]:
    """Codes of states and countries are there where the org has switched them on."""
    return {
        "street": (f"{prefix}Street",),
        "zip": (f"{prefix}PostalCode",),
        "city": (f"{prefix}City",),
        "state": (f"{prefix}StateCode", f"{prefix}State"),
        "country": (f"{prefix}CountryCode", f"{prefix}Country"),
        "phone": ("Phone",),
    }


class Kind(NamedTuple):
    """An object whose rows are people. `fields`: person field, then the fields of Salesforce, of which the first one
    that there is counts. `gone` is true of those who are somebody else by now."""

    name: str
    stream: str
    words: Message
    fields: dict[str, tuple[str, ...]]
    gone: str = ""

    @property
    def needed(self) -> tuple[str, ...]:
        """What nobody can be decided without."""
        gone = (self.gone,) if self.gone else ()
        return ("Id", "IsDeleted", "Email", "HasOptedOutOfEmail", "SystemModstamp", *gone)


CONTACTS: Final = Kind(
    "Contact",
    "contacts",
    say("salesforce.contacts", "contacts"),
    {**_WHO, **_address("Mailing"), "birthday": ("Birthdate",), "company": (COMPANY,)},
)
LEADS: Final = Kind(
    "Lead",
    "leads",
    say("salesforce.leads", "leads"),
    {**_WHO, **_address(""), "company": ("Company",)},
    gone="IsConverted",
)
KINDS: Final = {each.name: each for each in (CONTACTS, LEADS)}
ROLES: Final = say("salesforce.roles", "contact roles of opportunities")


class Layout(NamedTuple):
    """What is asked of an object: `fields` of Salesforce by person field. `hidden` are those the user may not see."""

    fields: dict[str, str]
    dates: tuple[str, ...]
    hidden: tuple[str, ...]

    def asked(self, kind: Kind) -> tuple[str, ...]:
        return (*kind.needed, *self.fields.values(), *self.dates)


def layout(kind: Kind, there: Collection[str], related: Collection[str]) -> Layout:
    """Of the fields that describe names; `related` are those of other objects (Account.Name)."""
    seen = {*there, *related}
    fields: dict[str, str] = {}
    hidden: list[str] = []
    for name, choices in kind.fields.items():
        found = _first(choices, seen)
        if found is None:
            hidden.append(choices[-1])
        else:
            fields[name] = found
    hidden += [name for name in _DATES if name not in seen]
    return Layout(fields, tuple(name for name in _DATES if name in seen), tuple(hidden))


def _first(choices: Sequence[str], seen: Collection[str]) -> str | None:
    return next((name for name in choices if name in seen), None)
