"""Where the tap says that it can go on the next time."""

from __future__ import annotations

from typing import Any

import orjson


class States:
    """The last state of an input. Airbyte's may be one for each stream, which it takes as a list."""

    def __init__(self) -> None:
        self._value: Any = None
        self._by_stream: dict[tuple[str, str], Any] = {}

    def take(self, message: dict[str, Any]) -> bool:
        """Whether the message has a state."""
        state = message.get("state")
        if "value" in message:
            self._value, self._by_stream = message["value"], {}
        elif not isinstance(state, dict):
            return False
        elif isinstance(state.get("stream"), dict):
            of = state["stream"].get("stream_descriptor")
            of = of if isinstance(of, dict) else {}
            self._by_stream[str(of.get("namespace") or ""), str(of.get("name"))] = state
        elif isinstance(state.get("global"), dict):
            self._value, self._by_stream = [state], {}
        elif "data" in state:
            self._value, self._by_stream = state["data"], {}
        else:
            return False
        return True

    @property
    def content(self) -> bytes | None:
        """What to give to the tap the next time; None if it said nothing."""
        value = list(self._by_stream.values()) or self._value
        return None if value is None else orjson.dumps(value) + b"\n"
