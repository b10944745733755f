"""An export of an invented shop, as shops really write them, for the demo and for trying things out.

Among its people are two with a second account under another spelling of their address, guests without a customer
number, one order taken at the counter without an address, one birthday nobody can read, and some who opted out.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

EXPORT_NAME: Final = "customers.csv"
COLUMNS: Final = (
    "source_id", "email", "subscribed", "subscribed_at", "orders", "last_order_at", "total_spent", "salutation",
    "first_name", "last_name", "birthday", "language", "company", "street", "zip", "city", "country", "phone",
    "customer_number", "created_at", "updated_at", "vip",
)  # fmt: skip
WOMEN: Final = (
    "Anna", "Jördis", "Käthe", "Sofía", "Zoë", "Marie", "Emma", "Hannah", "Lea", "Ayşe", "Łucja", "Renée",
)  # fmt: skip
MEN: Final = (
    "Jörg", "Paul", "Günther", "Felix", "Björn", "Cem", "Łukasz", "Ben", "Søren", "Luís", "Noël", "Max",
)  # fmt: skip
LAST_NAMES: Final = (
    "Müller", "Schmidt", "Schneider", "Fischer", "Weber", "Meyer", "Wagner", "Becker", "Schulz", "Hoffmann",
    "Schäfer", "Koch", "Bauer", "Richter", "Klein", "Wolf", "Schröder", "Neumann", "Schwarz", "Zimmermann",
    "Braun", "Krüger", "Hofmann", "Hartmann", "Lange", "Schmitt", "Krause", "Meier", "Groß", "Öztürk",
)  # fmt: skip
STREETS: Final = (
    "Hauptstraße", "Schulstraße", "Gartenweg", "Bahnhofstraße", "Am Markt", "Lindenallee", "Königsallee", "Mühlweg",
)  # fmt: skip
PLACES: Final = (
    ("20095", "Hamburg", "DE"), ("80331", "München", "DE"), ("50667", "Köln", "DE"), ("01067", "Dresden", "DE"),
    ("1010", "Wien", "AT"), ("8001", "Zürich", "CH"), ("40213", "Düsseldorf", "DE"), ("28195", "Bremen", "DE"),
)  # fmt: skip

_ASCII: Final = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ö": "Oe", "ş": "s", "Ł": "L",
        "ø": "o", "í": "i", "ë": "e", "é": "e",
    }
)  # fmt: skip
_HOSTS: Final = ("example.org", "example.com", "example.net")
_OPENED: Final = datetime(2023, 3, 1, 9, tzinfo=UTC)
_LEAVES: Final = 5  # the person whose consent ends between the two exports


def write(path: Path, *, people: int = 60, later: bool = False) -> int:
    """Writes the export, always the same for the same number of people; the number of its rows.

    `later`: the export of the next day, in which one subscriber has opted out and nothing else is different.
    """
    rows = list(_rows(people, later=later))
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def _rows(people: int, *, later: bool) -> Iterator[dict[str, str]]:
    rng = random.Random(20260301)
    for number in range(people):
        row = _person(number, rng)
        if number == 17:
            row["birthday"] = "31.02.1980"
        if number == 23:
            row["email"] = ""
        if number == _LEAVES:
            row["subscribed"] = "opted_out" if later else "yes"
            row["subscribed_at"] = "2026-02-27T18:12:44Z" if later else row["created_at"]
            row["updated_at"] = "2026-02-27T18:12:44Z" if later else row["created_at"]
        yield row
        if number in (8, 31):
            yield row | {
                "source_id": str(5000 + number),
                "customer_number": f"K{15000 + number}",
                "email": row["email"].upper(),
                "orders": "1",
                "total_spent": "19.90",
            }


def _person(number: int, rng: random.Random) -> dict[str, str]:
    woman = rng.random() < 0.55
    first, last = rng.choice(WOMEN if woman else MEN), rng.choice(LAST_NAMES)
    code, city, country = rng.choice(PLACES)
    created = _OPENED + timedelta(days=rng.randrange(1000), seconds=rng.randrange(40000))
    changed = created + timedelta(days=rng.randrange(60), seconds=rng.randrange(40000))
    orders = rng.choice((0, 0, 1, 1, 2, 3, 7))
    consent = rng.choices(("yes", "no", "", "opted_out"), (52, 27, 12, 9))[0]
    guest = orders > 0 and rng.random() < 0.2
    street, house = rng.choice(STREETS), rng.randrange(1, 120)
    return {
        "source_id": "" if guest else str(1001 + number),
        "email": f"{first}.{last}{number}@{rng.choice(_HOSTS)}".translate(_ASCII).lower(),
        "subscribed": consent,
        "subscribed_at": _time(created) if consent == "yes" else "",
        "orders": str(orders),
        "last_order_at": _time(changed) if orders else "",
        "total_spent": f"{orders * rng.randrange(900, 9000) / 100:.2f}",
        "salutation": "Frau" if woman else "Herr",
        "first_name": first,
        "last_name": last,
        "birthday": f"{rng.randrange(1950, 2004)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        "language": "de",
        "company": f"{last} & Partner, GmbH" if rng.random() < 0.1 else "",
        "street": f"{street} {house}",
        "zip": code,
        "city": city,
        "country": country,
        "phone": f"+49 40 {rng.randrange(10**6, 10**7)}" if rng.random() < 0.4 else "",
        "customer_number": "" if guest else f"K{10000 + number}",
        "created_at": _time(created),
        "updated_at": _time(changed),
        "vip": "yes" if orders > 5 else "",
    }


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
