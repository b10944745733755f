"""An org of Salesforce on loopback: logins, descriptions, and queries in SOQL.

`batch` is how many rows an answer has at most, whatever was asked for; `hidden` the fields, as `Contact.Phone`, that
the user may not see, `unreadable` the objects.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qs

import jwt

from cleverreach_sync.domain.address import normalise
from tests.shops.server import HTML, Asked, Reply, ShopServer
from tests.shops.soql import Malformed, Parser, Row, ordered

CLIENT_ID, CLIENT_SECRET, SESSION = "3MVG9-key-of-the-app", "secret-of-the-app", "00D5x!session"
VERSION: Final = "67.0"
_FIRST: Final = 10**17  # IDs are 18 letters and digits; these have decimal ones only
_FIELDS: Final = {
    "first_name": "FirstName",
    "last_name": "LastName",
    "salutation": "Salutation",
    "street": "MailingStreet",
    "zip": "MailingPostalCode",
    "city": "MailingCity",
    "state": "MailingState",
    "country": "MailingCountry",
    "phone": "Phone",
    "birthday": "Birthdate",
}
_COMMON: Final = ("Id", "IsDeleted", "CreatedDate", "LastModifiedDate", "SystemModstamp")
_PERSON: Final = (
    *_COMMON,
    "Email",
    "FirstName",
    "LastName",
    "Salutation",
    "Phone",
    "HasOptedOutOfEmail",
    "Newsletter__c",
    "Description",
)
_WHERE: Final = ("Street", "PostalCode", "City", "State", "Country")
TABLES: Final = {
    "Contact": (*_PERSON, "AccountId", "Birthdate", "Customer__c", *(f"Mailing{name}" for name in _WHERE)),
    "Lead": (*_PERSON, "Company", "Status", "IsConverted", *_WHERE),
    "Account": (*_COMMON, "Name"),
    "Opportunity": (*_COMMON, "IsWon", "Amount", "CloseDate", "StageName"),
    "OpportunityContactRole": (*_COMMON, "ContactId", "OpportunityId"),
    "CampaignMember": (*_COMMON, "ContactId", "LeadId", "Status"),
}
_PARENTS: Final = {"Contact": "ContactId", "Opportunity": "OpportunityId", "Account": "AccountId"}


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.reply = Reply.json([{"message": message, "errorCode": code}], status)


class FakeSalesforce(ShopServer):
    """The org. `tables` are the objects, each by number."""

    planted: tuple[str, ...] = ("/sobjects/", "geheim")

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in TABLES}
        self.apps = {CLIENT_ID: CLIENT_SECRET}
        self.public_key = ""
        self.sessions: set[str] = set()
        self.instance_url: Any = self.url
        self.hidden: set[str] = set()
        self.unreadable: set[str] = set()
        self.batch = 200
        self.is_salesforce = True
        self._count = self._given = 0

    # The contract with the tests of every source

    def settings(self, **more: Any) -> dict[str, Any]:
        access = {"type": "salesforce", "url": self.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return {**access, "objects": ["Contact"], "subscribed_when": "Newsletter__c = true", **more}

    def secrets(self) -> tuple[str, ...]:
        return CLIENT_ID, CLIENT_SECRET, SESSION

    def add_customer(self, email: str, *, consent: bool | None = None, **fields: str) -> int:
        return self.add("Contact", Email=email, Newsletter__c=bool(consent), **self._of_contact(fields))

    def add_order(self, customer: int, total: str = "10.00", *, won: bool = True) -> int:
        day = self.time()[:10]
        opportunity = self.add("Opportunity", IsWon=won, Amount=float(total), CloseDate=day)
        self.add("OpportunityContactRole", ContactId=str(customer), OpportunityId=str(opportunity))
        return opportunity

    def add_guest_order(self, email: str, total: str = "10.00", **fields: str) -> int:
        """The order is put to the contact who has the address, or a new one."""
        wanted = normalise(email)
        for number, row in self.tables["Contact"].items():
            if not row["IsDeleted"] and normalise(row["Email"]) == wanted:
                return self.add_order(number, total)
        return self.add_order(self.add_customer(email, consent=None, **fields), total)

    def set_consent(self, customer: int, *, given: bool) -> None:
        self.change("Contact", customer, Newsletter__c=given)

    def change_profile(self, customer: int, **fields: str) -> None:
        email = {"Email": fields["email"]} if "email" in fields else {}
        self.change("Contact", customer, **email, **self._of_contact(fields))

    def delete_customer(self, customer: int) -> None:
        """Into the recycle bin, with their roles."""
        with self.lock:
            self.change("Contact", customer, IsDeleted=True)
            for number, role in self.tables["OpportunityContactRole"].items():
                if role["ContactId"] == str(customer):
                    self.change("OpportunityContactRole", number, IsDeleted=True)

    def cancel_order(self, order: int) -> None:
        self.change("Opportunity", order, IsWon=False)

    def refuse(self) -> None:
        self.apps.clear()
        self.sessions.clear()

    def is_page(self, asked: Asked) -> bool:
        return asked.path.endswith(("/query", "/queryAll"))

    # More of this org

    def add(self, table: str, **values: Any) -> int:
        with self.lock:
            self._count += 1
            number = _FIRST + self._count
            stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), self.time())
            flags = dict.fromkeys((name for name in TABLES[table] if name.startswith(("Is", "Has"))), False)
            row = {**dict.fromkeys(TABLES[table]), **flags, **stamps, "Id": str(number), **values}
            if "Description" in row:
                row["Description"] = "geheim"
            self.tables[table][number] = row
            return number

    def change(self, table: str, number: int, **values: Any) -> None:
        stamps = {"LastModifiedDate": self.time(), "SystemModstamp": self.time()}
        with self.lock:
            self.tables[table][number] |= {**stamps, **values}

    def queries(self) -> list[str]:
        return [asked.query["q"] for asked in self.log if self.is_page(asked)]

    def time(self) -> str:
        return dt.datetime.fromtimestamp(self.now, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")

    def _of_contact(self, fields: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {_FIELDS[name]: value for name, value in fields.items() if name in _FIELDS}
        if "company" in fields:
            found["AccountId"] = str(self.add("Account", Name=fields["company"]))
        return found

    # The API

    def answer(self, asked: Asked) -> Reply:
        if not self.is_salesforce:
            return Reply(404, b"<html><body>Not here</body></html>", {}, HTML)
        if asked.path == "/services/oauth2/token":
            return self._login({name: each[0] for name, each in parse_qs(asked.body.decode()).items()})
        try:
            return self._api(asked)
        except _Refused as refused:
            return refused.reply
        except Malformed as error:
            return _Refused(400, "MALFORMED_QUERY", str(error)).reply

    def _api(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.sessions:
            raise _Refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
        _, services, data, version, *rest = asked.path.split("/")
        if (services, data, version) != ("services", "data", f"v{VERSION}"):
            raise _Refused(410, "UNSUPPORTED_API_VERSION", "The requested resource no longer exists")
        if rest[0] == "sobjects":
            return self._described(rest[1])
        return self._queried(asked.query["q"], deleted=rest == ["queryAll"])

    def _login(self, form: dict[str, str]) -> Reply:
        if not self._is_known(form):
            return Reply.json({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)
        self._given += 1
        session = f"{SESSION}{self._given}"
        self.sessions.add(session)
        body = {"access_token": session, "token_type": "Bearer", "scope": "api", "signature": "geheim"}
        return Reply.json({**body, "instance_url": self.instance_url, "id": self.url, "issued_at": "1760000000000"})

    def _is_known(self, form: dict[str, str]) -> bool:
        if form.get("grant_type") == "client_credentials":
            known = self.apps.get(form.get("client_id", ""))
            return known is not None and known == form.get("client_secret")
        audience = "https://login.salesforce.com"
        try:
            said = jwt.decode(
                form["assertion"], self.public_key, ["RS256"], audience=audience, options={"verify_exp": False}
            )
        except (KeyError, jwt.PyJWTError):
            return False
        return said["iss"] in self.apps and said["sub"] == "crsync@org.example"

    def _described(self, table: str) -> Reply:
        if table not in self.tables or table in self.unreadable:
            raise _Refused(404, "NOT_FOUND", "The requested resource does not exist")
        fields = [{"name": name, "type": "x"} for name in TABLES[table] if f"{table}.{name}" not in self.hidden]
        return Reply.json({"name": table, "queryable": True, "fields": fields})

    def _queried(self, text: str, *, deleted: bool) -> Reply:
        query = Parser(text, self._value, self._rows).query()
        rows = [row for row in self._rows(query.table) if deleted or not row["IsDeleted"]]
        found = ordered(rows, query, self._value)
        if not query.fields:
            return Reply.json({"totalSize": len(found), "done": True, "records": []})
        shown = [self._shown(query.table, row, query.fields) for row in found[: self.batch]]
        more = {} if len(shown) == len(found) else {"nextRecordsUrl": "/services/data/v67.0/query/01g-200"}
        return Reply.json({"totalSize": len(found), "done": not more, **more, "records": shown})

    def _rows(self, table: str) -> Sequence[Row]:
        if table not in self.tables or table in self.unreadable:
            raise _Refused(400, "INVALID_TYPE", f"sObject type '{table}' is not supported.")
        return list(self.tables[table].values())

    def _value(self, table: str, row: Row, path: str) -> Any:
        name, _, rest = path.partition(".")
        if rest:
            parent = self.tables[name].get(int(row.get(_PARENTS[name]) or 0), {})
            return self._value(name, parent, rest)
        if name not in TABLES[table] or f"{table}.{name}" in self.hidden:
            raise _Refused(400, "INVALID_FIELD", f"\nSELECT ..\nNo such column '{name}' on entity '{table}'.")
        return row.get(name)

    def _shown(self, table: str, row: Row, fields: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {
            "attributes": {"type": table, "url": f"/services/data/v67.0/sobjects/{table}/{row['Id']}"}
        }
        for path in fields:
            value = self._value(table, row, path)
            name, _, rest = path.partition(".")
            if rest and not row.get(_PARENTS[name]):
                found[name] = None
            elif rest:
                found.setdefault(name, {"attributes": {"type": name}})[rest] = value
            else:
                found[name] = value
        return found
