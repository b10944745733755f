from __future__ import annotations

import pytest

from cleverreach_sync.domain.model import ConsentState, Kind, Purchases
from cleverreach_sync.domain.tags import OwnTags, contradicted, fold, kinds_of, special_tags, tag
from tests.people import BUYER, CONTACT, NO, OUT, SUBSCRIBER, UNKNOWN, YES, B, C, S

NOBODY: frozenset[Kind] = frozenset()
NAMES = {"-": NOBODY, "S": S, "B": B, "C": C, "S+B": S | B, "S+C": S | C, "B+C": B | C, "S+B+C": S | B | C}
MATRIX = """
bought subscribed   S  B  C  S+B  S+C  B+C  S+B+C
no     no           -  -  C  -    C    C    C
no     yes          S  -  -  S    S    -    S
yes    no           -  B  -  B    -    B    B
yes    yes          S  B  -  S+B  S    B    S+B
"""
CASES = [
    pytest.param(
        bought == "yes", subscribed == "yes", NAMES[selected], NAMES[expected], id=f"{bought}-{subscribed}-{selected}"
    )
    for header, *lines in [[line.split() for line in MATRIX.strip().splitlines()]]
    for bought, subscribed, *cells in lines
    for selected, expected in zip(header[2:], cells, strict=True)
]


def test_the_matrix_has_every_selection() -> None:
    assert len(CASES) == 4 * 7


@pytest.mark.parametrize(("bought", "subscribed", "selected", "expected"), CASES)
def test_the_matrix(bought: bool, subscribed: bool, selected: frozenset[Kind], expected: frozenset[Kind]) -> None:
    for consent in [YES] if subscribed else [NO, OUT, UNKNOWN]:
        for purchases in [Purchases(1), Purchases(7)] if bought else [None, Purchases(0)]:
            assert kinds_of(consent, purchases) & selected == expected


@pytest.mark.parametrize(
    ("consent", "purchases", "expected"),
    [
        (UNKNOWN, None, NOBODY),
        (UNKNOWN, Purchases(0), B),
        (UNKNOWN, Purchases(1), C),
        (NO, None, S),
        (NO, Purchases(0), S | B),
        (NO, Purchases(1), S | C),
        (OUT, None, S),
        (OUT, Purchases(0), S | B),
        (OUT, Purchases(1), S | C),
        (YES, None, C),
        (YES, Purchases(0), B | C),
        (YES, Purchases(1), C),
    ],
)
def test_what_the_facts_speak_against(
    consent: ConsentState, purchases: Purchases | None, expected: frozenset[Kind]
) -> None:
    assert contradicted(consent, purchases) == expected


LONG = "Averyveryveryveryverylongsourcenamewithmorethanfifty"


