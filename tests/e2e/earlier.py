"""A state folder of an earlier version, and the shop and the list that it is about."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
from pathlib import Path
from typing import Final

from cleverreach_sync.state import checkpoint
from cleverreach_sync.state.files import LocalDocument
from cleverreach_sync.state.keys import Keys
from cleverreach_sync.state.ledger import Ledger
from tests.e2e.meddling import change_checkpoint
from tests.e2e.people import S, both, buyer, opted_out
from tests.e2e.program import Shop

STATES: Final = Path(__file__).parent / "states"
MAILED, BOUGHT, ENDED = "mailed@example.org", "bought@example.org", "ended@example.org"
LEFT, BOUNCED, GONE = "left@example.org", "bounced@example.org", "gone@example.org"


def lives(shop: Shop) -> None:
    """Everybody in the list stands there in another way, and the state knows it."""
    shop.config(activate=[S])
    others = [both(email, subscribed_at="2026-01-01") for email in (MAILED, LEFT, BOUNCED, GONE)] + [buyer(BOUGHT)]
    shop.write(both(ENDED, subscribed_at="2026-01-01"), *others)
    shop.sync()
    shop.later(days=1)
    shop.state.unsubscribe(LEFT)
    shop.state.bounce(BOUNCED)
    shop.state.delete(GONE)
    shop.write(opted_out(ENDED, subscribed_at="2026-09-22"), *others)
    shop.resync()


def keep(shop: Shop, name: str) -> None:
    """Writes down the state of `shop`, for `take_over` by a later version."""
    folder = STATES / name
    folder.mkdir(parents=True)
    whole = shop.folder / "ledger"
    with contextlib.closing(sqlite3.connect(shop.state_path / "ledger.sqlite3")) as ledger:
        ledger.execute("vacuum into ?", (str(whole),))
    (folder / "ledger.gz").write_bytes(gzip.compress(whole.read_bytes(), mtime=0))
    for file in ("key", "checkpoint.json"):
        (folder / file).write_bytes((shop.state_path / file).read_bytes())


def take_over(shop: Shop, name: str) -> None:
    """Puts an earlier state in the place of that of `shop`, which has lived through the same. Only the IDs that the
    sandbox gave this time are put into it."""
    folder = STATES / name
    path = shop.state_path / "ledger.sqlite3"
    path.write_bytes(gzip.decompress((folder / "ledger.gz").read_bytes()))
    for file in ("key", "checkpoint.json"):
        (shop.state_path / file).write_bytes((folder / file).read_bytes())
    keys = Keys.load(LocalDocument(shop.state_path / "key"))
    assert keys is not None
    ids = {keys.address(email): shown["id"] for email, shown in shop.state.receivers(shop.list_id).items()}
    ledger = Ledger(path)
    ledger.record([entry._replace(recipient_id=ids.get(entry.key, "404")) for entry in ledger.walk()])
    ledger.commit()
    ledger.close()
    known = checkpoint.load(LocalDocument(shop.state_path / "checkpoint.json"))
    assert known is not None
    place = {"base_url": shop.settings["target"]["base_url"], "list_id": shop.list_id}
    change_checkpoint(shop.state_path / "checkpoint.json", identity=known.identity.model_copy(update=place))
