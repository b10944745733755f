"""Documents as runs produce them, to be shown in every form."""

from __future__ import annotations

from typing import Any


def run(**changes: Any) -> dict[str, Any]:
    """A finished sync in which a bit of everything happened; `changes` replace or extend top-level keys."""
    doc: dict[str, Any] = {
        "schema": "crsync.run/1",
        "command": "sync",
        "run_id": "20261121T200000Z-5f3a",
        "dry_run": False,
        "complete": True,
        "resumed": False,
        "started_at": "2026-11-21T20:00:00Z",
        "finished_at": "2026-11-21T20:03:20Z",
        "source": {"type": "file", "name": "Shop"},
        "target": {"type": "cleverreach", "list_id": "123", "list_name": "Online shop"},
        "config": "sync.yaml",
        "transfer": None,
        "tags": ["buyer", "subscriber"],
        "counts": {
            "rows": 20010,
            "people": 20000,
            "created": 1216,
            "updated": 55,
            "deactivated": 2,
            "unchanged": 15700,
            "skipped": 3020,
            "invalid": 4,
            "rejected": 3,
        },
        "skipped": {"not_selected": 3000, "unsubscribed_in_target": 17, "opted_out": 2, "held_by_moon": 1},
        "invalid": {"email": 3, "birth_place": 1},
        "rejected": {"not_confirmed": 2, "duplicate_key": 1},
        "kinds": {"subscriber": 14000, "buyer": 9001, "contact": 0},
        "activation": {"created_active": 1204, "created_inactive": 12, "activated": 3, "without_consent": 17},
        "guards": [
            {
                "name": "max_deactivated",
                "limit": 1590,
                "value": 2,
                "refuses": False,
                "reason": "2 people, 1,590 are allowed",
            }
        ],
        "requests": {"source": 0, "target": 24, "retries": 1},
        "phases": [
            {"name": "read", "seconds": 61.26, "people": 20000},
            {"name": "decide", "seconds": 4.51, "people": 20000},
            {"name": "write", "seconds": 134.01, "people": 1273},
        ],
        "warnings": [],
        "exit": {"code": 0, "class": "ok", "retryable": False},
    }
    return doc | changes


CHANGES: list[dict[str, Any]] = [
    {
        "action": "deactivate",
        "email": "e***@example.net",
        "kinds": [],
        "tags": ["-Shop-Special.Subscriber"],
        "attributes": {},
        "state": ["active", "inactive"],
        "reason": "unsubscribed in the shop",
    },
    {
        "action": "update",
        "email": "u***@a-quite-long-host-name.of-some-department.example-company.example.org",
        "kinds": ["subscriber", "buyer"],
        "tags": [
            "+Shop-Special.Buyer",
            "-Shop-Special.Contact",
            "+Some_Other_Shop_With_A_Long_Name-Special.Subscriber",
        ],
        "attributes": {"city": ["***", "***"], "phone": ["***", ""], "lastorderdate": [None, "***"]},
        "state": ["active", "active"],
        "reason": "data changed",
    },
    {
        "action": "create",
        "email": "a***@example.org",
        "kinds": ["subscriber"],
        "tags": ["+Shop-Special.Subscriber"],
        "attributes": {
            name: [None, "***"]
            for name in ("salutation", "firstname", "lastname", "street", "zip", "city", "country", "customernumber")
        },
        "state": [None, "active"],
        "reason": "new",
    },
]


def diff(**changes: Any) -> dict[str, Any]:
    """A diff that foresees three changes and a guard that would refuse."""
    return run(
        command="diff",
        dry_run=True,
        finished_at="2026-11-21T20:00:00Z",
        counts={
            "rows": 9, "people": 9, "created": 1, "updated": 1, "deactivated": 1, "unchanged": 2,
            "skipped": 3, "invalid": 1, "rejected": 0,
        },
        skipped={"deleted_in_target": 1, "blacklisted": 2},
        invalid={"email": 1},
        rejected={},
        kinds={"subscriber": 4, "buyer": 3, "contact": 0},
        activation={"created_active": 1, "created_inactive": 0, "activated": 0, "without_consent": 0},
        guards=[
            {"name": "max_created", "limit": 0, "value": 1, "refuses": True, "reason": "1 person, 0 are allowed"},
            {"name": "foreign_tags", "limit": None, "value": None, "refuses": True, "reason": ""},
        ],
        requests={"source": 0, "target": 3, "retries": 0},
        phases=[{"name": "read", "seconds": 0.21, "people": 9}, {"name": "decide", "seconds": 0.04, "people": 9}],
        changes=CHANGES,
    ) | changes  # fmt: skip


