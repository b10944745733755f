"""How long a run took, and how many requests it made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.report import words


def duration(seconds: float) -> Message:
    """`0.4 s`, `12 s`, `3 min 20 s`, `1 h 5 min`."""
    if seconds < 10:
        return say("time.tenths", "{seconds:.1f} s", seconds=seconds)
    whole = round(seconds)
    minutes, left = divmod(whole, 60)
    if not minutes:
        return say("time.seconds", "{seconds} s", seconds=whole)
    if minutes < 60:
        return say("time.minutes", "{minutes} min {seconds} s", minutes=minutes, seconds=left)
    return say("time.hours", "{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)


def took(doc: dict[str, Any]) -> str:
    """`took 4.2 s: read 3.1 s, decide 0.1 s, write 1.0 s`; empty if the times are not known."""
    spent = [(phase["name"], phase.get("seconds") or 0) for phase in doc.get("phases") or ()]
    parts = words.joined(
        say("time.of_phase", "{phase} {time}", phase=words.of(words.PHASES, name), time=duration(seconds))
        for name, seconds in spent
    )
    try:
        ended = datetime.fromisoformat(doc["finished_at"]) - datetime.fromisoformat(doc["started_at"])
    except (KeyError, TypeError, ValueError):
        return say("time.took", "took {time}", time=parts) if parts else ""
    # The times are whole seconds, up to one more or less than it took; the phases know better.
    known = sum(seconds for _, seconds in spent)
    total = duration(known if abs(ended.total_seconds() - known) <= 1 else max(ended.total_seconds(), known))
    if not parts:
        return say("time.took", "took {time}", time=total)
    return say("time.took_in_phases", "took {time}: {phases}", time=total, phases=parts)


def requests(doc: dict[str, Any]) -> str:
    """`5 requests: 1 to the shop, 4 to CleverReach`; empty if they were not counted."""
    found = {key: value or 0 for key, value in (doc.get("requests") or {}).items()}
    if not found:
        return ""
    shop, target = found.get("source", 0), found.get("target", 0)
    total = say_many("requests.total", "{number:,} request", "{number:,} requests", shop + target)
    parts = []
    if shop:
        parts.append(say("requests.to_shop", "{number:,} to the shop", number=shop))
    if target:
        parts.append(say("requests.to_target", "{number:,} to {target}", number=target, target=words.target_of(doc)))
    if found.get("retries"):
        retries = say_many(
            "requests.retries", "{number:,} retry among them", "{number:,} retries among them", found["retries"]
        )
        parts.append(retries)
    return words.told(total, words.joined(parts)) if parts else total
