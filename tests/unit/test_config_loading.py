"""Problems of a config: where they are, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from cleverreach_sync.config.loading import load_config
from cleverreach_sync.errors import ConfigError, UsageError
from tests.config_text import ENV, HEAD, SOURCE, TARGET, VALID, lines, load, problems, told
from tests.targets import cleverreach


def test_a_small_config_loads(tmp_path: Path) -> None:
    config = load(tmp_path, VALID)
    assert config.source.type == "file"
    assert cleverreach(config).list == "Online shop"
    assert cleverreach(config).client_secret.get_secret_value() == "s3cret-0815"


def test_no_file_names_init(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(tmp_path / "sync.yaml", {})
    assert not isinstance(caught.value, ConfigError)
    assert caught.value.where == str(tmp_path / "sync.yaml")
    assert "crsync init" in str(caught.value.hint)


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a folder") as caught:
        load_config(tmp_path, {})
    assert f"{tmp_path}/*.yaml" in str(caught.value.hint)


def test_a_path_with_nul_is_no_config() -> None:
    with pytest.raises(UsageError, match="not valid"):
        load_config(Path("a\x00b"), {})


UNREADABLE = {
    "empty": (b"", "1:1 the file is empty"),
    "comment only": (b"# nothing\n", "1:1 the file is empty"),
    "list at the top": (b"- a\n", "1:1 expected keys and values at the top, such as 'version: 1'"),
    "text at the top": (b"\n  hello\n", "2:3 expected keys and values at the top, such as 'version: 1'"),
    "latin-1": ("version: 1\nsource: {name: Käse}\n".encode("latin-1"), "2:17 the file is not UTF-8 text"),
    "utf-16": ("version: 1\n".encode("utf-16"), "1:1 the file is not UTF-8 text"),
    "tab": (b"version: 1\nsource:\n\ttype: file\n", "3:1 not valid YAML: a tab or a special character"),
    "open quote": (b"version: 1\nname: 'x\n", "2:7 not valid YAML: a quote is opened and never closed"),
    "open bracket": (b"tags: [a, b\nversion: 1\n", "2:8 not valid YAML: a list in brackets is not closed"),
    "two colons": (b"version: 1\nname: a: b\n", "2:8 not valid YAML: a ':' where none is allowed"),
    "two documents": (b"version: 1\n---\nversion: 1\n", "2:1 the file has more than one document"),
    "deep": (b"version: " + b"[" * 100_000, "1:60 the values are nested too deeply"),
    "deep braces": (b"a: " + b"{b: " * 100_000, "the values are nested too deeply"),
    "brackets in an open quote": (b"a: 'b" + b"[" * 200_000, "1:4 not valid YAML: a quote is opened"),
    "brackets in quotes": (b"a: '" + b"[" * 99 + b"'\nb: \"" + b'\\"{' * 100_000, "2:4 not valid YAML: a quote is opened"),
    "deep blocks": (b"- " * 100_000, "1:103 the values are nested too deeply"),
    "nul": (b"version: 1\x00\n", "1:11 not valid YAML: a control character, which a config must not contain"),
    "many laughs": (
        b"a: &a [x, x, x, x, x, x, x, x, x]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (c, c, b", ".join([b"*%c" % (c - 1)] * 9)) for c in range(ord("b"), ord("k"))
        ),
        "the file has too many values; do its aliases (*name) multiply?",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_yaml_is_one_problem(tmp_path: Path, text: bytes, expected: str) -> None:
    (found,) = lines(tmp_path, text)
    assert told(found, expected), found


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + VALID.encode()).version == 1


STRICT = {
    "duplicate key": (VALID + "tags: [buyer]\n", "9:1 the key 'tags' is given twice (first in line 3)"),
    "duplicate below": (VALID + "  list: 3\n", "9:3 the key 'list' is given twice (first in line 8)"),
    "list as key": (VALID + "? [a]\n: b\n", "9:3 a key must be a word, not a list or mapping"),
    "empty key": (VALID + "'': b\n", "9:1 a key is empty"),
    "tag": (VALID + "exclude: !!python/object:os.system [x]\n", "9:10 tags (!name) are not supported"),
    "string tag": (VALID + "state_dir: !!str 1\n", "9:12 tags (!name) are not supported"),
    "merge key": (VALID + "limits: {<<: {max_created: 3}}\n", "9:10 merge keys (<<) are not supported; write the keys out"),
    "alias without anchor": (VALID + "exclude: [*example]\n", "9:11 there is no anchor"),
    "pattern without quotes": (VALID + "exclude: [*@example.com]\n", "9:12 not valid YAML: a text that starts with * or & needs quotes"),
    "pattern in a list": (VALID + "exclude:\n  - *@example.com\n", "10:6 not valid YAML: a text that starts with * or & needs quotes"),
    "alias of itself": (VALID + "exclude: &a [*a]\n", "9:14 the alias '*a' is used inside its own value"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), STRICT.values(), ids=STRICT)
def test_strict_yaml(tmp_path: Path, text: str, expected: str) -> None:
    (found,) = lines(tmp_path, text)
    assert told(found, expected), found


def test_an_alias_repeats_its_value(tmp_path: Path) -> None:
    config = load(tmp_path, VALID.replace("tags: ", "tags: &kinds ") + "activate: *kinds\n")
    assert config.activate == config.tags


WRONG = {
    "unknown key": ("tagret: {}\n", "9:1 unknown key 'tagret'", "did you mean 'target'?"),
    "unknown below": ("limits: {max_rejectd: 1}\n", "9:10 limits: unknown key 'max_rejectd'", "did you mean 'max_rejected'?"),
    "case": ("Limits: {}\n", "9:1 unknown key 'Limits'", "did you mean 'limits'?"),
    "unlike any": ("limits: {qqq: 1}\n", "9:10 limits: unknown key 'qqq'", "known here: max_rejected, max_deactivated"),
    "list for mapping": ("limits: [1]\n", "9:9 limits: expected keys and values below it, not a list", None),
    "text for mapping": ("limits: many\n", "9:9 limits: expected keys and values below it, not 'many'", None),
    "text for list": ("exclude: a@b.de\n", "9:10 exclude: expected a list, such as [first, second], not 'a@b.de'", None),
    "mapping for list": ("exclude: {a: b}\n", "9:10 exclude: expected a list, such as [first, second], not keys and values", None),
    "list for text": ("exclude: [[a]]\n", "9:11 exclude: expected a text, not a list", None),
    "no percentage": ("limits: {max_created: 101%}\n", "9:23 limits.max_created: expected a number of people", None),
    "fraction of people": ("limits: {max_created: 1.5}\n", "9:23 limits.max_created: expected a number of people", None),
    "no limit": ("limits: {max_rejected: null}\n", "9:24 limits.max_rejected: is empty; remove the line", None),
    "no duration": ("limits: {retry_for: 5 weeks}\n", "9:21 limits.retry_for: expected a number of seconds", None),
    "no boolean": ("limits: {keep_rejects: maybe}\n", "9:24 limits.keep_rejects: expected true or false, not 'maybe'", None),
    "no number": ("limits: {rejects_days: few}\n", "9:24 limits.rejects_days: expected a whole number, not 'few'", None),
    "huge number": (f"limits: {{rejects_days: {'9' * 5000}}}\n", "9:24 limits.rejects_days: ", None),
    "huge limit": (f"limits: {{max_created: {'9' * 5000}}}\n", "9:23 limits.max_created: expected a number of people", None),
    "too low": ("limits: {rejects_days: -1}\n", "9:24 limits.rejects_days: must be at least 0", None),
    "preset": ("attributes: {preset: shopp}\n", "9:22 attributes.preset: expected one of shop, plentymarkets, none, not 'shopp'", "did you mean 'shop'?"),
    "person field": ("attributes: {map: {a: frist_name}}\n", "9:23 attributes.map.a: there is no person field 'frist_name'", "did you mean 'first_name'?"),
    "extra without name": ("attributes: {map: {a: extra.}}\n", "9:23 attributes.map.a: there is no person field 'extra.'", "extra.<name>"),
    "data field": ("attributes: {map: {größe: city}}\n", "9:20 attributes.map.größe: the name of a data field may only contain", None),
    "data field twice": ("attributes: {map: {a b: city, A_B: zip}}\n", "9:19 attributes.map: two names mean the same data field", None),
    "kind": ("activate: [buyer, subscribers]\n", "9:19 activate: expected one of subscriber, buyer, contact, not 'subscribers'", "did you mean 'subscriber'?"),
    "kind twice": ("activate: [buyer, buyer]\n", "9:11 activate: one of the kinds is given twice", None),
    "blank pattern": ("exclude: ['  ']\n", "9:11 exclude: is empty", None),
    "no state folder": ("state_dir:\n", "9:1 state_dir: is empty; expected the path", None),
    "field of a column": ("consent: {path: a.csv, absent: no, columns: {frist_name: Vorname}}\n", "9:46 consent.columns.frist_name: there is no person field 'frist_name'", "did you mean 'first_name'?"),
    "consent": ("consent: {path: a.csv}\n", "9:1 consent: the key 'absent' is missing", None),
    "absent": ("consent: {path: a.csv, absent: maybe}\n", "9:32 consent.absent: expected one of no, unknown, not 'maybe'", None),
}  # fmt: skip


def test_a_time_zone_that_does_not_exist_is_called_one(tmp_path: Path) -> None:
    text = VALID.replace("type: file", "type: file, timezone: Europe/Berlinn")
    (found,) = problems(tmp_path, text)
    assert found.message == "source.timezone: there is no time zone 'Europe/Berlinn'"
    assert found.hint == "did you mean 'Europe/Berlin'?"


def test_a_list_of_wrong_words_is_not_called_empty_besides(tmp_path: Path) -> None:
    text = VALID.replace("tags: [subscriber, buyer]", "tags: [byer]")
    assert lines(tmp_path, text) == ["3:8 tags: expected one of subscriber, buyer, contact, not 'byer'"]
    assert lines(tmp_path, VALID.replace("tags: [subscriber, buyer]", "tags: []")) == ["3:7 tags: is empty"]


@pytest.mark.parametrize(("text", "expected", "hint"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_named_with_its_place(tmp_path: Path, text: str, expected: str, hint: str | None) -> None:
    (found,) = problems(tmp_path, VALID + text)
    assert f"{found.where} {found.message}".startswith(expected)
    assert (hint or "") in (found.hint or "")


TARGETS = {
    "other type": ("  type: mailchimp\n", "5:9 target.type: expected cleverreach, not 'mailchimp'"),
    "no list": ("  list:\n", "8:3 target.list: is empty"),
    "list of lists": ("  list: [1, 2]\n", "8:9 target.list: expected the ID or the name of a recipient list"),
    "blank list": ("  list: ' '\n", "8:9 target.list: is empty"),
    "batch": ("  batch_size: 1001\n", "9:15 target.batch_size: must be at most 1000"),
    "no batch": ("  batch_size: 0\n", "9:15 target.batch_size: must be at least 1"),
    "concurrency": ("  concurrency: 9\n", "9:16 target.concurrency: must be at most 8"),
    "timeout": ("  timeout: 0\n", "9:12 target.timeout: must be more than 0"),
    "where": ("  unsubscribed_in: lists\n", "9:20 target.unsubscribed_in: expected one of account, list, not 'lists'"),
    "plain http": ("  base_url: http://rest.cleverreach.com\n", "9:13 target.base_url: http:// would send customers' data unencrypted"),
    "http that looks local": ("  base_url: http://localhost.example.com\n", "9:13 target.base_url: http:// would"),
    "http, number": ("  base_url: http://128.0.0.1\n", "9:13 target.base_url: http:// would"),
    "user": ("  base_url: https://me:pass@example.com\n", "9:13 target.base_url: an address must not contain a user name"),
    "user, local": ("  base_url: http://127.0.0.1:1@example.com\n", "9:13 target.base_url: an address must not contain a user name"),
    "backslash": ("  base_url: http://localhost\\@example.com\n", "9:13 target.base_url: an address must not contain spaces"),
    "no host": ("  base_url: https://\n", "9:13 target.base_url: expected a web address"),
    "no scheme": ("  base_url: rest.cleverreach.com\n", "9:13 target.base_url: expected a web address"),
    "port": ("  base_url: https://example.com:port\n", "9:13 target.base_url: this is not a web address"),
    "ip": ("  base_url: https://[::1\n", "9:13 target.base_url: this is not a web address"),
    "query": ("  base_url: https://example.com/?a=b\n", "9:13 target.base_url: an address must not contain '?'"),
    "ftp": ("  base_url: ftp://example.com\n", "9:13 target.base_url: expected a web address"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), TARGETS.values(), ids=TARGETS)
def test_a_wrong_target_is_named_with_its_place(tmp_path: Path, line: str, expected: str) -> None:
    key = line.partition(":")[0]
    kept = [each for each in TARGET.splitlines(keepends=True) if not each.startswith(f"{key}:")]
    place = next((i for i, each in enumerate(TARGET.splitlines()) if each.startswith(f"{key}:")), len(kept))
    kept.insert(place, line)
    (found,) = lines(tmp_path, HEAD + "".join(kept))
    assert found.startswith(expected)


SOURCES = {
    "missing type": ("source: {path: a.csv}\n", "2:1 source: the key 'type' is missing"),
    "unknown type": ("source: {type: fiel, path: a.csv}\n", "2:16 source.type: unknown type of source 'fiel'; known: file"),
    "no type": ("source: {type: , path: a.csv}\n", "2:10 source.type: unknown type of source; known: file"),
    "list type": ("source: {type: [file]}\n", "2:16 source.type: unknown type of source; known: file"),
    "a word": ("source: file\n", "2:9 source: expected keys and values below it, not 'file'"),
    "nothing": ("source:\n", "2:1 source: is empty"),
    "unknown key": ("source: {type: file, path: a.csv, colums: {}}\n", "2:35 source: unknown key 'colums'"),
    "missing key": ("source: {type: file}\n", "2:1 source: the key 'path' is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SOURCES.values(), ids=SOURCES)
def test_a_wrong_source_is_named_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    (found,) = lines(tmp_path, VALID.replace(SOURCE, text))
    assert found.startswith(expected)


def test_the_type_of_a_source_may_be_misspelt(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, VALID.replace(SOURCE, "source: {typ: file, path: a.csv}\n"))
    assert (found.message, found.hint) == (
        "source: the key 'type' is missing",
        "did you mean 'type' instead of 'typ'?",
    )


VERSIONS = {"2": "2:1", "1.0": "2:1", "true": "2:1", "": "1:1", "[1]": "2:1"}


@pytest.mark.parametrize("version", VERSIONS)
def test_other_versions_are_refused(tmp_path: Path, version: str) -> None:
    (found,) = lines(tmp_path, VALID.replace("version: 1", f"version: {version}"))
    assert "version: " in found
    assert "this version of crsync only reads version 1 of the config" in found


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
tags: [subscribr, buyer]
tags: [buyer]
source:
  type: file
  path: ${NOWHERE}
  complete: perhaps
target:
  type: cleverreach
  client_id_file: missing.txt
  lsit: 3
limits: [1]
"""
    assert lines(tmp_path, text) == [
        "1:1 the key 'version' is missing",
        "1:8 tags: expected one of subscriber, buyer, contact, not 'subscribr'",
        "2:1 the key 'tags' is given twice (first in line 1)",
        "5:9 the environment variable NOWHERE is not set",
        "6:13 source.complete: expected true or false, not 'perhaps'",
        "7:1 target: the key 'client_secret' is missing (or 'client_secret_file')",
        "7:1 target: the key 'list' is missing",
        "9:19 client_id_file: the file cannot be read: No such file or directory",
        "10:3 target: unknown key 'lsit'",
        "11:9 limits: expected keys and values below it, not a list",
    ]


def test_the_error_itself_shows_the_first_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, VALID + "limit: 1\nstate_dirs: x\n", ENV)
    assert caught.value.message == "unknown key 'limit' (and 1 more)"
    assert caught.value.where == f"{tmp_path / 'sync.yaml'}:9:1"
    assert caught.value.hint == "did you mean 'limits'?"


def test_control_characters_of_the_file_do_not_reach_the_terminal(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, VALID + '"a\\e[31mb\\nc": 1\n')
    assert found.message == "unknown key 'a?[31mb?c'"
