"""Named transfers in one config: what is merged, what is refused, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cleverreach_sync.config.digest import decision_digest
from cleverreach_sync.config.json_schema import json_schema
from cleverreach_sync.config.loading import load_configs
from cleverreach_sync.config.schema import Config
from cleverreach_sync.domain.model import Kind
from tests.config_text import ENV, HEAD, TARGET, VALID, lines, load, problems
from tests.editor import as_editor
from tests.targets import cleverreach

TWO = """transfers:
  daily: {}
  retail:
    source: {name: Retail, columns: {city: Ort}}
    tags: [contact]
    target: {list: 17}
"""


def transfers(folder: Path, text: str) -> dict[str | None, Config]:
    path = folder / "sync.yaml"
    path.write_text(text, encoding="utf-8")
    return {config.transfer: config for config in load_configs(path, ENV)}


def test_each_is_the_config_with_some_values_replaced(tmp_path: Path) -> None:
    base = VALID.replace("path: customers.csv", "path: customers.csv, columns: {email: Mail}") + "exclude: ['*@a.de']\n"
    found = transfers(tmp_path, base + TWO + "limits: {max_created: 3}\n")
    assert list(found) == ["daily", "retail"]
    daily, retail = found["daily"], found["retail"]
    assert (cleverreach(daily).list, daily.source.tag_source, daily.selected) == (
        "Online shop", "Shop", frozenset({Kind.SUBSCRIBER, Kind.BUYER}),
    )  # fmt: skip
    assert (cleverreach(retail).list, retail.source.tag_source, retail.selected) == (
        17,
        "Retail",
        frozenset({Kind.CONTACT}),
    )
    assert retail.source.model_dump()["columns"] == {"email": "Mail", "city": "Ort"}
    assert retail.exclude == daily.exclude == ("*@a.de",)
    assert cleverreach(retail).client_id.get_secret_value() == ENV["CLEVERREACH_CLIENT_ID"]
    assert decision_digest(retail) != decision_digest(daily)


def test_each_has_a_state_of_its_own(tmp_path: Path) -> None:
    found = transfers(tmp_path, VALID + TWO + "state_dir: kept\n")
    assert [config.state_path for config in found.values()] == [
        tmp_path / "kept" / "sync" / "transfers" / name for name in ("daily", "retail")
    ]
    assert load(tmp_path, VALID).state_path == tmp_path / ".crsync" / "sync"


def test_lists_and_values_are_replaced_and_null_takes_away(tmp_path: Path) -> None:
    base = VALID + "exclude: [a@b.de, c@d.de]\nlimits: {max_created: 3, rejects_days: 5}\n"
    base += "consent: {path: a.csv, absent: no}\nattributes: {map: {a: city, b: street}}\n"
    over = (
        "transfers: {x: {exclude: [e@f.de], limits: {max_created: null}, consent: null, attributes: {map: {a: zip}}}}\n"
    )
    config = transfers(tmp_path, base + over)["x"]
    assert config.exclude == ("e@f.de",)
    assert (config.limits.max_created, config.limits.rejects_days) == (None, 5)
    assert config.consent is None
    assert config.attributes.map == {"a": "zip", "b": "street"}


def test_another_type_of_source_takes_no_keys_over(tmp_path: Path) -> None:
    shop = "{type: shopify, shop: a.myshopify.com, access_token: x}"
    found = transfers(tmp_path, VALID + f"transfers: {{a: {{}}, b: {{source: {shop}}}}}\n")
    assert [config.source.type for config in found.values()] == ["file", "shopify"]


@pytest.mark.parametrize("base", ["client_secret: base", "client_secret_file: base.txt"])
@pytest.mark.parametrize("own", ["client_secret: own", "client_secret_file: own.txt"])
def test_a_secret_may_be_replaced_by_a_file_and_the_other_way_round(tmp_path: Path, base: str, own: str) -> None:
    for name in ("base", "own"):
        (tmp_path / f"{name}.txt").write_text(f"{name}\n")
    text = VALID.replace("client_secret: ${CLEVERREACH_CLIENT_SECRET}", base)
    found = transfers(tmp_path, text + f"transfers: {{a: {{}}, b: {{target: {{{own}}}}}}}\n")
    assert [cleverreach(config).client_secret.get_secret_value() for config in found.values()] == ["base", "own"]


def test_a_variable_that_every_transfer_replaces_is_not_needed(tmp_path: Path) -> None:
    text = VALID.replace("list: Online shop", "list: ${NOWHERE}") + "transfers: {a: {target: {list: A}}}\n"
    assert cleverreach(transfers(tmp_path, text)["a"]).list == "A"


def test_what_every_transfer_completes_is_complete(tmp_path: Path) -> None:
    text = HEAD + TARGET.replace("  list: Online shop\n", "")
    both = "transfers:\n  a: {target: {list: A}}\n  b: {target: {list: B}}\n"
    assert [cleverreach(config).list for config in transfers(tmp_path, text + both).values()] == ["A", "B"]
    assert lines(tmp_path, text + "transfers:\n  a: {target: {list: A}}\n  b: {}\n") == [
        "4:1 target: the key 'list' is missing (transfer b)"
    ]
    assert lines(tmp_path, text + "transfers:\n  a: {}\n  b: {}\n") == ["4:1 target: the key 'list' is missing"]


WRONG = {
    "none": ("transfers: {}\n", ["9:1 transfers: there is none"]),
    "nothing": ("transfers:\n", ["9:1 transfers: there is none"]),
    "a list": ("transfers: [a]\n", ["9:12 transfers: expected names with the keys that are different below each"]),
    "not keys": ("transfers: {a: daily}\n", ["9:16 transfers.a: expected keys and values below it"]),
    "version": ("transfers: {a: {version: 1}}\n", ["9:17 transfers.a: 'version' belongs to the whole config, a transfer cannot have its own"]),
    "state": ("transfers: {a: {state_dir: x}}\n", ["9:17 transfers.a: 'state_dir' belongs to the whole config, a transfer cannot have its own"]),
    "nested": ("transfers: {a: {transfers: {}}}\n", ["9:17 transfers.a: 'transfers' belongs to the whole config, a transfer cannot have its own"]),
    "case": ("transfers: {Daily: {}, daily: {}}\n", ["9:24 transfers: the names 'Daily' and 'daily' differ in case only"]),
    "twice": ("transfers: {a: {}, a: {}}\n", ["9:20 the key 'a' is given twice (first in line 9)"]),
    "in an override": ("transfers:\n  a: {limits: {rejects_days: few}}\n", ["10:30 transfers.a.limits.rejects_days: expected a whole number, not 'few'"]),
    "unknown": ("transfers:\n  a: {tagz: []}\n", ["10:7 transfers.a: unknown key 'tagz'"]),
    "unknown below": ("transfers:\n  a: {source: {pfad: x}}\n", ["10:16 transfers.a.source: unknown key 'pfad'"]),
    "variable": ("transfers:\n  a: {target: {list: '${NOWHERE}'}}\n", ["10:22 the environment variable NOWHERE is not set"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_problems_stand_where_they_are(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert lines(tmp_path, VALID + text) == expected


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "a b", "täglich", "x" * 65, "-c", "a\n"])
def test_a_name_is_a_safe_folder(tmp_path: Path, name: str) -> None:
    import json

    (found,) = lines(tmp_path, VALID + f"transfers: {{{json.dumps(name)}: {{}}}}\n")
    assert "the name of a transfer may only contain" in found


def test_all_problems_of_all_transfers_are_told_once(tmp_path: Path) -> None:
    text = (VALID + "limits: {max_created: many}\nexclud: []\n").replace("list: Online shop", "list: ''") + (
        "transfers:\n  a: {limits: {retry_for: soon}}\n  b: {limits: {max_created: 3}, target: {list: B}}\n  c: {tags: []}\n"
    )
    assert lines(tmp_path, text) == [
        "8:9 target.list: is empty; expected the ID or the name of a recipient list (transfers a, c)",
        "9:23 limits.max_created: expected a number of people such as 20, or a percentage from 0% to 100%, not 'many' (transfers a, c)",
        "10:1 unknown key 'exclud'",
        "12:27 transfers.a.limits.retry_for: expected a number of seconds, or a time such as 90s, 15m, 24h or 2d, not 'soon'",
        "14:13 transfers.c.tags: is empty",
    ]


def test_values_that_would_multiply_are_refused(tmp_path: Path) -> None:
    many = ", ".join(f"a{number}" for number in range(20_000))
    names = ", ".join(f"t{number}: {{}}" for number in range(100))
    (found,) = lines(tmp_path, VALID + f"exclude: [{many}]\ntransfers: {{{names}}}\n")
    assert found == "10:1 transfers: the file has too many values for 100 of them"
    (found,) = lines(tmp_path, VALID + f"transfers: {{{names}, t: {{}}}}\n")
    assert found == "9:1 transfers: there may be at most 100, these are 101"


def test_near_misses(tmp_path: Path) -> None:
    assert problems(tmp_path, VALID + "transfer: {a: {}}\n")[0].hint == "did you mean 'transfers'?"
    hint = problems(tmp_path, VALID + "transfers: {a: {qqq: 1}}\n")[0].hint
    assert hint is not None
    assert "tags" in hint
    assert "state_dir" not in hint


def test_a_secret_in_an_override_is_never_shown(tmp_path: Path) -> None:
    found = problems(tmp_path, VALID + "transfers: {a: {target: {client_secret: [hunter2]}}}\n")
    assert found
    assert not any("hunter2" in f"{problem.message} {problem.hint}" for problem in found)


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(json_schema())


EDITED = {
    "two": (VALID + TWO, True),
    "nothing of its own": (VALID + "transfers:\n  a:\n", True),
    "completed": (VALID.replace("  list: Online shop\n", "") + "transfers: {a: {target: {list: A}}}\n", True),
    "no target": (HEAD + "transfers: {a: {target: {type: cleverreach, client_id: a, client_secret: b, list: c}}}\n", True),
    "secret file": (VALID + "transfers: {a: {target: {client_secret_file: b}}}\n", True),
    "both secrets": (VALID + "transfers: {a: {target: {client_secret: a, client_secret_file: b}}}\n", False),
    "no transfers": (VALID.replace("  list: Online shop\n", ""), False),
    "name": (VALID + "transfers: {a b: {}}\n", False),
    "version": (VALID + "transfers: {a: {version: 1}}\n", False),
    "state": (VALID + "transfers: {a: {state_dir: x}}\n", False),
    "unknown": (VALID + "transfers: {a: {target: {lists: x}}}\n", False),
    "source": (VALID + "transfers: {a: {source: {colums: {}}}}\n", False),
    "word": (VALID + "transfers: {a: {attributes: {preset: shopp}}}\n", False),
}  # fmt: skip


@pytest.mark.parametrize(("text", "fits"), EDITED.values(), ids=EDITED)
def test_editors_know_transfers(validator: Draft202012Validator, text: str, fits: bool) -> None:
    assert validator.is_valid(as_editor(text)) is fits
