"""Rows of plentymarkets: what is kept of them, and what they say about a person. Pure.

Facts: times are ISO 8601 with an offset, or unix seconds; a date that was never set may be null, 0, `0000-00-00` or
`-0001-11-30`. Of an address `name1` is the company, `name2` and `name3` are the names; its option of type 5 is the
e-mail. Order statuses are decimals: 8 is cancelled, 9 returned. Unsubscribing deletes a newsletter recipient.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Any, Final

import orjson

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.domain.model import RANK_CUSTOMER, RANK_EXCLUDED, RANK_GUEST, Consent, ConsentState, Order, Record
from cleverreach_sync.http.foreign import identifier
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.interface import Row, Unreadable, Warned
from cleverreach_sync.sources.plentymarkets.origins import Origins, is_relay
from cleverreach_sync.sources.plentymarkets.settings import OrderStatus
from cleverreach_sync.sources.records import not_a_date, order, without_email
from cleverreach_sync.sources.values import json_text, read_amount, read_day, read_time, utc_text

_EMAIL: Final = 5  # type of an address option
_BILLING: Final = 1  # type of an address relation
_LANGUAGE: Final = 6  # type of an order property
_SALES_ORDER: Final = 1
_LATEST: Final = 253_370_764_800  # the year 9999 is no date any more, but the end of time
_ADDRESS_FIELDS: Final = ("company", "street", "zip", "city", "country")
_DIGITS: Final = re.compile(r"[0-9]{1,12}")
_YES, _NO = ConsentState.YES, ConsentState.NO
Countries = Mapping[int, str]


class Reading:
    """What rows are read by: who may be transferred, which orders count, ISO codes of countries by ID."""

    def __init__(self, origins: Origins, statuses: OrderStatus, countries: Countries, zone: tzinfo = UTC) -> None:
        self.origins = origins
        self.statuses = statuses
        self.countries = countries
        self.zone = zone

    def contact(self, raw: Mapping[str, Any], *, brings: bool, consent: bool) -> Row | Unreadable | None:
        """What is kept of a contact; None for one that brings nobody in and names nobody either. `consent`: it says who
        subscribed. Of one whose origin forbids a transfer hardly anything is kept."""
        ident = raw["id"]
        email = normalise(_text(raw.get("email")))
        excluded = not self.origins.permits(raw.get("referrerId"))
        if email is None:
            missing = brings and not excluded
            return without_email(_contact(ident)) if missing else None
        excluded = excluded or is_relay(email)
        kept: dict[str, Any] = {
            "id": ident,
            "created": _time(raw.get("createdAt"), self.zone),
            "updated": _time(raw.get("updatedAt"), self.zone),
            "profile": {} if excluded else self._contact_profile(raw),
        }
        if excluded:
            kept["excluded"] = True
        if not brings:
            kept["fact"] = True
        if consent:
            kept["allowed"] = _time(raw.get("newsletterAllowanceAt"), self.zone) or 0
        return Row(email, str(ident), orjson.dumps(kept), 0)

    def _contact_profile(self, raw: Mapping[str, Any]) -> dict[str, str]:
        """All fields are given, so what is null is empty, and so is an address that there is none of any more."""
        none_left = dict.fromkeys(_ADDRESS_FIELDS, "") if raw.get("addresses") == [] else {}
        profile = none_left | self._address(_main_address(raw))
        profile |= {
            "salutation": _text(raw.get("formOfAddress")),
            "title": _text(raw.get("title")),
            "first_name": _text(raw.get("firstName")) or profile.get("first_name", ""),
            "last_name": _text(raw.get("lastName")) or profile.get("last_name", ""),
            "gender": _text(raw.get("gender")),
            "birthday": _day(raw.get("birthdayAt")),
            "language": _text(raw.get("lang")),
            "phone": _text(raw.get("privatePhone")) or _text(raw.get("privateMobile")),
            "customer_number": _text(raw.get("number")) or str(raw["id"]),
            "customer_type": _number(raw.get("typeId")),
            "shop": _number(raw.get("plentyId")),
            "source_id": str(raw["id"]),
            "extra.class_id": _number(raw.get("classId")),
            "extra.referrer_id": _number(raw.get("referrerId")),
        }
        return profile

    def _address(self, address: Mapping[str, Any]) -> dict[str, str]:
        if not address:
            return {}
        lines = (_text(address.get("address1")), _text(address.get("address2")))
        country = address.get("countryId")
        return {
            "company": _text(address.get("name1")),
            "first_name": _text(address.get("name2")),
            "last_name": _text(address.get("name3")),
            "street": " ".join(filter(None, lines)),
            "zip": _text(address.get("postalCode")),
            "city": _text(address.get("town")),
            **({"country": self.countries[country]} if isinstance(country, int) and country in self.countries else {}),
        }

    def buyer(self, raw: Mapping[str, Any], since: int | None) -> int | None:
        """The contact that an order `since` a time (None: any) names, if it would bring in a guest."""
        account, at = _account(raw), _time(raw.get("createdAt"))
        recent = since is None or (at is not None and at >= since)
        right = raw.get("typeId") in (_SALES_ORDER, None) and self.statuses.has(_float(raw.get("statusId")))
        wanted = account is not None and recent and right and self.origins.permits(raw.get("referrerId"))
        return int(account) if wanted and account is not None else None

    def order(self, raw: Mapping[str, Any], since: int | None) -> Row | Unreadable | None:
        """What is kept of a sales order; None for any other, and for what brings nobody in and names nobody either.
        Guests who ordered `since` a time are brought in, None: nobody is."""
        if raw.get("typeId") not in (_SALES_ORDER, None):
            return None
        ident, account = raw["id"], _account(raw)
        billing = _billing_address(raw)
        receiver = raw.get("contactReceiver")
        email = normalise(_text(receiver.get("email"))) if isinstance(receiver, dict) else None
        email = email or normalise(_option(billing, _EMAIL))
        created = _time(raw.get("createdAt"), self.zone)
        right = self.statuses.has(_float(raw.get("statusId")))
        brings = account is None and right and since is not None and created is not None and created >= since
        permitted = self.origins.permits(raw.get("referrerId"))
        if email is None:
            missing = brings and permitted
            return without_email(order(ident)) if missing else None
        permitted = permitted and not is_relay(email)
        total, currency = _total(raw)
        kept: dict[str, Any] = {"id": ident, "at": created, "total": total, "currency": currency}
        flags = (("right", right), ("barred", not permitted), ("brings", brings))
        kept |= {name: True for name, holds in flags if holds}
        if account is None and permitted:
            kept["profile"] = {**self._address(billing), **_language(raw)}
        return Row(email, str(ident), orjson.dumps(kept), 0, account)


def recipient_row(raw: Mapping[str, Any], zone: tzinfo = UTC) -> Row | None:
    """What is kept of a newsletter recipient; None for one without a usable address, who is nobody. The time of the
    last mailing is not kept: it changes with every one."""
    email = normalise(_text(raw.get("email")))
    if email is None:
        return None
    kept = {
        "id": raw["id"],
        "confirmed": _time(raw.get("confirmedTimestamp"), zone),
        "profile": {
            name: value
            for name, value in (
                ("first_name", _text(raw.get("firstName"))),
                ("last_name", _text(raw.get("lastName"))),
                ("gender", _text(raw.get("gender"))),
                ("birthday", _day(raw.get("birthday"))),
            )
            if value
        },
    }
    return Row(email, str(raw["id"]), orjson.dumps(kept), 0)


def contact_record(row: Row) -> Record:
    """A contact: profile, and consent where it says so."""
    raw = orjson.loads(row.body)
    created, updated = raw["created"], raw["updated"]
    excluded = "excluded" in raw
    profile = raw["profile"]
    if not excluded:
        profile |= {name: utc_text(at) for name, at in (("created_at", created), ("updated_at", updated)) if at}
    consent = None
    if "allowed" in raw:
        consent = Consent(_YES, raw["allowed"]) if raw["allowed"] else Consent(_NO)
    return Record(
        row.email,
        row.ident,
        RANK_EXCLUDED if excluded else RANK_CUSTOMER,
        created if updated is None else updated,
        created,
        profile,
        consent,
        makes_person="fact" not in raw,
    )


def recipient_record(row: Row) -> Record:
    """A newsletter recipient: consent, if it was confirmed. They bring nobody in."""
    raw = orjson.loads(row.body)
    at = raw["confirmed"]
    consent = Consent(_YES, at) if at else Consent(_NO)
    return Record(row.email, row.ident, RANK_GUEST, at, None, raw["profile"], consent, makes_person=False)


def _contact(ident: object) -> Message:
    return say("plentymarkets.contact", "contact {ident}", ident=ident)


def order_record(row: Row, warn: Callable[[Warned], None]) -> Record:
    """An order: a purchase if its status and its origin count, and a guest's address."""
    raw = orjson.loads(row.body)
    at, right, barred = raw["at"], "right" in raw, "barred" in raw
    if at is None:
        warn(Warned(not_a_date(order(raw["id"]), "createdAt"), 0))
    bought = Order(str(raw["id"]), right and not barred, at, raw["total"], raw["currency"], right and barred)
    return Record(
        row.email,
        row.ident,
        RANK_GUEST,
        at,
        None,
        raw.get("profile", {}),
        orders=(bought,),
        makes_person="brings" in raw,
    )


