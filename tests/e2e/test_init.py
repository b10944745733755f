"""`crsync init` on a terminal: it asks, and asks again."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cleverreach_sync.config.loading import load_config
from cleverreach_sync.domain.model import Kind
from tests.config_text import ENV
from tests.e2e.running import environment
from tests.targets import cleverreach

_LONGEST_SILENCE = 200  # pieces of half a second, or of what is shown
_LOST = 10  # pieces of silence after which a key is pressed again


def answering(folder: Path, *answers: str, breaks_off: str = "") -> tuple[int, str]:
    """Exit code and what the terminal shows. `breaks_off`: the key that is pressed when the list is asked for."""
    terminal, end = pty.openpty()
    os.write(terminal, "".join(f"{answer}\n" for answer in answers).encode())
    with subprocess.Popen(
        [sys.executable, "-m", "cleverreach_sync", "init"],
        cwd=folder,
        env=environment(),
        stdin=end,
        stdout=end,
        stderr=end,
    ) as process:
        os.close(end)
        shown = b""
        pressed, silent = False, 0
        try:
            for _ in range(_LONGEST_SILENCE):
                if select.select([terminal], [], [], 0.5)[0]:
                    if not (part := _read(terminal)):
                        break
                    shown += part
                    silent = 0
                else:  # a key that came before the program waited for one is lost, whichever it was
                    silent += 1
                    pressed = pressed and silent % _LOST > 0
                if breaks_off and not pressed and b"recipient list" in shown:
                    pressed = True
                    if breaks_off == "Ctrl-C":
                        process.send_signal(signal.SIGINT)
                    else:
                        os.write(terminal, b"\x04")
            code = process.wait(timeout=20)
        finally:
            process.kill()
    os.close(terminal)
    return code, shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 10_000)
    except OSError:  # the other end is closed
        return b""


def test_whoever_mistypes_is_asked_again(tmp_path: Path) -> None:
    code, shown = answering(tmp_path, "woo", "File", "kunden.csv", "Mein Shop", "perhaps", "no", "buyers")
    assert code == 0
    assert shown.count("please answer again") == 2
    config = load_config(tmp_path / "sync.yaml", ENV)
    assert config.source.model_dump()["path"] == "kunden.csv"
    assert (cleverreach(config).list, cleverreach(config).create_list) == ("Mein Shop", False)
    assert config.tags == (Kind.BUYER,)


@pytest.mark.parametrize("key", ["Ctrl-C", "Ctrl-D"])
def test_ctrl_c_and_ctrl_d_end_it(tmp_path: Path, key: str) -> None:
    code, shown = answering(tmp_path, "file", "kunden.csv", breaks_off=key)
    assert code == 130
    assert shown.splitlines()[-1] == "nothing was written"
    assert "error" not in shown
    assert not list(tmp_path.iterdir())


def test_nobody_is_asked_where_nobody_can_answer(tmp_path: Path) -> None:
    finished = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m cleverreach_sync init <&-"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (0, "")
    assert "next: " in finished.stderr


def test_enter_takes_what_is_proposed(tmp_path: Path) -> None:
    code, shown = answering(tmp_path, *5 * [""])
    assert code == 0
    assert "next: look through sync.yaml" in shown
    assert load_config(tmp_path / "sync.yaml", ENV).source.type == "file"
