"""Whom the account bars from mailings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cleverreach_sync.run.context import Run
from cleverreach_sync.state.spool import BLACKLISTED, NOTE_ONLY


def suppressions(run: Run) -> dict[Any, Callable[[], Iterator[Any]]]:
    found: dict[Any, Callable[[], Iterator[Any]]] = {"blacklist": run.target.blacklist}
    if run.unsubscribed_in_account:
        run.spool.suppress(run.ledger.departed(), known=True)
        found["unsubscribed"] = run.target.unsubscribed
    return found


def suppress(run: Run, name: str, page: Any) -> list[str]:
    """Spools a page of addresses; the patterns among them are returned."""
    address = run.keys.address
    if name == "unsubscribed":
        run.spool.suppress([(address(email), at) for email, at in page])
        return []
    entries = [(text, NOTE_ONLY if still_mailed else BLACKLISTED) for text, still_mailed in page]
    run.spool.suppress([(address(text), how) for text, how in entries if not _is_pattern(text)])
    return [text for text, _ in entries if _is_pattern(text)]


def _is_pattern(entry: str) -> bool:
    return "*" in entry or "?" in entry
