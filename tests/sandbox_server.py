"""The sandbox for tests: `from tests.sandbox_server import sandbox` (and `sandbox_process_wide`) gives the fixture.

One server per test process, emptied before every test: no data, faults, hooks or counts of another test.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cleverreach_sync.sandbox.server import RunningSandbox

_SEED = 1


@pytest.fixture(scope="session")
def sandbox_process_wide() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture
def sandbox(sandbox_process_wide: RunningSandbox) -> RunningSandbox:
    state = sandbox_process_wide.state
    state.reset()
    state.faults.random.seed(_SEED)
    return sandbox_process_wide