def created(raw: Mapping[str, Any]) -> int:
    """When a row came in, in unix seconds; 0 if it does not say."""
    return _time(raw.get("createdAt")) or 0


def changed(raw: Mapping[str, Any]) -> int:
    """When a row was changed last, or came in, in unix seconds; 0 if it does not say."""
    return max(_time(raw.get("updatedAt")) or 0, created(raw))


def touched(raw: Mapping[str, Any]) -> int:
    """When a contact was changed, ordered or subscribed last, in unix seconds. Orders and subscriptions move no date of
    change; somebody who comes in by them comes with their name and address."""
    return max(changed(raw), *(_time(raw.get(name)) or 0 for name in ("lastOrderAt", "newsletterAllowanceAt")))


def is_confirmed(raw: Mapping[str, Any]) -> bool:
    return bool(_time(raw.get("confirmedTimestamp")))


def _account(raw: Mapping[str, Any]) -> str | None:
    """The contact that an order belongs to; None for a guest's."""
    receiver = raw.get("contactReceiver")
    found = [raw.get("contactReceiverId"), receiver.get("id") if isinstance(receiver, dict) else None]
    found += [
        relation.get("referenceId")
        for relation in _dicts(raw.get("relations"))
        if relation.get("referenceType") == "contact" and relation.get("relation") == "receiver"
    ]
    return next((known for ident in found if isinstance(ident, int) and (known := identifier(ident))), None)