def nothing(**changes: Any) -> dict[str, Any]:
    """A second sync in which nothing was to be done."""
    counts = dict.fromkeys(
        ("rows", "people", "created", "updated", "deactivated", "unchanged", "skipped", "invalid", "rejected"), 0
    )
    return (
        run(
            counts=counts | {"rows": 9, "people": 9, "unchanged": 9},
            skipped={},
            invalid={},
            rejected={},
            kinds={"subscriber": 9, "buyer": 0, "contact": 0},
            activation={"created_active": 0, "created_inactive": 0, "activated": 0, "without_consent": 0},
            guards=[],
            phases=[],
        )
        | changes
    )


def failed(code: int, kind: str, retryable: bool = False, **changes: Any) -> dict[str, Any]:
    """A run that ended with an error."""
    ending = {"code": code, "class": kind, "retryable": retryable}
    error = ending | {"message": f"the {kind} message", "hint": "what to do"}
    return run(complete=False, exit=ending, error=error) | changes


STATUS: dict[str, Any] = {
    "schema": "crsync.status/1",
    "source": {"type": "file", "name": "Shop"},
    "target": {"type": "cleverreach", "list_id": "123", "list_name": "Online shop"},
    "tags": ["buyer", "subscriber"],
    "cursors": {"customers": "2026-11-21T19:58:00Z", "orders": "2026-11-21T19:59:12Z"},
    "initial_sync_at": "2026-11-01T02:00:00Z",
    "runs": [failed(5, "temporary", True), run(started_at="2026-11-20T02:00:00Z"), nothing(command="resync")],
    "rejects": [
        {"email": "a***@example.org", "reason": "not_confirmed", "since": "2026-11-20T02:00:12Z", "attempts": 2},
        {
            "email": "u***@a-quite-long-host-name.of-some-department.example-company.example.org",
            "reason": "invalid value for the data field birthday",
            "since": "2026-11-21T02:00:12Z",
            "attempts": 1,
        },
    ],
}

ATTRIBUTES: dict[str, Any] = {
    "schema": "crsync.attributes/1",
    "scope": "global",
    "list": {"id": "123", "name": "Online shop"},
    "fields": [
        {"name": "firstname", "type": "text", "person_field": "first_name", "state": "exists"},
        {
            "name": "birthday",
            "type": "date",
            "person_field": "birthday",
            "state": "wrong_type",
            "existing_type": "text",
        },
        {"name": "vip_level", "type": "text", "person_field": "extra.vip", "state": "missing"},
        {"name": "totalspent", "type": "number", "person_field": "total_spent", "state": "created"},
        {"name": "shoe_size", "type": "number", "person_field": None, "state": "unused"},
    ],
    "limit": 40,
    "dry_run": True,
}

CHECK: dict[str, Any] = {
    "schema": "crsync.check/1",
    "checks": [
        {"name": "config", "ok": True, "level": "ok", "message": "sync.yaml is valid", "hint": None},
        {
            "name": "clock",
            "ok": True,
            "level": "warning",
            "message": "this computer's clock is 95 s behind",
            "hint": "set it by NTP",
        },
        {
            "name": "data fields",
            "ok": False,
            "level": "error",
            "message": "missing in CleverReach: vip_level, totalspent, ordercount, lastorderdate, customernumber",
            "hint": "crsync attrs create makes them",
        },
    ],
    "exit": {"code": 2, "class": "usage", "retryable": False},
}

SHOWN: list[dict[str, Any]] = [
    {
        "action": "update",
        "email": "erika@example.org",
        "tags": [],
        "attributes": {"lastname": ["Muster", "Mustermann"], "phone": ["+49 30 1234", ""], "city": [None, "Köln"]},
        "state": ["active", "active"],
        "reason": "data changed",
    }
]


def refused(**changes: Any) -> dict[str, Any]:
    """A sync that a guard refused before the first write."""
    guard = {
        "name": "max_deactivated",
        "limit": 20,
        "value": 30,
        "refuses": True,
        "reason": "30 people, 20 are allowed",
    }
    none = {"created": 0, "updated": 0, "deactivated": 0, "rejected": 0, "people": 18724}
    return failed(7, "guard", config="eu.yaml", guards=[guard]) | {
        "counts": run()["counts"] | none,
        "activation": {"created_active": 0, "created_inactive": 0, "activated": 0, "without_consent": 0},
        "rejected": {},
        **changes,
    }
