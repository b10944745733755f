from __future__ import annotations

import io
import json

import pytest

from cleverreach_sync import errors
from cleverreach_sync.messages import say
from cleverreach_sync.report.errors import print_error
from cleverreach_sync.report.forms.page import open_console

CONFIG = errors.ConfigError(
    [
        errors.Problem(
            "sync.yaml:3:5", say("test.text", "unknown key 'tagret'"), say("test.text", "did you mean 'target'?")
        ),
        errors.Problem("sync.yaml:9:1", say("test.text", "missing variable WOO_KEY")),
    ]
)


def printed(error: BaseException, log_format: str = "text", verbosity: int = 0) -> str:
    stream = io.StringIO()
    print_error(error, open_console(stream), log_format=log_format, verbosity=verbosity)
    return stream.getvalue()


def raised(error: Exception) -> BaseException:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_every_problem_of_a_config_is_named_with_its_place() -> None:
    assert printed(CONFIG) == (
        "error: sync.yaml:3:5: unknown key 'tagret'\n"
        "hint: did you mean 'target'?\n"
        "error: sync.yaml:9:1: missing variable WOO_KEY\n"
    )


def test_lines_are_not_wrapped() -> None:
    text = "words " * 40 + "end"
    assert printed(errors.UsageError(say("test.text", text))) == f"error: {text}\n"


def test_json_lines() -> None:
    first, second = (json.loads(line) for line in printed(CONFIG, "json").splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "error",
        "message": "unknown key 'tagret'",
        "where": "sync.yaml:3:5",
        "hint": "did you mean 'target'?",
        "code": 2,
        "class": "usage",
        "retryable": False,
    }
    assert "hint" not in second


def test_an_unexpected_error_tells_its_type_only() -> None:
    text = printed(raised(KeyError("jane@example.org")), verbosity=1)
    assert text.startswith("error: unexpected error (KeyError)\nhint: ")
    assert "jane" not in text
    assert "Traceback" not in text


def test_a_traceback_is_for_those_who_ask() -> None:
    assert "Traceback" in printed(raised(errors.StateError(say("test.text", "broken"))), verbosity=2)
    *_, last = printed(raised(errors.StateError(say("test.text", "broken"))), "json", 2).splitlines()
    assert "Traceback" in json.loads(last)["message"]


def test_foreign_text_cannot_steer_the_terminal() -> None:
    assert printed(errors.UsageError(say("test.text", "a\x1b[2Jb\nc"))) == "error: a\\x1b[2Jb c\n"
