"""Exports of newsletter recipients whose shape is known by their headings, as a consent file: which column says who
subscribed, and what its words mean. Pure.

Facts: Shopware 5 deletes the row of somebody who unsubscribes, so that whoever is in its export is a subscriber, but
for those who have not confirmed; Magento keeps them, with a status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final, NamedTuple

from cleverreach_sync.domain.model import ConsentState
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.file.columns import fold

_LISTED: Final = "listed"
_CONFIRMED: Final = "confirmed"


class Export(NamedTuple):
    """A known shape. `headings` have all to be there. `words` are those of its column `subscribed`, and no others
    count; in their place `told_by` is `listed` (whoever is there is a subscriber) or `confirmed` (whoever has a date in
    that column). `zones`: its times may be in one of these as well as in that of the config."""

    name: Message
    headings: frozenset[str]
    columns: Mapping[str, str]
    words: Mapping[str, str] = {}
    told_by: str = ""
    zones: tuple[tzinfo, ...] = ()

    def reading(self, time: Callable[[str], Any], none: Callable[[str], bool]) -> Callable[[str], Any] | None:
        """How a cell of `subscribed` is read where no words tell: `time` is None for what is no date, `none` tells
        whether it says that there is none. None for a cell that says neither."""
        if self.told_by == _LISTED:
            return lambda _: ConsentState.YES
        if self.told_by == _CONFIRMED:
            return lambda raw: _confirmed(raw.strip(), time, none)
        return None


def _confirmed(text: str, time: Callable[[str], Any], none: Callable[[str], bool]) -> ConsentState | None:
    if not text or none(text):
        return ConsentState.NO
    return None if time(text) is None else ConsentState.YES


_MAGENTO: Final = say("file.export_magento", "the newsletter subscribers of Magento")
_SHOPWARE: Final = say("file.export_shopware", "the newsletter recipients of Shopware 5")
_OF_SHOPWARE: Final = (
    frozenset({"email", "group", "salutation", "firstname", "lastread", "added"}),
    frozenset({"email", "groupid", "lastmailing", "lastread", "added"}),
)
_CONFIRMATIONS: Final = ("double_optin_confirmed", "doubleoptinconfirmed")
_OF_CONFIRMATION: Final = ("optin", "opt-in", "opt_in", "opt in", "confirm", "bestätig", "status", "active", "aktiv")
_EXPORTS: Final = (
    Export(
        _MAGENTO,
        frozenset({"id", "email", "type", "status", "web site", "store", "store view"}),
        {"email": "email", "subscribed": "status"},
        {"subscribed": "yes", "not activated": "no", "unconfirmed": "no", "unsubscribed": "opted_out"},
    ),
    Export(
        _MAGENTO,
        frozenset({"subscriber_email", "subscriber_status", "change_status_at"}),
        {"email": "subscriber_email", "subscribed": "subscriber_status", "subscribed_at": "change_status_at"},
        {"1": "yes", "2": "no", "3": "opted_out", "4": "no"},
        zones=(UTC,),
    ),
    Export(
        _MAGENTO,
        frozenset({"subscriber_email", "subscriber_status"}),
        {"email": "subscriber_email", "subscribed": "subscriber_status"},
        {"1": "yes", "2": "no", "3": "opted_out", "4": "no"},
    ),
    *(
        Export(
            _SHOPWARE,
            headings | {confirmed},
            {"email": "email", "subscribed": confirmed, "subscribed_at": confirmed},
            told_by=_CONFIRMED,
        )
        for headings in _OF_SHOPWARE
        for confirmed in _CONFIRMATIONS
    ),
    *(
        Export(
            _SHOPWARE,
            headings,
            {"email": "email", "subscribed": "email", "subscribed_at": "added"},
            told_by=_LISTED,
        )
        for headings in _OF_SHOPWARE
    ),
)


def recognised(header: Sequence[str]) -> Export | None:
    """The export whose headings these are; None where one that is needed is missing or there twice, or where the file
    says itself who subscribed."""
    folded = [fold(heading) for heading in header]
    if "subscribed" in folded:
        return None
    for export in _EXPORTS:
        if all(folded.count(heading) == 1 for heading in export.headings) and _tells_all(export, folded):
            return export
    return None


def _tells_all(export: Export, folded: Sequence[str]) -> bool:
    """Whether no other column of a list of recipients may say that somebody has not confirmed."""
    if not export.told_by:
        return True
    others = [heading for heading in folded if heading not in export.headings]
    return not any(word in heading for heading in others for word in _OF_CONFIRMATION)
