"""The sandbox as a foreign client sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cleverreach_sync.sandbox.server import RunningSandbox
from tests.sandbox_api import Api


@pytest.fixture
def api(sandbox: RunningSandbox) -> Iterator[Api]:
    """A client with a token."""
    client = Api(sandbox.url)
    sandbox.state.traffic.clear()
    yield client
    client.http.close()
