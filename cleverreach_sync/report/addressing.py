"""Commands named in hints, as they have to be typed: with the config and the transfer of the call."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cleverreach_sync.messages import Message

if TYPE_CHECKING:
    from cleverreach_sync.fleet.naming import RunName

_Text = TypeVar("_Text", str, Message)
DEFAULT_CONFIG: Final = "sync.yaml"
# Those that read a config, and those of the answer that may name them.
_COMMAND: Final = re.compile(
    r"`(crsync (?:attrs create|attrs list|check|diff|sync|resync|status|explain|log|lists|report|backup|forget))"
    r"(?=[ `])(?! -c )"
)
_TOLD: Final = frozenset({"hint", "message"})


def options_of(config: str | None, transfer: str | None) -> str:
    """` -c shops/a.yaml --transfer daily`; empty for the only transfer of the default config."""
    found = f" -c {shlex.quote(config)}" if config and config != DEFAULT_CONFIG else ""
    return f"{found} --transfer {shlex.quote(transfer)}" if transfer else found


def addressed(text: _Text, name: RunName | None) -> _Text:
    """`text` with every command in it about the transfer `name`."""
    return text if name is None else _with(text, options_of(name.config, name.transfer))


def _with(text: _Text, options: str) -> _Text:
    if not options or "`crsync " not in text:
        return text
    if isinstance(text, Message):
        return text.changed(lambda said: _put_in(said, options))
    return _put_in(text, options)  # read back from a file it is no message any more, but English


def _put_in(text: str, options: str) -> str:
    return _COMMAND.sub(lambda found: found[1].join(("`", options)), text)


def addressed_document(found: Any, config: str | None, transfer: str | None) -> Any:
    """A document whose hints and messages name commands so. A part that says whose it is counts as that one's."""
    if isinstance(found, list):
        return [addressed_document(item, config, transfer) for item in found]
    if not isinstance(found, dict):
        return found
    if isinstance(found.get("config"), str):
        config, transfer = found["config"], found.get("transfer")
    return {
        key: _with(value, options_of(config, transfer))
        if key in _TOLD and isinstance(value, str)
        else addressed_document(value, config, transfer)
        if key != "changes"
        else value
        for key, value in found.items()
    }
