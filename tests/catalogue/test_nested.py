"""A message that holds others is said in another language with all that is in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cleverreach_sync.config.loading import load_configs
from cleverreach_sync.domain.guards import Limit, flag, within
from cleverreach_sync.errors import ConfigError, CrsyncError
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.retries import Retries
from cleverreach_sync.messages import say, speak, spoken
from cleverreach_sync.run.decide.run_guards import clock_words, refusal
from tests.catalogue.template import write_made_up_language

CONFIG = """\
version: 2
source: {type: file, path: '', name: Shop, timezone: Nowhere}
tags: [subscriber, friend]
target: {type: cleverreach, client_id: a, client_secret: '${NOWHERE}', list: 0, batch_size: 5000, lisst: 1}
limits: {max_rejected: many, retry_for: }
exclude: {a: 1}
"""


@pytest.fixture(autouse=True)
def made_up(tmp_path: Path) -> Iterator[None]:
    speak(write_made_up_language(tmp_path), locale=tmp_path)
    yield
    speak("en")


def outside(text: str) -> str:
    """What no message has said."""
    while (inner := re.sub(r"⟦[^⟦⟧]*⟧", "", text)) != text:
        text = inner
    return text


def test_every_problem_of_a_config(tmp_path: Path) -> None:
    path = tmp_path / "sync.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_configs(path, {})
    texts = [spoken(text) for each in caught.value.problems for text in (each.message, each.hint) if text]
    assert len(texts) > 10
    assert [text for text in texts if outside(text)] == []


def test_a_refusal_with_the_reasons_of_its_guards() -> None:
    lost = say("state.ledger_missing", "the ledger is missing")
    found = [within("max_created", Limit(people=1), 2, None), flag("ledger", refuses=True, reason=lost)]
    error = refusal(found, frozenset())
    assert error is not None
    assert error.hint is not None
    assert spoken(error.message) == (
        "⟦refused by ⟦⟦max_created: ⟦⟦2 people⟧, ⟦1 is allowed⟧⟧⟧; ⟦ledger: ⟦the ledger is missing⟧⟧⟧⟧"
    )
    assert outside(spoken(error.hint)) == ""


def test_the_clock() -> None:
    assert spoken(clock_words(-5400.0) or "") == (
        "⟦this machine's clock is ⟦90 minutes⟧ ahead of what the servers say⟧"
    )


def test_what_was_tried_in_vain() -> None:
    def attempt() -> None:
        raise TryAgain(say("http.no_answer", "no answer"), after=3600.0)

    with pytest.raises(CrsyncError) as caught:
        Retries(300.0, lambda: 0.0, lambda _seconds: None, lambda _failure, _seconds: None)(attempt)
    assert spoken(caught.value.message) == (
        "⟦⟦no answer⟧; the server asks to wait 3,600 seconds, limits.retry_for leaves 300⟧"
    )
