"""Writes exports of a shop with as many people as wanted, for benchmarks: `python -m tests.benchmarks.exports N PATH`.

The same number and seed always give the same file. About 2 % of the people come a second time with another spelling
of their address, 1 % have opted out, 0.1 % have no usable address.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import Final

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.sandbox.sample import LAST_NAMES, MEN, PLACES, STREETS, WOMEN

HEADER: Final = (
    "source_id,email,salutation,first_name,last_name,gender,birthday,language,company,street,zip,city,country,phone,"
    "customer_number,subscribed,subscribed_at,orders,last_order_at,total_spent,created_at,updated_at\n"
)
FIRST: Final = (*(("Frau", "f", name) for name in WOMEN), *(("Herr", "m", name) for name in MEN))
HOSTS: Final = ("example.org", "example.com", "example.net", "mail.example.org", "post.example.com")
ASCII: Final = str.maketrans("Ł", "L")


def write(path: Path, people: int, seed: int = 1) -> int:
    """Writes a CSV with so many people; the number of its rows, the header not counted."""
    draw = random.Random(seed).random
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(HEADER)
        batch: list[str] = []
        for number in range(people):
            row = _row(number, int(draw() * 2**52))
            batch.append(row[1] if number % 1000 != 999 else row[1].replace("@", " at ", 1))
            if number % 50 == 7:
                batch.append(_again(row))
            if len(batch) >= 5000:
                out.writelines(batch)
                rows += len(batch)
                batch.clear()
        out.writelines(batch)
    return rows + len(batch)


def write_addresses(export: Path, path: Path) -> None:
    """Writes who is in an export, each normalised address once, one a line."""
    with export.open(encoding="utf-8") as rows, path.open("w", encoding="utf-8") as out:
        next(rows)
        known = dict.fromkeys(normalise(row.split(",", 2)[1]) for row in rows)
        out.writelines(f"{email}\n" for email in known if email is not None)


def _row(number: int, bits: int) -> tuple[str, str]:
    """The address and the whole line of one person; `bits` decide everything that is not the number."""
    salutation, gender, first = FIRST[bits % 24]
    last = LAST_NAMES[bits // 24 % 30]
    code, city, country = PLACES[bits // 720 % 8]
    pick = bits // 5760
    email = f"{first[0].translate(ASCII).lower()}.{number:x}@{HOSTS[pick % 5]}"
    company = f'"{last} & {first}, GmbH"' if pick % 11 == 0 else ""
    year, month, day = 2018 + pick % 7, pick // 7 % 12 + 1, pick // 84 % 28 + 1
    clock = f"{pick % 24:02}:{pick // 24 % 60:02}:{pick // 1440 % 60:02}Z"
    birthday = f"{1945 + pick % 60}-{month:02}-{day:02}" if pick % 3 else ""
    word = "opted_out" if pick % 100 == 3 else ("yes", "no", "yes", "")[pick % 4]
    orders = pick % 9
    bought = f"{orders},{year}-{day % 12 + 1:02}-{month:02}T{clock},{pick % 90000 / 100:.2f}" if orders else "0,,0.00"
    since = f"{year}-{month:02}-{day:02}T{clock}"
    return email, (
        f"{number + 1},{email},{salutation},{first},{last},{gender},{birthday},{country.lower()},{company},"
        f"{STREETS[pick % 8]} {pick % 199 + 1},{code},{city},{country},+49 40 {pick % 10**7:07},K{number + 10000},"
        f"{word},{since if word == 'yes' else ''},{bought},{since},{year + 1}-{month:02}-{day:02}T{clock}\n"
    )


def _again(row: tuple[str, str]) -> str:
    """The same person from another account: another spelling of the address, another ID."""
    email, line = row
    return "9" + line.replace(email, email.upper(), 1)


def main() -> None:
    """The command line of the module."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("people", type=int)
    options.add_argument("path", type=Path)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--addresses", type=Path, metavar="PATH", help="also write the addresses, one a line")
    given = options.parse_args()
    begun = time.perf_counter()
    rows = write(given.path, given.people, given.seed)
    if given.addresses is not None:
        write_addresses(given.path, given.addresses)
    print(f"{rows} rows in {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main()
