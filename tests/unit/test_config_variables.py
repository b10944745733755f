"""Environment variables and secret files in a config."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cleverreach_sync.config.variables import fill
from tests.config_text import ENV, HEAD, TARGET, VALID, lines, load, problems
from tests.targets import cleverreach

FILLED = {
    "none": ("a $ b", "a $ b"),
    "one": ("${A}", "1"),
    "inside": ("x-${A}-${B}y", "x-1-two wordsy"),
    "dollar": ("$$", "$"),
    "escaped": ("$${A}", "${A}"),
    "price": ("5$ and $A", "5$ and $A"),
    "unneeded default": ("${A:-9}", "1"),
    "default": ("${X:-9}", "9"),
    "empty default": ("${X:-}", ""),
    "default for empty": ("${EMPTY:-9}", "9"),
    "empty": ("${EMPTY}", ""),
    "variable in default": ("${X:-${Y:-${A}}}!", "1!"),
    "dollar in default": ("${X:-a$$b}", "a$b"),
    "brace after": ("${X:-{a}}", "{a}"),
    "unneeded missing": ("${A:-${X}}", "1"),
    "value is not read again": ("${TRICK}", "${A} $$"),
}


@pytest.mark.parametrize(("text", "expected"), FILLED.values(), ids=FILLED)
def test_variables(text: str, expected: str) -> None:
    filled = fill(text, {"A": "1", "B": "two words", "EMPTY": "", "TRICK": "${A} $$"})
    assert (filled.text, filled.missing, filled.error) == (expected, (), None)


MALFORMED = {
    "never closed": ("${A", "after '${A' either '}' or ':-default}' is expected"),
    "default never closed": ("${A:-x", "a '${' is never closed with '}'"),
    "no name": ("${}", "after '${' the name of a variable is expected"),
    "digit": ("${1A}", "after '${' the name of a variable is expected"),
    "space": ("${A B}", "after '${A' either '}' or ':-default}' is expected"),
    "other operator": ("${A:?x}", "after '${A' either '}' or ':-default}' is expected"),
    "deep": ("${A:-" * 20 + "}" * 20, "variables are nested too deeply"),
}


@pytest.mark.parametrize(("text", "expected"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_variables(tmp_path: Path, text: str, expected: str) -> None:
    (found,) = lines(tmp_path, VALID + f"state_dir: '{text}'\n")
    assert found.startswith(f"9:12 {expected}")


def test_a_missing_variable_is_a_problem_at_its_place(tmp_path: Path) -> None:
    found = problems(tmp_path, VALID, {})
    assert [(p.where, p.message) for p in found] == [
        ("6:14", "the environment variable CLEVERREACH_CLIENT_ID is not set"),
        ("7:18", "the environment variable CLEVERREACH_CLIENT_SECRET is not set"),
    ]
    assert "${CLEVERREACH_CLIENT_ID:-default}" in str(found[0].hint)


def test_an_empty_variable_is_named(tmp_path: Path) -> None:
    assert lines(tmp_path, VALID, {**ENV, "CLEVERREACH_CLIENT_ID": ""}) == [
        "6:14 target.client_id: is empty: so is the environment variable CLEVERREACH_CLIENT_ID"
    ]


def test_variables_work_where_numbers_and_words_are_meant(tmp_path: Path) -> None:
    env = {**ENV, "SIZE": "100", "CREATE": "yes", "KIND": "contact", "LIMIT": "7%", "LIST": "123"}
    text = VALID.replace("list: Online shop", "list: ${LIST}").replace("subscriber", '"${KIND}"')
    text += "  batch_size: ${SIZE}\n  create_list: ${CREATE}\nlimits: {max_created: '${LIMIT}'}\n"
    config = load(tmp_path, text, env)
    assert cleverreach(config).batch_size == 100
    assert cleverreach(config).create_list is True
    assert config.tags == ("contact", "buyer")
    assert config.limits.max_created is not None
    assert config.limits.max_created.percent == 7.0
    assert cleverreach(config).list == 123


@pytest.mark.parametrize("line", ["exclude: [a, ${A}]", "limits: {max_created: ${A}}", "exclude: [${A}]"])
def test_a_variable_in_brackets_needs_quotes(tmp_path: Path, line: str) -> None:
    (found,) = lines(tmp_path, f"{VALID}{line}\n")
    assert found.startswith("9:")
    assert "inside [ ] and { } a variable needs quotes" in found


def test_a_list_in_quotes_stays_a_name(tmp_path: Path) -> None:
    text = VALID.replace("Online shop", '"${LIST}"')
    assert cleverreach(load(tmp_path, text, {**ENV, "LIST": "123"})).list == "123"


@pytest.mark.parametrize(
    "line",
    ["  batch_size: ${V}", "  create_list: ${V}", "  unsubscribed_in: ${V}", "  base_url: ${V}", "  timeout: ${V}"],
)
def test_what_a_variable_holds_is_never_shown(tmp_path: Path, line: str) -> None:
    (found,) = problems(tmp_path, VALID + line + "\n", {**ENV, "V": "hunter2hunter2"})
    assert found.where.startswith("9:")
    assert "hunter2" not in found.message + str(found.hint)


def test_a_secret_in_the_file_is_never_shown(tmp_path: Path) -> None:
    text = VALID.replace("${CLEVERREACH_CLIENT_SECRET}", "[hunter2]") + "source2: {}\n"
    assert not any("hunter2" in line for line in lines(tmp_path, text))


def test_secrets_lists_every_secret(tmp_path: Path) -> None:
    config = load(tmp_path, VALID)
    assert set(config.secrets()) == set(ENV.values())
    assert not any(secret in repr(config) + str(config) for secret in config.secrets())


FROM_FILE = HEAD + TARGET.replace("client_secret: ${CLEVERREACH_CLIENT_SECRET}", "client_secret_file: secret.txt")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"s3cret", "s3cret"),
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b"s3cret\n\n", "s3cret"),
        (b" s3${cret ", " s3${cret "),
        ("\ufeffgehe\u00efm".encode(), "gehe\u00efm"),
    ],
)
def test_a_secret_from_a_file_loses_the_line_end(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "secret.txt").write_bytes(content)
    config = load(tmp_path, FROM_FILE)
    assert cleverreach(config).client_secret.get_secret_value() == expected
    assert expected in config.secrets()


def test_the_path_of_a_secret_may_hold_a_variable(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("s3cret")
    text = FROM_FILE.replace("secret.txt", "${DIR}/secret.txt")
    config = load(tmp_path, text, {**ENV, "DIR": str(tmp_path)})
    assert cleverreach(config).client_secret.get_secret_value() == "s3cret"


BAD_SECRETS = {
    "missing": ("secret.txt", None, "the file cannot be read: No such file"),
    "folder": (".", None, "the file cannot be read: Is a directory"),
    "empty": ("secret.txt", b"", "the file is empty"),
    "newline": ("secret.txt", b"\n", "the file is empty"),
    "not text": ("secret.txt", b"\xff\xfe", "the file is not UTF-8 text"),
    "huge": ("secret.txt", b"x" * 70_000, "the file is too large"),
    "nothing": ("", None, "expected the path of a file"),
    "list": ("[a]", None, "expected the path of a file"),
    "nul": ('"a\\0b"', None, "the file"),
}


@pytest.mark.parametrize(("written", "content", "expected"), BAD_SECRETS.values(), ids=BAD_SECRETS)
def test_a_bad_secret_file_is_one_problem(tmp_path: Path, written: str, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / "secret.txt").write_bytes(content)
    (found,) = lines(tmp_path, FROM_FILE.replace("secret.txt", written))
    assert f"client_secret_file: {expected}" in found


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_secret_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("s3cret")
    (tmp_path / "secret.txt").chmod(0)
    (found,) = lines(tmp_path, FROM_FILE)
    assert "Permission denied" in found


def test_a_secret_is_given_once(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("s3cret")
    assert lines(tmp_path, VALID + "  client_secret_file: secret.txt\n") == [
        "9:3 give either 'client_secret' or 'client_secret_file', not both"
    ]


def test_what_is_no_secret_has_no_file(tmp_path: Path) -> None:
    (found,) = lines(tmp_path, VALID + "  list_file: list.txt\n")
    assert found == "9:3 target: unknown key 'list_file'"


@pytest.mark.parametrize("behind", ["\n", "\r\n", "\n\n"])
def test_a_line_end_behind_a_secret_is_no_part_of_it(tmp_path: Path, behind: str) -> None:
    config = load(tmp_path, VALID, {**ENV, "CLEVERREACH_CLIENT_SECRET": f"se cret{behind}"})
    assert cleverreach(config).client_secret.get_secret_value() == "se cret"


@pytest.mark.parametrize("within", ["\n", "\r", "\x00", "\x1b", "\x7f"])
def test_a_control_character_in_a_secret_is_told_without_the_secret(tmp_path: Path, within: str) -> None:
    (found,) = problems(tmp_path, VALID, {**ENV, "CLEVERREACH_CLIENT_SECRET": f"secret{within}part"})
    assert found.where == "7:18"
    assert "line end or another control character" in found.message
    assert "secret" not in f"{found.message} {found.hint}"