def _billing_address(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The billing address; where nothing says which it is, the one that has an e-mail."""
    addresses = _dicts(raw.get("addresses"))
    wanted = [
        relation.get("addressId")
        for relation in _dicts(raw.get("addressRelations"))
        if relation.get("typeId") == _BILLING
    ]
    for address in addresses:
        pivot = address.get("pivot")
        if address.get("id") in wanted or (isinstance(pivot, dict) and pivot.get("typeId") == _BILLING):
            return address
    if wanted:
        return {}
    return next((address for address in addresses if _option(address, _EMAIL)), addresses[0] if addresses else {})


def _main_address(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    addresses = _dicts(raw.get("addresses"))
    main = raw.get("primaryBillingAddress")
    if isinstance(main, dict):
        if "town" in main or "postalCode" in main:
            return main
        wanted = main.get("addressId") or main.get("id")
        addresses = [address for address in addresses if address.get("id") == wanted] or addresses
    return addresses[0] if addresses else {}


def _option(address: Mapping[str, Any], kind: int) -> str:
    found = (_text(option.get("value")) for option in _dicts(address.get("options")) if option.get("typeId") == kind)
    return next(filter(None, found), "")


def _language(raw: Mapping[str, Any]) -> dict[str, str]:
    found = [_text(entry.get("value")) for entry in _dicts(raw.get("properties")) if entry.get("typeId") == _LANGUAGE]
    return {"language": found[0]} if found else {}


def _total(raw: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """What an order came to, in the system's currency."""
    amounts = _dicts(raw.get("amounts"))
    amount = next((amount for amount in amounts if amount.get("isSystemCurrency")), amounts[0] if amounts else {})
    value = next((amount[name] for name in ("invoiceTotal", "grossTotal") if amount.get(name) is not None), None)
    if isinstance(value, float):
        value = f"{value:.2f}"
    text = json_text(value)
    return (read_amount(text) if text else None), _text(amount.get("currency")) or None


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _number(value: object) -> str:
    return json_text(value) or "" if value is not None else ""


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _time(value: object, zone: tzinfo = UTC) -> int | None:
    """Unix seconds; None for a date that was never set, or that is none."""
    if isinstance(value, bool):
        return None
    seconds: float | None
    if isinstance(value, (int, float)):
        seconds = value
    else:
        text = _text(value)
        seconds = int(text) if _DIGITS.fullmatch(text) else read_time(text, zone=zone) if text else None
    return int(seconds) if seconds is not None and 0 < seconds < _LATEST else None


def _day(value: object) -> str:
    """The day as it is written; "" for one that was never set."""
    text = _text(value)
    return (read_day(text) or "") if text else ""
