"""Which dates count: those that anybody can have meant. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import Final

from cleverreach_sync.domain.model import Consent, Record
from cleverreach_sync.sources.interface import Warned
from cleverreach_sync.sources.records import Named, not_a_date
from cleverreach_sync.sources.values import is_no_date, read_day, read_time, utc_text

EARLIEST_TIME: Final = 631_152_000  # 1990-01-01: what lies before is the zero of some computer
_AHEAD: Final = 86_400


class Plausible:
    """Takes dates that are none out of records: before 1990, or more than a day after the run began at `now` (unix
    seconds). A birthday may lie before 1990. `left_out` counts them, `ahead` tells of the last record whether one was
    in the future, which a later run may see otherwise."""

    def __init__(self, now: int) -> None:
        self.left_out = 0
        self.ahead = False
        self._latest = now + _AHEAD
        self._latest_day = utc_text(self._latest)[:10]

    def __call__(self, record: Record) -> Record:
        latest, consent, bought = self._latest, record.consent, record.purchases
        self.ahead = record.profile.get("birthday", "") > self._latest_day
        if (
            not self.ahead
            and ((at := record.at) is None or EARLIEST_TIME <= at <= latest)
            and ((at := record.created_at) is None or EARLIEST_TIME <= at <= latest)
            and (consent is None or (at := consent.at) is None or EARLIEST_TIME <= at <= latest)
            and (bought is None or (at := bought.last_at) is None or EARLIEST_TIME <= at <= latest)
            and not [1 for order in record.orders if order.at is not None and not EARLIEST_TIME <= order.at <= latest]
        ):
            return record
        return self._without(record)

    def _without(self, record: Record) -> Record:
        profile = dict(record.profile)
        if self.ahead:
            del profile["birthday"]
            self.left_out += 1
        created = at = self._time(record.created_at)
        if created is None and record.created_at is not None:
            profile.pop("created_at", None)
        if record.at != record.created_at:
            at = self._time(record.at)
        if at is None and record.at is not None:
            profile.pop("updated_at", None)
            at = created
        consent, bought = record.consent, record.purchases
        return record._replace(
            at=at,
            created_at=created,
            profile=profile,
            consent=None if consent is None else self._stated(consent),
            purchases=None if bought is None else bought._replace(last_at=self._time(bought.last_at)),
            orders=tuple(order._replace(at=self._time(order.at)) for order in record.orders),
        )

    def _stated(self, consent: Consent) -> Consent:
        """Of a day that was read as its end, its beginning tells whether it can be right."""
        if consent.after is not None and EARLIEST_TIME <= consent.after <= self._latest:
            return consent
        return consent._replace(at=self._time(consent.at), after=None)

    def _time(self, at: int | None) -> int | None:
        if at is None or EARLIEST_TIME <= at <= self._latest:
            return at
        self.left_out += 1
        self.ahead = self.ahead or at > self._latest
        return None


def shop_time(value: object, name: str, what: Named, warn: Callable[[Warned], None], zone: tzinfo = UTC) -> int | None:
    """Unix seconds of the date `name` of something in a shop; None for none, of which `warn` is told."""
    if not value:
        return None
    seconds = read_time(value.strip(), zone=zone) if isinstance(value, str) else None
    if seconds is None:
        none = isinstance(value, str) and is_no_date(value)
        warn(Warned(not_a_date(what(), name), 0, no_date=none))
    return seconds


def shop_day(value: object, name: str, what: Named, warn: Callable[[Warned], None]) -> str:
    """The day `name` of something in a shop, as `YYYY-MM-DD`; "" for none, of which `warn` is told."""
    if not value:
        return ""
    day = read_day(value) if isinstance(value, str) else None
    if day is None:
        none = isinstance(value, str) and is_no_date(value)
        warn(Warned(not_a_date(what(), name), 0, no_date=none))
    return day or ""
