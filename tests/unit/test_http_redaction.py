from __future__ import annotations

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


@given(st.text(), st.text(min_size=3), st.text())
def test_a_secret_is_nowhere_in_what_is_shown(before: str, secret: str, after: str) -> None:
    shown = Redaction([secret])(before + secret + after)
    assert secret not in shown or secret in "***" or secret in before + "***" + after


@given(st.emails(), st.text(alphabet=" <>\"'(),;", max_size=3))
def test_an_address_is_nowhere_in_what_is_shown(email: str, around: str) -> None:
    local = email.rpartition("@")[0]
    if len(local) > 1 and not set(email) & set("'/=:;"):
        assert email not in Redaction()(f"{around} {email} {around}")
