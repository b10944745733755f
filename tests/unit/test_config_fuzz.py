"""Whatever a file holds, the outcome is a config or its problems."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleverreach_sync.config.digest import decision_digest
from cleverreach_sync.config.loading import load_configs
from cleverreach_sync.config.schema import Config
from cleverreach_sync.errors import ConfigError, Problem
from tests.config_text import ENV, VALID, load

PIECES = [
    "version: 1", "source:", "source: {type: file, path: a}", "type: file", "tags: [buyer]", "target:", "- a", "[", "]",
    "{", "}", "limits: {max_created: ", "attributes: {map: ", "activate:", "exclude:", "consent:", "&a", "*a", "!!x", "<<:",
    "? ", ": ", "${A}", "${B:-", "$$", '"', "'", "|", ">", "#", "\t", "---", "...", "%YAML", "null", "~", "\n", "\n  ", " ",
    "client_id_file: .", 'path: "\\0"', "state_dir:", "nan", "1e400", "-1", "٣", "\x85", "\ufeff", "list: ",
]  # fmt: skip
TEXTS = st.one_of(
    st.text(),
    st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=25).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=10).map(lambda pieces: VALID + "".join(pieces)),
)
MESSAGES_NEVER_HOLD = ("pydantic", "Traceback", "validat", "Input should", "input_value", "NoneType")


def outcome(folder: Path, text: str | bytes) -> None:
    configs: list[Config] = []
    found: list[Problem] = []
    path = folder / "sync.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        configs = load_configs(path, ENV)
    except ConfigError as error:
        found = error.problems
    assert bool(configs) != bool(found)
    assert all(decision_digest(config) for config in configs)
    assert len({config.state_path for config in configs}) == len(configs)
    assert len(set(found)) == len(found)
    for problem in found:
        assert not any(word in problem.message for word in MESSAGES_NEVER_HOLD), problem
        assert "\n" not in problem.message


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_any_text(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    outcome(tmp_path_factory.getbasetemp(), text.encode("utf-8", "surrogatepass"))


@settings(max_examples=100, deadline=None)
@given(raw=st.binary())
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    outcome(tmp_path_factory.getbasetemp(), raw)


VALUES = st.recursive(
    st.sampled_from(
        ["", "null", "1", "-1", "no", "'1'", "'${CLEVERREACH_CLIENT_ID}'", "'${X}'", "x y", "5%", "9" * 5000]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(item or 'a' for item in items)}]"),
        st.dictionaries(st.sampled_from(["type", "path", "a", "map", "preset"]), inner, max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value or '~'}" for key, value in pairs.items()) + "}"
        ),
    ),
    max_leaves=6,
)
KEYS = [
    "version", "source", "tags", "target", "attributes", "activate", "exclude", "consent", "limits", "state_dir",
    "transfers",
]  # fmt: skip
BELOW = {
    "target": ["type", "client_id", "client_secret_file", "list", "create_list", "base_url", "timeout", "batch_size"],
    "limits": ["max_rejected", "max_created", "retry_for", "keep_rejects", "rejects_days"],
    "attributes": ["preset", "scope", "map", "missing"],
    "consent": ["path", "absent", "columns", "values", "delimiter", "encoding", "dates"],
    "source": ["type", "path", "columns", "values", "name", "complete", "encoding"],
}
# Made once: to make a strategy takes longer than to draw from it.
SOME_KEYS = st.lists(st.sampled_from(KEYS), unique=True)
SOME_BELOW = {key: st.lists(st.sampled_from(names), unique=True) for key, names in BELOW.items()}
ONE_BELOW = {key: st.lists(st.sampled_from(names), unique=True, min_size=1) for key, names in BELOW.items()}
SOME_NAMES = st.lists(st.sampled_from(["a", "A", "b-1", "c d", "'..'", "tags"]), unique=True)
EITHER = st.booleans()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_value_under_any_key(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    lines = []
    for key in data.draw(SOME_KEYS):
        if key in BELOW and data.draw(EITHER):
            lines.append(f"{key}:")
            lines += [f"  {name}: {data.draw(VALUES)}" for name in data.draw(ONE_BELOW[key])]
        else:
            lines.append(f"{key}: {data.draw(VALUES)}")
    outcome(tmp_path_factory.getbasetemp(), "\n".join(lines))


@settings(max_examples=100, deadline=None)  # each has several transfers
@given(data=st.data())
def test_any_value_in_any_transfer(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    lines = [VALID + "transfers:"]
    for name in data.draw(SOME_NAMES):
        lines.append(f"  {name}:")
        for key in data.draw(SOME_KEYS):
            if key in BELOW:
                lines.append(f"    {key}:")
                lines += [f"      {step}: {data.draw(VALUES)}" for step in data.draw(SOME_BELOW[key])]
            else:
                lines.append(f"    {key}: {data.draw(VALUES)}")
    outcome(tmp_path_factory.getbasetemp(), "\n".join(lines))


def test_no_message_holds_what_a_variable_holds(tmp_path: Path) -> None:
    lines = [f"  {key}: ${{V}}" for key in (*BELOW["target"], "unsubscribed_in", "concurrency") if key != "client_id"]
    source = [f"  {key}: ${{V}}" for key in BELOW["source"][1:]]
    limits = [f"  {key}: ${{V}}" for key in BELOW["limits"]]
    text = "\n".join(
        [
            "version: ${V}",
            *("source:", "  type: file", *source),
            "tags: ['${V}']",
            *("target:", *lines),
            "activate: ['${V}']",
            *("limits:", *limits),
            *("attributes:", "  preset: ${V}", "  map: {a: '${V}'}"),
            *("consent:", "  absent: ${V}", "  path: ${V}", "  encoding: ${V}", "  delimiter: ${V}"),
            "  values: {subscribed: {Ja: '${V}'}}",
        ]
    )
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, {**ENV, "V": "hunter-two"})
    assert len(caught.value.problems) > 15
    assert not [problem for problem in caught.value.problems if "hunter" in f"{problem.message} {problem.hint}"]
