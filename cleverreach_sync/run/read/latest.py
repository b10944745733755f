"""Of a record that came twice the last counts, at whatever address the earlier one was."""

from __future__ import annotations

from cleverreach_sync.domain.model import ConsentState
from cleverreach_sync.run.context import Run
from cleverreach_sync.sources.interface import Row


def keep_latest(run: Run) -> None:
    """Takes out the rows that a later one of the same record replaces. One that says somebody withdrew stays, and goes
    along to the later address, if there is one: whether the later one says something newer, their dates tell."""
    for number, reader in enumerate(run.readers):
        if not reader.stream.latest:
            continue
        for row in run.spool.replaced(number):
            raw = Row(row.email, row.ident, row.body, row.place, row.owner)
            withdrew = False
            if row.body:
                consent = reader.source.decode(reader.stream.name, raw, lambda _: None).consent
                withdrew = consent is not None and consent.state is ConsentState.OPTED_OUT
            run.spool.give_way(row, stays=withdrew)
