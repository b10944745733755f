from __future__ import annotations

import io
import json
import os
from typing import Any

import pytest

from cleverreach_sync import errors
from cleverreach_sync.fleet.document import several_document
from cleverreach_sync.messages import say
from cleverreach_sync.report import document
from cleverreach_sync.report.stream import write
from tests.unit import report_documents as docs


def test_keys_come_in_the_order_of_the_contract() -> None:
    doc = docs.diff(error=None, extra=1)
    shuffled = {key: _reversed(doc[key]) for key in reversed(doc)}
    assert document.dumps(shuffled) == document.dumps(doc)
    found = json.loads(document.dumps(shuffled))
    assert list(found)[:5] == ["schema", "command", "run_id", "dry_run", "complete"]
    assert list(found)[-3:] == ["error", "extra", "exit"]
    assert list(found["counts"])[:3] == ["rows", "people", "created"]


def _reversed(value: Any) -> Any:
    return {key: value[key] for key in reversed(value)} if isinstance(value, dict) else value


def test_json_is_indented_utf8_with_a_newline() -> None:
    assert document.dumps({"name": "Köln", "none": []}) == '{\n  "name": "Köln",\n  "none": []\n}\n'


def test_half_a_surrogate_pair_is_still_json() -> None:
    text = document.dumps({"name": "ü\ud800", "huge": 2**70})
    assert json.loads(text.encode()) == {"name": "ü\ud800", "huge": 2**70}
    assert text.endswith("}\n")


def test_output_is_utf8_whatever_the_stream_says() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    stream.write("before ")
    write("Köln\n", stream)
    assert raw.getvalue() == "before Köln\n".encode()
    plain = io.StringIO()
    write("Köln\n", plain)
    assert plain.getvalue() == "Köln\n"


def test_a_reader_that_went_away_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w", encoding="utf-8") as stream:
        write("x" * 100_000, stream)
        write("more", stream)


def test_an_error_is_a_document() -> None:
    error = errors.AuthError(say("test.text", "refused"), hint=say("test.text", "check the client ID"))
    assert document.error_document(error) == {
        "schema": "crsync.error/1",
        "error": {
            "code": 6,
            "class": "auth",
            "retryable": False,
            "message": "refused",
            "hint": "check the client ID",
        },
    }
    assert errors.error_object(errors.Interrupted(15))["code"] == 143


def test_all_problems_of_a_config_are_in_it() -> None:
    error = errors.ConfigError(
        [
            errors.Problem(
                "sync.yaml:3:5", say("test.text", "unknown key 'tagret'"), say("test.text", "did you mean 'target'?")
            ),
            errors.Problem("sync.yaml:9:1", say("test.text", "x")),
        ]
    )
    found = errors.error_object(error)
    assert found["where"] == "sync.yaml:3:5"
    assert [problem["where"] for problem in found["problems"]] == ["sync.yaml:3:5", "sync.yaml:9:1"]


@pytest.mark.parametrize(
    ("codes", "gravest"),
    [
        ([0, 3], 3),
        ([3, 8], 8),
        ([8, 5], 5),
        ([5, 4], 4),
        ([4, 7], 7),
        ([7, 2], 2),
        ([2, 6], 6),
        ([6, 9], 9),
        ([9, 1], 1),
        ([1, 130], 130),
        ([], 0),
    ],
)
def test_the_gravest_ending_counts(codes: list[int], gravest: int) -> None:
    runs = [docs.run(exit=errors.exit_object(code, "x", False)) for code in codes]
    doc = several_document("runs", runs)
    assert doc["exit"]["code"] == gravest
    assert list(doc) == ["schema", "runs", "exit"]
    assert json.loads(document.dumps(doc)) == doc


UNSEEN = "\x7f\x85\x9b2J\u00ad\u061c\u200b\u200d\u200e\u2028\u202e\u2066\u2069\ufeff\U000e0041"


@pytest.mark.parametrize("text", [UNSEEN, f"{UNSEEN}\ud800", f'"\\{UNSEEN}\x1b[2J\n'])
def test_nothing_in_json_steers_a_terminal(text: str) -> None:
    told = document.dumps({"schema": "x", "message": text})
    assert all(char.isprintable() or char == "\n" for char in told)
    if "\ud800" not in text:
        assert json.loads(told)["message"] == text
    assert "Käse" in document.dumps({"message": f"Käse {text}"})
