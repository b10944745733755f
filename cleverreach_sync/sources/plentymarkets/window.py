"""From when on customers of plentymarkets are transferred. Times are the system's own."""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

import orjson

from cleverreach_sync.sources.values import read_time, utc_text

DAY: Final = 86400
_MARGIN: Final = 2 * DAY  # for filters that know days only, in a time zone of their own
RECIPIENTS: Final = "recipients"
CONTACTS: Final = "contacts"


class Anchor(NamedTuple):
    """What the first run settled. `consent`: what says who subscribed, RECIPIENTS or CONTACTS. `floor`: an automatic
    transfer brings in who was created since then, `began`: and who was changed since then; None before the first."""

    consent: str
    floor: int | None = None
    began: int | None = None

    @classmethod
    def parse(cls, text: str | None) -> Anchor | None:
        """None for what is no anchor."""
        try:
            known = orjson.loads(text or "")
            floor, began = (read_time(known[name]) if known.get(name) else None for name in ("floor", "began"))
            return cls(known["consent"], floor, began) if known["consent"] in (RECIPIENTS, CONTACTS) else None
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return None

    def __str__(self) -> str:
        times = {name: utc_text(at) for name, at in (("floor", self.floor), ("began", self.began)) if at is not None}
        return orjson.dumps({"consent": self.consent, **times}).decode()

    def automatic(self, now: int, first_run_days: int) -> Anchor:
        """With a floor; one that there is stays."""
        if self.floor is not None and self.began is not None:
            return self
        return self._replace(floor=now - first_run_days * DAY, began=now)


def day_before(at: int) -> str:
    """A day that is certainly before a time, whatever the time zone and whether the filter includes it."""
    return dt.datetime.fromtimestamp(max(0, at - _MARGIN), dt.UTC).date().isoformat()
