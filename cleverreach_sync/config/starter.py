"""The config that `crsync init` writes: every choice a merchant has to make, explained beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from cleverreach_sync.domain.model import Kind
from cleverreach_sync.messages import say
from cleverreach_sync.settings.types import Question
from cleverreach_sync.sources.registry import settings_class
from cleverreach_sync.targets import registry as targets

# For the systems that have none of their own yet.
_SOURCES: Final[Mapping[str, tuple[str, tuple[Question, ...]]]] = {
    "file": (
        """\
# Where your customers come from: an export of your shop, CSV or JSON Lines (.csv, .jsonl, each also .gz).
# A pattern such as exports/customers-*.csv takes the last file by name.
type: file
path: {path}
# The name of your shop as it appears in the tags: Shop-Special.Buyer
name: Shop
# Which heading of your file is which field; without this the headings are the names of the fields.
# columns:
#   email: E-Mail
#   first_name: Vorname
#   subscribed: Newsletter
""",
        (Question("path", say("init.which_file", "Which file contains your customers?"), "customers.csv"),),
    ),
}
TAGS: Final = Question(
    "tags", say("init.which_tags", "Who is transferred (subscriber, buyer, contact)?"), "subscriber, buyer"
)
TARGET: Final = targets.TARGET_TYPES[0]
_HEAD: Final = """\
# yaml-language-server: $schema=crsync.schema.json
# What crsync transfers, and where to. All keys: crsync schema
#
# Your access is not in this file. Set it in the environment before you run crsync:
{exports}
# {access}
# Then: crsync attrs create, crsync check, crsync diff, crsync sync
version: 1

source:
"""
_REST: Final = """\

# Who is transferred. Everybody gets the tag of what they are.
#   subscriber   agreed to your newsletter
#   buyer        ordered at least once, guests included
#   contact      everybody else
tags: [{tags}]

target:
{target}

# Who gets mailings. As it stands, everybody who is transferred is created active. With the line below only people of
# the kinds it names are; all others are created inactive. Only you can know whether you may write to buyers who
# did not subscribe. Nobody who unsubscribed, bounced or is on your blacklist is ever made active again.
# activate: [subscriber]

# Addresses that are never transferred: * is any text, ? one character.
exclude:
  - "*@marketplace.amazon.de"
  - "*@members.ebay.com"

# A run that would deactivate or activate more recipients than this is refused before it writes anything; with more
# people invalid or rejected it counts as failed. A number of people, or a percentage. These are the defaults, but 20
# people are always allowed; without a number, new people are not limited.
# limits:
#   max_rejected: 5%
#   max_deactivated: 10%
#   max_activated: 10%
#   max_created: null
"""
_VARIABLE: Final = re.compile(r"^ +\w+: \$\{(\w+)\}$", re.MULTILINE)
_SIMPLE: Final = re.compile(r"[A-Za-z_./][A-Za-z0-9_./ -]*[A-Za-z0-9_./*]|[1-9][0-9]{0,17}")


def questions(source_type: str) -> tuple[Question, ...]:
    """What `crsync init` asks, in its order. Raises KeyError for a type that there is not."""
    own = settings_class(source_type)
    of_source = own.questions or _SOURCES.get(source_type, ("", ()))[1]
    return (*of_source, *targets.settings_class(TARGET).questions, TAGS)


def starter_config(source_type: str, answers: Mapping[str, str]) -> str:
    """The text of a config to start with; an answer that is missing or blank is the question's default.

    Raises KeyError for a type that there is not, ValueError for an answer that means nothing, with a message for the
    user.
    """
    asked = questions(source_type)
    given = {question.key: answers.get(question.key, "").strip() or question.default for question in asked}
    tags = _kinds(given["tags"])
    lines = settings_class(source_type).starter or _SOURCES.get(source_type, (f"type: {source_type}\n", ()))[0]
    written = {key: _spelled(answer) for key, answer in given.items()}
    target = targets.settings_class(TARGET)
    if "create_list" in given:
        written["create_list"] = "true" if _truth(given["create_list"]) else "false"
    rest = _REST.format(tags=", ".join(tags), target=_indented(_put(target.starter, written)).rstrip("\n"))
    body = f"{_indented(_put(lines, written))}{rest}{settings_class(source_type).further}"
    exports = "\n".join(f"#   export {name}=..." for name in variables(body))
    return _HEAD.format(exports=exports, access=target.where_access_is) + body


def how_to_get_access() -> str:
    """What somebody has to do for credentials of the e-mail system, in the imperative."""
    return targets.settings_class(TARGET).how_to_get_access


def _indented(lines: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in lines.rstrip("\n").split("\n"))


def variables(text: str) -> list[str]:
    """The environment variables that a config to start with needs, in the order of the text."""
    return list(dict.fromkeys(_VARIABLE.findall(text)))


def _put(lines: str, answers: Mapping[str, str]) -> str:
    for key, answer in answers.items():
        lines = lines.replace(f"{{{key}}}", answer)
    return lines


def _kinds(answer: str) -> tuple[Kind, ...]:
    words = [word.removesuffix("s") for word in re.split(r"[\s,\[\]]+", answer.lower()) if word]
    unknown = [word for word in words if word not in tuple(Kind)]
    if unknown or not words:
        raise ValueError(say("config.expected_some", "expected one or more of {choices}", choices=", ".join(Kind)))
    return tuple(kind for kind in Kind if kind in words)


def _truth(answer: str) -> bool:
    word = answer.lower()
    if word in ("yes", "y", "true", "on", "1", "no", "n", "false", "off", "0"):
        return word in ("yes", "y", "true", "on", "1")
    raise ValueError(say("config.expected_yes_or_no", "expected yes or no"))


def _spelled(answer: str) -> str:
    """An answer as YAML: bare if that is the same text, else in quotes; a dollar sign starts no variable."""
    text = "".join(character for character in answer if character.isprintable()).replace("$", "$$")
    return text if _SIMPLE.fullmatch(text) and text != "null" else json.dumps(text, ensure_ascii=False)
