"""People as rows of a shop's export, and what they are called in config and list."""

from __future__ import annotations

import datetime as dt
from typing import Final

NOW: Final = 1_790_000_000  # 2026-09-21T14:13:20Z
DAY: Final = 86400
S, B, C = "subscriber", "buyer", "contact"
SUBSCRIBER, BUYER, CONTACT = "Shop-Special.Subscriber", "Shop-Special.Buyer", "Shop-Special.Contact"
COLUMNS: Final = ("email", "first_name", "last_name", "city", "subscribed", "subscribed_at", "orders", "source_id")


def at(day: str) -> int:
    """Unix seconds of a day's beginning, UTC."""
    return int(dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp())


def customer(number: int, **cells: str) -> dict[str, str]:
    """A subscriber who has bought, unless `cells` say otherwise."""
    return {
        "email": f"person{number:05}@example.org",
        "first_name": f"Vorname{number:05}",
        "last_name": f"Nachname{number:05}",
        "city": f"Ort{number:05}",
        "subscribed": "yes",
        "subscribed_at": "2025-03-01T10:00:00Z",
        "orders": "1",
        "source_id": str(number),
        **cells,
    }


def people(count: int, start: int = 0) -> list[dict[str, str]]:
    return [customer(number) for number in range(start, start + count)]


def person(email: str, **values: str) -> dict[str, str]:
    return {"email": email, **values}


def subscriber(email: str, **values: str) -> dict[str, str]:
    """Somebody with consent who never bought."""
    return {"email": email, "subscribed": "yes", "orders": "0", **values}


def buyer(email: str, **values: str) -> dict[str, str]:
    """Somebody who bought and never subscribed."""
    return {"email": email, "subscribed": "no", "orders": "2", **values}


def both(email: str, **values: str) -> dict[str, str]:
    return {"email": email, "subscribed": "yes", "orders": "2", **values}


def neither(email: str, **values: str) -> dict[str, str]:
    return {"email": email, "subscribed": "no", "orders": "0", **values}


def opted_out(email: str, **values: str) -> dict[str, str]:
    """Somebody who bought and unsubscribed in the shop."""
    return {"email": email, "subscribed": "opted_out", "orders": "2", **values}
