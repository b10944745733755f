"""What a config means: types, defaults, and the traps of YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from cleverreach_sync.config.schema import Config
from cleverreach_sync.domain.guards import Limit
from cleverreach_sync.domain.model import Kind
from cleverreach_sync.settings.types import Duration, HttpUrl
from tests.config_text import VALID, lines, load, problems
from tests.targets import cleverreach


def test_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, VALID)
    target, limits = cleverreach(config), config.limits
    assert (target.create_list, target.unsubscribed_in, target.base_url) == (
        False,
        "account",
        "https://rest.cleverreach.com",
    )
    assert (target.timeout, target.batch_size, target.concurrency) == (120, 250, 2)
    assert (limits.max_rejected, limits.max_created) == (Limit(20, 5.0), None)
    assert limits.max_deactivated == limits.max_activated == Limit(20, 10.0)
    assert (limits.retry_for, limits.keep_rejects, limits.rejects_days) == (300, True, 30)
    assert (config.exclude, config.consent, config.activate) == ((), None, None)
    assert config.selected == config.activated == {Kind.SUBSCRIBER, Kind.BUYER}


@pytest.mark.parametrize(
    ("text", "scope", "missing"),
    [
        ("", "global", "refuse"),
        ("attributes:\n", "global", "refuse"),
        ("attributes: {preset: none}", "global", "refuse"),
        ("attributes: {preset: plentymarkets}", "list", "ignore"),
        ("attributes: {missing: refuse, scope: global, preset: plentymarkets}", "global", "refuse"),
    ],
)
def test_scope_and_missing_depend_on_the_preset(tmp_path: Path, text: str, scope: str, missing: str) -> None:
    attributes = load(tmp_path, VALID + text).attributes
    assert (attributes.scope, attributes.missing) == (scope, missing)


def test_a_heading_with_nothing_below_is_all_defaults(tmp_path: Path) -> None:
    empty = load(tmp_path, VALID + "attributes:\nlimits:\nexclude:\nconsent:\nactivate:\n")
    assert empty == load(tmp_path, VALID)


@pytest.mark.parametrize("text", ["NO", "on", "012345", "12:30", "1e3", "2026-11-21", "1_000", "0x1f", "yes", ".inf"])
def test_a_text_stays_what_it_is(tmp_path: Path, text: str) -> None:
    config = load(
        tmp_path,
        VALID.replace("path: customers.csv", f"path: customers.csv, name: {text}").replace("Online shop", text)
        + f"state_dir: {text}\nexclude: [{text}]\n",
    )
    assert (config.source.name, cleverreach(config).list, config.exclude) == (text, text, (text,))
    assert type(config.source.name) is str
    assert config.state_dir == Path(text)


@pytest.mark.parametrize("key", ["NO", "on", "012345", "null", "~"])
def test_a_key_stays_what_it_is(tmp_path: Path, key: str) -> None:
    found = lines(tmp_path, VALID + f"{key}: 1\n")
    assert found == [f"9:1 unknown key '{key}'"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("123", 123),
        ('"123"', "123"),
        ("'123'", "123"),
        ("0123", "0123"),
        ("0", "0"),
        ("-5", "-5"),
        ("12.0", "12.0"),
        ("9" * 30, "9" * 30),
        ("Online shop", "Online shop"),
        ("' Online shop '", "Online shop"),
        ("2024 customers", "2024 customers"),
        ("'null'", "null"),
    ],
)
def test_an_id_is_a_number_without_quotes(tmp_path: Path, written: str, expected: int | str) -> None:
    found = cleverreach(load(tmp_path, VALID.replace("Online shop", written))).list
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        *[(word, True) for word in ("true", "yes", "on", "True", "'yes'")],
        *[(word, False) for word in ("false", "no", "off", "NO")],
    ],
)
def test_booleans(tmp_path: Path, written: str, expected: bool) -> None:
    assert cleverreach(load(tmp_path, VALID + f"  create_list: {written}\n")).create_list is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [("7", Limit(people=7)), ("7%", Limit(percent=7.0)), ("2.5 %", Limit(percent=2.5)), ("null", None), ("", None)],
)
def test_limits(tmp_path: Path, written: str, expected: Limit | None) -> None:
    assert load(tmp_path, VALID + f"limits:\n  max_created: {written}\n").limits.max_created == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [(90, 90), (0.5, 0.5), ("0", 0), ("90", 90), ("90s", 90), ("15m", 900), ("24h", 86400), ("2 d", 172800), ("1.5H", 5400)],
)  # fmt: skip
def test_durations(written: object, expected: float) -> None:
    assert TypeAdapter(Duration).validate_python(written) == expected


@pytest.mark.parametrize(
    "written", ["", "-1", "1w", "1h30m", "inf", "nan", "1e9", None, True, [], -1, float("inf"), "9" * 5000, "٣"]
)
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://Shop.example.com/", "https://shop.example.com"),
        ("https://shop.example.com/sub/", "https://shop.example.com/sub"),
        ("http://localhost:8787", "http://localhost:8787"),
        ("http://LOCALHOST", "http://localhost"),
        ("http://127.1.2.3:1/x", "http://127.1.2.3:1/x"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("HTTPS://shop.example.com", "https://shop.example.com"),
    ],
)
def test_addresses(written: str, expected: str) -> None:
    assert TypeAdapter(HttpUrl).validate_python(written) == expected


def test_activate_may_name_kinds_that_are_not_selected(tmp_path: Path) -> None:
    config = load(tmp_path, VALID + "activate: [contact, subscriber]\n")
    assert config.activate == (Kind.CONTACT, Kind.SUBSCRIBER)
    assert config.activated == {Kind.SUBSCRIBER}


def test_nobody_may_be_active(tmp_path: Path) -> None:
    assert load(tmp_path, VALID + "activate: []\n").activated == frozenset()


@pytest.mark.parametrize(
    "tags", ["[]", "[buyer, buyer]", "[buyers]", "buyer", "{buyer: true}", "", "[buyer, ]\ntags: []"]
)
def test_tags_are_distinct_kinds(tmp_path: Path, tags: str) -> None:
    assert lines(tmp_path, VALID.replace("[subscriber, buyer]", tags))


def test_tags_keep_any_order(tmp_path: Path) -> None:
    config = load(tmp_path, VALID.replace("[subscriber, buyer]", "[contact, subscriber]"))
    assert config.selected == {Kind.SUBSCRIBER, Kind.CONTACT}


def test_data_fields_of_ones_own(tmp_path: Path) -> None:
    text = "attributes: {map: {vip_level: extra.VIP 2, title: null, Kunden Nr: customer_number}}\n"
    found = load(tmp_path, VALID + text).attributes.map
    assert found == {"vip_level": "extra.VIP 2", "title": None, "Kunden Nr": "customer_number"}


def test_consent_has_the_options_of_the_file_source(tmp_path: Path) -> None:
    text = "consent: {path: news.csv, absent: no, delimiter: ';', dates: dmy, columns: {email: Mail}}\n"
    consent = load(tmp_path, VALID + text).consent
    assert consent is not None
    assert (consent.absent, consent.delimiter, consent.dates) == ("no", ";", "dmy")
    assert consent.columns == {"email": "Mail"}


def test_standard_input_is_read_once(tmp_path: Path) -> None:
    text = VALID.replace("path: customers.csv", "path: '-'")
    (problem,) = problems(tmp_path, text + "consent: {path: '-', absent: no}\n")
    assert "the source already reads standard input" in problem.message
    assert load(tmp_path, text + "consent: {path: news.csv, absent: no}\n").consent is not None
    assert load(tmp_path, VALID + "consent: {path: '-', absent: no}\n").consent is not None


def test_paths_count_from_the_folder_of_the_config(tmp_path: Path) -> None:
    config = load(tmp_path, VALID + "state_dir: state\n")
    assert config.path == tmp_path / "sync.yaml"
    assert (config.base, config.stem) == (tmp_path, "sync")
    assert config.state_path == tmp_path / "state" / "sync"


def test_home_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/merchant")
    assert load(tmp_path, VALID + "state_dir: ~/crsync\n").state_path == Path("/home/merchant/crsync/sync")


def test_a_config_does_not_change(tmp_path: Path) -> None:
    config: Config = load(tmp_path, VALID)
    with pytest.raises(ValidationError):
        config.state_dir = Path("x")
