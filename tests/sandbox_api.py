"""A client of the sandbox that knows nothing of crsync, so that the sandbox is not tested by the code it is to test."""

from __future__ import annotations

from typing import Any

import httpx  # noqa: TID251 - a client that is not the project's own

NOW = 1_790_000_000  # what time it is in tests that freeze the sandbox's clock


class Api:
    """Bare requests with a token. The verbs give the decoded answer of a 2xx, `ask` the whole response."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=10, verify=False)  # loopback; loading certificates is slow
        self.login()

    def login(self) -> None:
        answer = self.http.post("/oauth/token.php", auth=("id", "secret"), data={"grant_type": "client_credentials"})
        self.http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return self.http.request(method, path, json=body, params=query or None)

    def get(self, path: str, **query: Any) -> Any:
        return self.ask("GET", path, **query).raise_for_status().json()

    def post(self, path: str, body: Any = None) -> Any:
        return self.ask("POST", path, body).raise_for_status().json()

    def put(self, path: str, body: Any = None) -> Any:
        return self.ask("PUT", path, body).raise_for_status().json()

    def delete(self, path: str) -> Any:
        return self.ask("DELETE", path).raise_for_status().json()

    def refusal(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        """Status and message of a call that is refused; both say the same code."""
        response = self.ask(method, path, body, **query)
        error = response.json()["error"]
        assert error["code"] == response.status_code
        return response.status_code, error["message"]
