from __future__ import annotations

import html
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.http.redaction import Redaction


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("jane@example.org", "j***@example.org"),
        ("to <Jane.Doe+news@shop.example.org>!", "to <J***@shop.example.org>!"),
        ('{"email":"jane@example.org"}', '{"email":"j***@example.org"}'),
        ("email=jane@example.org&x=1", "email=j***@example.org&x=1"),
        ("/receivers/jane@example.org/x", "/receivers/j***@example.org/x"),
        ("jane@example.org,john@example.org", "j***@example.org,j***@example.org"),
        ("müller@exämple.org", "m***@exämple.org"),
        ("nobody at all", "nobody at all"),
    ],
)
def test_addresses_are_masked(text: str, shown: str) -> None:
    assert Redaction()(text) == shown


def test_secrets_are_hidden_the_longest_first() -> None:
    redact = Redaction(["secret", "secret-and-more"])
    redact.add("token")
    assert redact("secret-and-more secret token") == "*** *** ***"


def test_what_is_too_short_to_be_a_secret_hides_nothing() -> None:
    assert Redaction(["", "a", "id"])("an id is a name") == "an id is a name"


def test_an_excerpt_is_one_short_line() -> None:
    text = Redaction(["hidden"]).excerpt("<p>\n  hidden\r\n\tjane@example.org </p>" + "x" * 500)
    assert text.startswith("<p> *** j***@example.org </p>xxx")
    assert len(text) == 203
    assert text.endswith("...")


@pytest.mark.parametrize("secret", ["p&ss <word>", "a/b+c=d é"])
def test_a_secret_is_hidden_however_a_server_writes_it(secret: str) -> None:
    redact = Redaction([secret])
    for text in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)):
        assert redact(f"<{text}>") == "<***>" or "/" in secret


def test_an_address_in_a_path_is_masked() -> None:
    assert Redaction()("/login/jane%40example.org") == "/login/j***@example.org"


@pytest.mark.parametrize(
    "piece", ["a", "@", "a@", "a.@", "@a.b", "secret", "secre", "secret-and-mor", " ", "\n", "=", "é"]
)
@pytest.mark.parametrize("before", ["", "a@"])
def test_a_text_of_any_size_is_redacted_in_no_time(piece: str, before: str) -> None:
    """Quadratic, one of a million characters would take hours."""
    redact = Redaction(["secret", "secret-and-more", "a" * 500, "@" * 500])
    text = before + piece * (1_000_000 // len(piece))
    redact(text)
    redact.excerpt(text)


@given(st.integers(0, 40), st.sampled_from(["secret-value", "jane.doe@example.org", "value@example.org"]))
def test_what_is_cut_is_never_cut_within_a_secret_or_an_address(moved: int, hidden: str) -> None:
    redact = Redaction(["secret-value", "alue-and-the-rest", "ret-value-x"])
    for filling in (" ", "\n", ". "):
        text = filling * ((4000 - moved) // len(filling)) + hidden + "-and-the-rest" + " x" * 500
        shown = redact.beginning(text)
        assert not any(part in shown for part in ("secr", "cret", "valu", "alue", "jane", "doe"))


def test_of_ever_new_tokens_the_last_are_hidden() -> None:
    redact = Redaction(["from-the-config"])
    for number in range(1000):
        redact.add(f"token-{number:04}")
    assert redact("from-the-config token-0999 token-0950") == "*** *** ***"
    assert len(redact("token-0000")) == 10


@given(st.text(), st.text(min_size=3), st.text())
def test_a_secret_is_nowhere_in_what_is_shown(before: str, secret: str, after: str) -> None:
    shown = Redaction([secret])(before + secret + after)
    assert secret not in shown or secret in "***" or secret in before + "***" + after


@given(st.emails(), st.text(alphabet=" <>\"'(),;", max_size=3))
def test_an_address_is_nowhere_in_what_is_shown(email: str, around: str) -> None:
    local = email.rpartition("@")[0]
    if len(local) > 1 and not set(email) & set("'/=:;"):
        assert email not in Redaction()(f"{around} {email} {around}")
