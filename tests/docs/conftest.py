"""The sandbox for the tests in this folder."""

from tests.sandbox_server import sandbox, sandbox_of_process

__all__ = ["sandbox", "sandbox_of_process"]
