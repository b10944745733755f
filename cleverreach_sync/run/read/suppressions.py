"""Whom the account bars from mailings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cleverreach_sync.run.context import Run


def suppressions(run: Run) -> dict[Any, Callable[[], Iterator[Any]]]:
    found: dict[Any, Callable[[], Iterator[Any]]] = {"blacklist": run.target.blacklist}
    if run.unsubscribed_in_account:
        run.spool.unsubscribe(run.ledger.departed(), known=True)
        found["unsubscribed"] = run.target.unsubscribed
    return found


def suppress(run: Run, name: str, page: Any) -> list[str]:
    """Spools a page of addresses; the patterns among them are returned."""
    address = run.keys.address
    if name == "unsubscribed":
        run.spool.unsubscribe([(address(email), at) for email, at in page])
        return []
    run.spool.blacklist([(address(text), still_mailed) for text, still_mailed in page if not _is_pattern(text)])
    return [text for text, _ in page if _is_pattern(text)]


def _is_pattern(entry: str) -> bool:
    return "*" in entry or "?" in entry
