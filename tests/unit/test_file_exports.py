"""Consent files in the shape of an export that is known: no guess, and a word that is not known is never a yes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cleverreach_sync.domain.model import ConsentState, Record
from cleverreach_sync.errors import UsageError
from cleverreach_sync.sources.file.settings import FileOptions
from cleverreach_sync.sources.file.source import open_consent

YES, NO, OPTED_OUT = ConsentState.YES, ConsentState.NO, ConsentState.OPTED_OUT
MAGENTO = "ID,Email,Type,Customer First Name,Customer Last Name,Status,Web Site,Store,Store View"
MAGENTO_SQL = "subscriber_id,store_id,change_status_at,customer_id,subscriber_email,subscriber_status"
SHOPWARE = "email;group;salutation;firstName;lastName;street;zipCode;city;lastRead;added"
SHOPWARE_SQL = "id,customer,groupID,email,lastmailing,lastread,added"


def records(tmp_path: Path, text: str, zone: tzinfo = UTC, **options: Any) -> dict[str, Record]:
    path = tmp_path / "export.csv"
    path.write_text(text, encoding="utf-8")
    source = open_consent(FileOptions(path=str(path), **options), tmp_path, "no", zone)
    rows = [row for chunk in source.read("consent", None, lambda: False) for row in chunk.rows]
    return {row.email: source.decode("consent", row, lambda _: None) for row in rows}


def stated(found: Record) -> tuple[ConsentState, str | None]:
    assert found.invalid is None
    assert found.consent is not None
    at = found.consent.at
    return found.consent.state, None if at is None else datetime.fromtimestamp(at, UTC).isoformat()[:16]


def magento(status: str) -> str:
    return f"{MAGENTO}\n7,a@mail.example,Guest,,,{status},Main Website,Main Website Store,Default\n"


@pytest.mark.parametrize(
    ("status", "state"),
    [("Subscribed", YES), ("Not Activated", NO), ("Unconfirmed", NO), ("Unsubscribed", OPTED_OUT)],
)
def test_the_statuses_of_magento(tmp_path: Path, status: str, state: ConsentState) -> None:
    assert stated(records(tmp_path, magento(status))["a@mail.example"]) == (state, None)


@pytest.mark.parametrize("status", ["Abonniert", "1", "yes", "true", "Subscribed?", "subscribe"])
def test_a_status_that_is_not_known_is_no_yes(tmp_path: Path, status: str) -> None:
    found = records(tmp_path, magento(status))["a@mail.example"]
    assert found.invalid == "subscribed"
    assert found.consent is None or found.consent.state is not YES


def test_no_status_says_nothing(tmp_path: Path) -> None:
    assert stated(records(tmp_path, magento(""))["a@mail.example"]) == (ConsentState.UNKNOWN, None)


def test_words_of_the_config_come_on_top(tmp_path: Path) -> None:
    words: Mapping[str, Mapping[str, str]] = {"subscribed": {"Abonniert": "yes", "Subscribed": "no"}}
    assert stated(records(tmp_path, magento("Abonniert"), values=words)["a@mail.example"]) == (YES, None)
    assert stated(records(tmp_path, magento("Subscribed"), values=words)["a@mail.example"]) == (NO, None)


@pytest.mark.parametrize(("status", "state"), [("1", YES), ("2", NO), ("3", OPTED_OUT), ("4", NO)])
def test_the_columns_of_magentos_table(tmp_path: Path, status: str, state: ConsentState) -> None:
    text = f"{MAGENTO_SQL}\n7,1,2026-03-01 10:00:00,0,A@Mail.example,{status}\n"
    assert stated(records(tmp_path, text)["a@mail.example"]) == (state, "2026-03-01T10:00")


@pytest.mark.parametrize("status", ["0", "5", "yes", "true", "no"])
def test_other_numbers_of_magento_are_none(tmp_path: Path, status: str) -> None:
    text = f"{MAGENTO_SQL}\n7,1,2026-03-01 10:00:00,0,a@mail.example,{status}\n"
    assert records(tmp_path, text)["a@mail.example"].invalid == "subscribed"


def test_a_time_in_one_of_two_zones_is_read_for_who_left(tmp_path: Path) -> None:
    """The database says UTC, or the time of its server: a yes is early, an end late."""
    text = f"{MAGENTO_SQL}\n7,1,2026-03-01 10:00:00,0,a@mail.example,1\n8,1,2026-03-01 10:00:00,0,b@mail.example,3\n"
    found = records(tmp_path, text, ZoneInfo("Europe/Berlin"))
    assert stated(found["a@mail.example"]) == (YES, "2026-03-01T09:00")
    assert stated(found["b@mail.example"]) == (OPTED_OUT, "2026-03-01T10:00")


def test_whom_shopware_lists_is_a_subscriber(tmp_path: Path) -> None:
    text = f"{SHOPWARE}\na@mail.example;Newsletter;ms;Anna;M;;;;0;2026-03-01 10:00:00\nb@mail.example;;;;;;;;;\n"
    found = records(tmp_path, text, ZoneInfo("Europe/Berlin"))
    assert stated(found["a@mail.example"]) == (YES, "2026-03-01T09:00")
    assert stated(found["b@mail.example"]) == (YES, None)


@pytest.mark.parametrize("header", [SHOPWARE_SQL, SHOPWARE.replace(";", ",")])
@pytest.mark.parametrize("name", ["double_optin_confirmed", "doubleOptinConfirmed"])
@pytest.mark.parametrize(
    ("confirmed", "state"),
    [("2026-03-02 08:00:00", (YES, "2026-03-02T08:00")), ("", (NO, None)), ("NULL", (NO, None)), ("\\N", (NO, None)),
     ("0000-00-00 00:00:00", (NO, None))],
)  # fmt: skip
def test_who_has_not_confirmed_is_none(
    tmp_path: Path, header: str, name: str, confirmed: str, state: tuple[ConsentState, str | None]
) -> None:
    cells = ["a@mail.example" if name == "email" else "" for name in header.split(",")]
    cells[header.split(",").index("added")] = "2026-03-01 10:00:00"
    text = f"{header},{name}\n{','.join(cells)},{confirmed}\n"
    assert stated(records(tmp_path, text)["a@mail.example"]) == state


@pytest.mark.parametrize("confirmed", ["yes", "1", "31.12.2026", "soon"])
def test_a_confirmation_that_is_no_date_is_no_yes(tmp_path: Path, confirmed: str) -> None:
    text = f"{SHOPWARE_SQL},double_optin_confirmed\n1,0,1,a@mail.example,0,0,2026-03-01,{confirmed}\n"
    found = records(tmp_path, text)["a@mail.example"]
    assert found.invalid == "subscribed"
    assert found.consent is None or found.consent.state is not YES


@pytest.mark.parametrize(
    "header",
    [
        MAGENTO.replace("Web Site", "Website"),
        MAGENTO + ",Status",
        MAGENTO_SQL.replace("subscriber_status", "status"),
        SHOPWARE.replace("added", "created"),
        SHOPWARE + ";double optin confirmed",
        SHOPWARE + ";doubleOptinConfirmed;double_optin_confirmed",
        SHOPWARE_SQL + ",double_optin_confirmed,double_optin_confirmed",
        SHOPWARE_SQL + ",confirmed_at",
    ],
)
def test_headings_that_are_nearly_the_same_are_no_guess(tmp_path: Path, header: str) -> None:
    with pytest.raises(UsageError):
        records(tmp_path, f"{header}\n")


def test_columns_of_the_config_and_a_column_of_consent_go_first(tmp_path: Path) -> None:
    found = records(tmp_path, f"{SHOPWARE};subscribed\na@mail.example;;;;;;;;;;no\n")
    assert stated(found["a@mail.example"]) == (NO, None)
    text = magento("Subscribed")
    with pytest.raises(UsageError):
        records(tmp_path, text, columns={"email": "Email"})


def test_check_says_which_export_it_is(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(magento("Subscribed"), encoding="utf-8")
    source = open_consent(FileOptions(path=str(path)), tmp_path, "no")
    assert any("newsletter subscribers of Magento" in finding.message for finding in source.inspect())
