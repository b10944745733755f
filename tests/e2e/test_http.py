"""Exchanges with servers that have no manners, over real connections."""

from __future__ import annotations

import gzip
import json
import shutil
import ssl
import subprocess
from itertools import chain, repeat
from pathlib import Path

import pytest

from cleverreach_sync.errors import CrsyncError, TemporaryError, UsageError
from cleverreach_sync.http.body import PAGE, Limit
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.request import Request
from tests.clients import http_client
from tests.e2e.people import customer, people
from tests.e2e.program import SECRET, Program
from tests.odd_server import Answering, Heard, odd_server, response

TOKEN = response(200, json.dumps({"access_token": "a-token-of-this-test", "expires_in": 3600}).encode())


def failure(answering: Answering, timeout: float = 5.0, limit: Limit = PAGE) -> CrsyncError:
    with odd_server(answering) as server:
        http = http_client(server.url, timeout, secrets=[SECRET])
        with pytest.raises(CrsyncError) as caught:
            http.exchange(Request("POST", "/v3/x", json=[{"email": customer(0)["email"]}], limit=limit))
        http.close()
    assert customer(0)["email"] not in str(caught.value)
    return caught.value


class TestExchange:
    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\x00\x01\x02",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            response(200, b"no gzip", "Content-Encoding: gzip"),
        ],
    )
    def test_broken_answers_may_have_been_carried_out(self, raw: bytes) -> None:
        error = failure(lambda _: raw)
        assert isinstance(error, TryAgain)
        assert error.ambiguous
        assert not error.timed_out

    def test_a_timeout(self) -> None:
        error = failure(lambda _: None, timeout=0.2)
        assert isinstance(error, TryAgain)
        assert error.ambiguous
        assert error.timed_out

    def test_an_answer_that_comes_by_drops(self) -> None:
        """Every drop comes in time, the whole never."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n["
        error = failure(lambda _: chain((head,), repeat(b" ")), timeout=0.3)
        assert isinstance(error, TryAgain)
        assert error.timed_out

    @pytest.mark.parametrize("zipped", [False, True])
    def test_an_answer_without_end_is_not_read_to_its_end(self, zipped: bool) -> None:
        body = b"[" + b" " * (2 << 20) + b"]"
        headers = ("Content-Encoding: gzip",) if zipped else ()
        raw = response(200, gzip.compress(body) if zipped else body, *headers)
        error = failure(lambda _: raw, limit=Limit(1 << 20, 100))
        assert type(error) is TemporaryError
        assert "more than 1 MB" in error.message

    def test_nobody_listens(self) -> None:
        with odd_server(lambda _: b"") as server:
            url = server.url
        http = http_client(url, secrets=[SECRET])
        with pytest.raises(TryAgain) as caught:
            http.exchange(Request("GET", "/v3/x"))
        http.close()
        assert not caught.value.ambiguous
        assert not caught.value.timed_out

    def test_no_such_host(self) -> None:
        http = http_client("https://no-such-host.invalid", secrets=[SECRET])
        with pytest.raises(TryAgain) as caught:
            http.exchange(Request("GET", "/v3/x"))
        http.close()
        assert "no-such-host.invalid" in str(caught.value)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("to", ["https://elsewhere.example/v3/x?token=abc", "/v4/x", ""])
    def test_redirects_are_refused(self, status: int, to: str) -> None:
        with odd_server(lambda _: response(status, b"", f"Location: {to}")) as server:
            http = http_client(server.url, secrets=[SECRET])
            with pytest.raises(UsageError) as caught:
                http.exchange(Request("GET", "/v3/x", headers={"authorization": "Bearer t"}))
            http.close()
            assert len(server.heard) == 1
        assert "does not follow redirects" in caught.value.message
        assert "abc" not in f"{caught.value.message} {caught.value.hint}"

    @pytest.mark.parametrize(
        ("to", "said"),
        [
            ("/coming-soon/?token=abc", "redirects to /coming-soon/;"),
            ("{url}/coming-soon/?token=abc", "redirects to /coming-soon/;"),
            ("login?user=anna@mail.example&token=abc", "redirects to /v3/login;"),
            ("", "redirects to somewhere that it does not name;"),
            ("http://[", "redirects to somewhere that it does not name;"),
            ("https://www.shop.example/?token=abc", "redirects to https://www.shop.example;"),
            ("https://127.0.0.1/v3/x", "redirects to https://127.0.0.1;"),
        ],
    )
    def test_a_redirect_says_where_to_and_what_to_do(self, to: str, said: str) -> None:
        with odd_server(lambda _: response(302, b"", f"Location: {to.format(url=server.url)}")) as server:
            http = http_client(server.url, secrets=[SECRET])
            with pytest.raises(UsageError) as caught:
                http.exchange(Request("GET", "/v3/x"))
            http.close()
        assert said in caught.value.message
        assert "abc" not in caught.value.message
        assert ("put it into the config" in (caught.value.hint or "")) == ("https" in to)
        assert ("maintenance" in (caught.value.hint or "")) == ("https" not in to)

    @pytest.mark.parametrize("status", [200, 400, 404, 413, 429, 500, 503])
    def test_whatever_the_status_an_answer_is_returned(self, status: int) -> None:
        with odd_server(lambda _: response(status, b'{"a": 1}')) as server:
            http = http_client(server.url, secrets=[SECRET])
            answer = http.exchange(Request("GET", "/v3/x"))
            http.close()
        assert (answer.status, answer.body, answer.readable) == (status, {"a": 1}, True)
        assert answer.ok == (status == 200)

    def test_bodies(self) -> None:
        bodies = iter(
            [
                response(200, gzip.compress(b"[1]"), "Content-Encoding: gzip"),
                response(200, b"\xef\xbb\xbf[1]"),
                response(200, b"[1]", "Content-Type: text/html"),
                response(204),
                response(200),
                response(200, f"<p>{SECRET} jane@example.org</p>".encode()),
            ]
        )
        with odd_server(lambda _: next(bodies)) as server:
            http = http_client(server.url, secrets=[SECRET])
            answers = [http.exchange(Request("GET", "/v3/x")) for _ in range(6)]
            http.close()
        assert [answer.body for answer in answers] == [[1], [1], [1], None, None, None]
        assert [answer.readable for answer in answers] == [True] * 5 + [False]
        assert answers[-1].text == "*** j***@example.org"
        assert http.traffic.requests == 6

    @pytest.mark.parametrize(
        ("page", "words"),
        [
            (
                "<!DOCTYPE html><html><head><title>502</title></head><body><h1>Bad\nGateway</h1></body></html>",
                "Bad Gateway",
            ),
            ("<html><head><title>Back soon</title><style>p { color: red }</style></head></html>", "Back soon"),
            ('<title>Back</title><p>At work<script>var rows = [{"name": "Jane"}]</script>', "At work"),
            ("a < b, c > d", "a < b, c > d"),
        ],
    )
    def test_of_a_page_the_words_are_told(self, page: str, words: str) -> None:
        with odd_server(lambda _: response(502, page.encode())) as server:
            http = http_client(server.url, secrets=[SECRET])
            answer = http.exchange(Request("GET", "/v3/x"))
            http.close()
        assert answer.text == words

    def test_the_servers_time(self) -> None:
        with odd_server(lambda _: response(200, b"", "Date: Sun, 22 Nov 2026 00:00:00 GMT")) as server:
            http = http_client(server.url, secrets=[SECRET])
            http.exchange(Request("GET", "/"))
            http.close()
        assert http.server_time == 1795305600


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is needed to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            openssl,
            *[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ],
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class TestWholeRuns:
    def test_a_certificate_that_cannot_be_verified(self, program: Program, self_signed: ssl.SSLContext) -> None:
        program.write(*people(1))
        with odd_server(lambda _: TOKEN, self_signed) as server:
            program.config(target={"base_url": server.url})
            error = program.failing()
            assert server.heard == []
        assert isinstance(error, UsageError)
        assert "certificate" in error.message
        assert "valid certificate" in (error.hint or "")
        assert program.clock.passed == 0

    def test_http_on_a_port_for_https(self, program: Program) -> None:
        program.write(*people(1))
        program.config(limits={"retry_for": 0}, target={"timeout": 0.2})
        with odd_server(lambda _: TOKEN) as server:
            program.config(target={"base_url": server.url.replace("http:", "https:")})
            assert isinstance(program.failing(), TemporaryError)

    def test_credentials_do_not_follow_a_redirect(self, program: Program) -> None:
        program.write(*people(1))
        with (
            odd_server(lambda _: response(200, b"{}")) as thief,
            odd_server(lambda _: response(307, b"", f"Location: {thief.url}/oauth/token.php")) as server,
        ):
            program.config(target={"base_url": server.url})
            error = program.failing()
            assert len(server.heard) == 1
            assert thief.heard == []
        assert isinstance(error, UsageError)

    def test_a_redirect_of_a_write_is_refused(self, program: Program) -> None:
        program.write(*people(3))

        def answering(heard: Heard) -> bytes:
            if heard.line.startswith("POST /oauth"):
                return TOKEN
            if "upsertplus" in heard.line:
                return response(308, b"", "Location: https://elsewhere.example/")
            if heard.line.startswith("POST /v3/groups "):
                return response(200, b'{"id": "7", "name": "Online shop"}')
            if heard.line.startswith("GET /v3/attributes"):
                return response(
                    200, json.dumps([{"id": 1, "name": n} for n in ("firstname", "lastname", "city")]).encode()
                )
            return response(200, b"[]")

        with odd_server(answering) as server:
            program.config(target={"base_url": server.url})
            error = program.failing()
        assert isinstance(error, UsageError)
        assert "elsewhere.example" in error.message
        assert program.recorded() == set()

    def test_a_server_that_hangs_is_given_up(self, program: Program) -> None:
        program.write(*people(1))
        program.config(target={"timeout": 0.1}, limits={"retry_for": 0})
        with odd_server(lambda _: None) as server:
            program.config(target={"base_url": server.url})
            error = program.failing()
        assert isinstance(error, TemporaryError)
        assert "in time" in error.message
