"""The checkpoint: read as it was written, or refused and left as it is."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleverreach_sync.errors import StateError
from cleverreach_sync.state import checkpoint as checkpoints
from cleverreach_sync.state.checkpoint import Checkpoint, Identity, InterruptedRun
from cleverreach_sync.state.files import LocalDocument, write_atomically

CHECKPOINT = Checkpoint(
    identity=Identity(
        source_type="file",
        source_name="Größe",
        base_url="https://rest.cleverreach.com",
        list="Online shop",
        list_id="17",
        list_name="Online shop",
    ),
    shop_url="https://shop.example",
    digest="d" * 32,
    selection=["buyer", "subscriber"],
    cursors={"orders": "2026-11-21T20:00:00Z"},
    initial_sync_at="2026-11-21T20:00:00Z",
    full_people=12,
    ledger_id="0123456789abcdef",
    interrupted=InterruptedRun(
        run_id="r1",
        command="resync",
        started_at="2026-11-21T20:00:00Z",
        digest="d",
        full=True,
        resend=True,
        forced=["moved"],
    ),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state") / "checkpoint.json"


@pytest.fixture(scope="module")
def whole(path: Path) -> bytes:
    checkpoints.save(LocalDocument(path), CHECKPOINT)
    return path.read_bytes()


def read_or_refused(path: Path, content: bytes) -> Checkpoint | None:
    """The file is never changed, and nothing but a StateError comes out."""
    path.write_bytes(content)
    found, refused = None, None
    try:
        found = checkpoints.load(LocalDocument(path))
    except StateError as error:
        refused = error
    assert refused is None or (str(path) in refused.message and refused.hint)
    assert path.read_bytes() == content
    if found is not None:  # what can be read can be written
        checkpoints.save(LocalDocument(path), found)
        assert checkpoints.load(LocalDocument(path)) == found
    return found


def test_comes_back_as_it_was(path: Path, whole: bytes) -> None:
    assert read_or_refused(path, whole) == CHECKPOINT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(whole)["schema"] == "crsync.checkpoint/1"
    assert whole.count(b"\n") > 20  # readable


def test_none_yet(tmp_path: Path) -> None:
    assert checkpoints.load(LocalDocument(tmp_path / "checkpoint.json")) is None


def test_cut_short_anywhere_it_is_refused(path: Path, whole: bytes) -> None:
    for length in range(len(whole) - 1):
        assert read_or_refused(path, whole[:length]) is None


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1), bytes_=st.binary(min_size=1, max_size=4))
def test_whatever_bytes_are_changed(path: Path, whole: bytes, at: float, bytes_: bytes) -> None:
    place = int(at * (len(whole) - 1))
    read_or_refused(path, whole[:place] + bytes_ + whole[place + len(bytes_) :])
    read_or_refused(path, whole[:place] + bytes_ + whole[place:])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_values_are_changed(path: Path, whole: bytes, data: st.DataObject) -> None:
    document = json.loads(whole)
    owner: dict[str, Any] = data.draw(st.sampled_from([document, document["identity"], document["interrupted"]]))
    owner[data.draw(st.sampled_from([*owner, "other"]))] = data.draw(VALUES)
    read_or_refused(path, json.dumps(document).encode())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=50) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_in_its_place(path: Path, whole: bytes, content: bytes) -> None:
    assert read_or_refused(path, content) is None


@pytest.mark.parametrize("schema", ["crsync.checkpoint/2", "crsync.checkpoint/10", "crsync.checkpoint/"])
def test_another_version_names_itself(path: Path, whole: bytes, schema: str) -> None:
    content = json.dumps({**json.loads(whole), "schema": schema, "news": 1}).encode()
    path.write_bytes(content)
    with pytest.raises(StateError, match="another version"):
        checkpoints.load(LocalDocument(path))


class TestWriting:
    def test_a_failure_leaves_the_file_before(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "x.json"
        write_atomically(path, b"before")

        def full(_handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("cleverreach_sync.state.files.os.fsync", full)
        with pytest.raises(StateError, match="No space left"):
            write_atomically(path, b"after")
        assert path.read_bytes() == b"before"
        assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]

    def test_a_folder_that_is_gone(self, tmp_path: Path) -> None:
        with pytest.raises(StateError):
            write_atomically(tmp_path / "gone" / "x.json", b"")
