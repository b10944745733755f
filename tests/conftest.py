"""Golden files: `pytest --renew-golden` writes what is compared otherwise. Properties: the same examples in every run.

`sandbox` is one server per test process, as new for every test."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:  # what most unit tests start without
    from cleverreach_sync.sandbox.server import RunningSandbox
    from tests.shops.shopify import FakeShopify

# A state folder is synced to the disk again and again, which says nothing where it is thrown away.
_IN_MEMORY = Path("/dev/shm")
if _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free > 2 * 1024**3:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_IN_MEMORY))

# Every worker, and every process that a test starts, would compile the same again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("suite", derandomize=True, deadline=None, max_examples=100)
settings.register_profile("search", deadline=None, max_examples=5000)  # pytest --hypothesis-profile=search
settings.load_profile("suite")

GOLDEN = Path(__file__).parent / "unit" / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-golden", action="store_true", help="write the golden files anew")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Whatever is collected stays to the end: nothing there is worth looking for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text, byte for byte, with the golden file of a name."""

    def compare(name: str, found: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--renew-golden"):
            path.write_bytes(found.encode())
        assert found == path.read_bytes().decode(), f"{name} differs; if right: pytest --renew-golden"

    return compare


@pytest.fixture(scope="session")
def sandbox_of_process() -> Iterator[RunningSandbox]:
    from cleverreach_sync.sandbox.server import RunningSandbox

    with RunningSandbox() as running:
        yield running


@pytest.fixture
def sandbox(sandbox_of_process: RunningSandbox) -> RunningSandbox:
    state = sandbox_of_process.state
    state.reset()
    state.faults.random.seed(1)
    return sandbox_of_process


@pytest.fixture
def shopify() -> Iterator[FakeShopify]:
    from tests.shops.shopify import FakeShopify

    running = FakeShopify()
    yield running
    running.close()