@pytest.mark.parametrize(
    ("source", "kind", "value", "expected"),
    [
        pytest.param("WooCommerce", "Special", "Subscriber", "WooCommerce-Special.Subscriber", id="1"),
        pytest.param("Shopware 6", "Special", "Subscriber", "Shopware_6-Special.Subscriber", id="2"),
        pytest.param(
            "Shopware 6", "CustomerGroup", "VIP-Kunden (DE)", "Shopware_6-CustomerGroup.VIP_Kunden_DE_", id="3"
        ),
        pytest.param("Magento", "Group", "Groß händler & Co.", "Magento-Group.Groß_händler_Co_", id="4"),
        pytest.param("X", "Role", "a  b---c", "X-Role.a_b_c", id="5"),
        pytest.param("X", "Role", "  lead trail ", "X-Role._lead_trail_", id="6"),
        pytest.param("X", "Größe", "Ärger/ü", "X-Größe.Ärger_ü", id="7"),
        pytest.param("X", "Site", "日本 語", "X-Site.日本_語", id="8"),
        pytest.param("X", "Site", "😀x", "X-Site._x", id="9"),
        pytest.param("X", "Site", "", "X-Site.", id="10"),
        pytest.param(
            "plentymarkets",
            "Site",
            "https://shop.example.com/a",
            "plentymarkets-Site.https_shop_example_com_a",
            id="11",
        ),
        pytest.param(LONG, "Type", "Val", "Averyveryveryveryverylongsourcenamewithmorethanfi.Val", id="12"),
        pytest.param("X", "T" * 47, "V", "X-" + "T" * 47 + ".V", id="13"),
        pytest.param("X", "ä" * 40, "V", "X-" + "ä" * 40 + ".V", id="14"),
        pytest.param("X", "ä" * 60, "V", "X-" + "ä" * 47 + ".V", id="15"),
        pytest.param("X", "Role", "v" * 80, "X-Role." + "v" * 80, id="16"),
        pytest.param("", "AB", "C", "AB.C", id="17"),
        pytest.param("A", "BC", "DE", "A-BC.DE", id="18"),
        pytest.param("X", "a\u0308" * 60, "o\u0308", "X-" + "ä" * 47 + ".ö", id="decomposed"),
        pytest.param("X", "x\u0301\u0302y", "V", "X-x_y.V", id="marks-without-a-letter-of-their-own"),
        pytest.param("X", "Role", "a_ b", "X-Role.a__b", id="underscore-stays"),
        pytest.param("X", "Role", "½²٣Ⅷ", "X-Role._", id="only-digits-0-to-9"),
        pytest.param("T" * 48, "Special", "V", "T" * 48 + ".V", id="cut-after-the-hyphen"),
        pytest.param("-X", "-Special.", "-V", "_X-_Special_._V", id="never-a-removal"),
    ],
)
def test_golden_tags(source: str, kind: str, value: str, expected: str) -> None:
    assert tag(source, kind, value) == expected


@pytest.mark.parametrize(
    ("source", "subscriber"),
    [
        ("Shopify", "Shopify-Special.Subscriber"),
        ("WooCommerce", "WooCommerce-Special.Subscriber"),
        ("Magento", "Magento-Special.Subscriber"),
        ("Shopware 5", "Shopware_5-Special.Subscriber"),
        ("Shopware_6", "Shopware_6-Special.Subscriber"),
        ("plentymarkets", "plentymarkets-Special.Subscriber"),
        ("Salesforce", "Salesforce-Special.Subscriber"),
        ("Mein Shop (Größe)", "Mein_Shop_Größe_-Special.Subscriber"),
    ],
)
def test_special_tags(source: str, subscriber: str) -> None:
    origin = subscriber.removesuffix(".Subscriber")
    assert special_tags(source) == {SUBSCRIBER: subscriber, BUYER: f"{origin}.Buyer", CONTACT: f"{origin}.Contact"}


def test_own_tags_are_recognised() -> None:
    own = OwnTags("Shop")
    assert own.among(()) == NOBODY
    assert (
        own.among(
            (
                "Shop-Special.Buyer",
                "Shop-Special.Contact",
                "Shop-Special.Subscriber",
            )
        )
        == S | B | C
    )
    others = [
        "shop-special.buyer",
        "-Shop-Special.Buyer",
        "Shop-Special",
        "Shop2-Special.Buyer",
        "Shop-Role.Buyer",
        "Buyer",
        "",
    ]
    assert own.among(tuple(others)) == NOBODY


def test_own_tags_are_recognised_folded_and_as_sent() -> None:
    own = OwnTags("Größe 日本")
    assert own.by_kind[BUYER] == "Größe_日本-Special.Buyer"
    assert own.among(("Größe_日本-Special.Buyer",)) == B
    assert own.among(("Gr__e___-Special.Buyer",)) == B
    assert (
        own.among(
            (
                "Gr__e___-Special.Buyer",
                "Größe_日本-Special.Contact",
            )
        )
        == B | C
    )
    assert (
        own.among(
            (
                "Gr_e___-Special.Buyer",
                "Größe-Special.Buyer",
            )
        )
        == NOBODY
    )


def test_folding_leaves_ascii_alone() -> None:
    assert fold("Shop_6-Special.Buyer") == "Shop_6-Special.Buyer"
    assert fold("äöü.ß-x") == "___._-x"
