from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.domain.address import Patterns, normalise, tidy
from cleverreach_sync.targets.cleverreach.blacklist import blocked_forms


def blocks(entry: str, address: str) -> bool:
    return Patterns(blocked_forms(entry)).match(normalise(address) or address)


ADDRESSES = [
    "anna@x.com",
    "bob@x.de",
    "email@ecom.co",
    "sam@web.info",
    "carl@shop.org",
    "anna-maria@my-shop.co.uk",
    "anna@a-b-c.example-shop.com",
    "w@woocommerce.com",
    "magento@magento.de",
    "anna@xn--bcher-kva.de",
    "anna@bücher.de",
    "anna@example.xn--p1ai",
    "anna@почта.рф",
    "anna@example.xn--vermgensberater-ctb",
    "müller@example.org",
]
INTEGRATIONS = [
    "WooCommerce",
    "Shopware 6",
    "Shopware_5",
    "Magento",
    "Magento 2",
    "plentymarkets",
    "Shopify",
    "TYPO3CMS",
    "My-Own-Integration",
    "Größe & Co.",
    "Shopware 6.5",
    "",
]


@pytest.mark.parametrize("integration", INTEGRATIONS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_the_address_in_front_of_a_plug_ins_suffix_is_blocked(address: str, integration: str) -> None:
    assert blocks(f"{address}-{integration}", address)
    assert blocks(f" {address.upper()}-{integration}\n", address)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_blocked_as_it_is(address: str) -> None:
    assert blocks(address, address)
    assert blocks(f" {address.upper()} ", address)
    assert normalise(address) in blocked_forms(address)


@pytest.mark.parametrize(
    ("entry", "free"),
    [
        ("anna@x.com-WooCommerce", ["anna@x.co", "anna@x.c", "nna@x.com", "anna@x.com.de"]),
        ("bob@x.de-WooCommerce", ["bob@x.d", "bob@x.dev"]),
        ("anna@my-shop.de", ["anna@my", "anna@my.de", "anna@shop.de"]),
        ("anna@mail.my-shop.de", ["anna@mail.my", "anna@mail.de"]),
        ("anna@mail.my-shop.de-Shopware 6.5", ["anna@mail.my"]),
        ("anna-maria@x.de", ["anna@x.de", "maria@x.de"]),
        ("", ["anna@x.de"]),
        ("   ", ["anna@x.de"]),
        ("x.de", ["anna@x.de"]),
        ("-", ["anna@x.de"]),
        ("@-", ["anna@x.de"]),
        ("*@mail.my-shop.de", ["anna@mail.my", "anna@my-shop.de"]),
    ],
)
def test_nobody_else_is_blocked(entry: str, free: list[str]) -> None:
    assert [address for address in free if blocks(entry, address)] == []


@pytest.mark.parametrize(
    ("entry", "blocked"),
    [
        ("*@domain.de", ["anna@domain.de", "otto@domain.de"]),
        ("*@Domain.DE", ["anna@domain.de"]),
        ("*@domain.de-WooCommerce", ["anna@domain.de"]),
        ("*@my-domain.de", ["anna@my-domain.de"]),
        ("*@bücher.de", ["anna@bücher.de"]),
        ("*@*.bücher.de", ["anna@news.bücher.de"]),
        ("*", ["anna@domain.de"]),
        ("info@*", ["info@domain.de"]),
        ("anna?@x.de", ["anna1@x.de"]),
    ],
)
def test_patterns(entry: str, blocked: list[str]) -> None:
    assert [address for address in blocked if not blocks(entry, address)] == []


@given(st.text(max_size=80))
def test_whatever_stands_in_the_blacklist_is_read(entry: str) -> None:
    forms = blocked_forms(entry)
    assert bool(forms) == bool(tidy(entry))
    Patterns(forms).match("anna@example.org")


NAMES = st.text(min_size=0, max_size=20).filter(lambda name: "@" not in name and not set(name) & set("*?."))


@given(st.emails(), NAMES)
def test_no_suffix_hides_anybody(address: str, integration: str) -> None:
    known = normalise(address)
    if known is not None:
        assert blocks(f"{known}-{integration}", known)
