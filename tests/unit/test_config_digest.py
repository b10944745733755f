"""What changes the digest of a config, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from cleverreach_sync.config.digest import decision_digest
from tests.config_text import ENV, HEAD, TARGET, VALID, load

FULL = (
    HEAD.replace("path: customers.csv", "path: customers.csv, columns: {email: Mail, city: Ort}")
    + TARGET
    + """
attributes: {preset: shop, map: {a: city, b: zip}}
activate: [subscriber, buyer]
exclude: ["*@a.de", "*@b.de"]
consent: {path: news.csv, absent: no, values: {subscribed: {Ja: yes, Nein: no}}}
"""
)
SAME = {
    "order of kinds": ("[subscriber, buyer]\ntarget", "[buyer, subscriber]\ntarget"),
    "order of columns": ("{email: Mail, city: Ort}", "{city: Ort, email: Mail}"),
    "order of the map": ("{a: city, b: zip}", "{b: zip, a: city}"),
    "order of patterns": ('["*@a.de", "*@b.de"]', '["*@b.de", "*@a.de"]'),
    "pattern twice": ('["*@a.de", "*@b.de"]', '["*@a.de", "*@b.de", "*@a.de"]'),
    "order of options": ("path: news.csv, absent: no", "absent: 'no', path: news.csv"),
    "activate by default": ("activate: [subscriber, buyer]", ""),
    "defaults spelled out": ("preset: shop,", "preset: shop, scope: global, missing: refuse,"),
    "name by default": ("type: file,", "type: file, name: Shop,"),
    "limits": ("exclude:", "limits: {max_rejected: 1, retry_for: 9}\nexclude:"),
    "state": ("exclude:", "state_dir: elsewhere\nexclude:"),
    "speed": ("  list:", "  batch_size: 9\n  concurrency: 1\n  timeout: 9\n  list:"),
    "address": ("  list:", "  base_url: https://example.com\n  list:"),
    "list": ("Online shop", "Other"),
    "create": ("  list:", "  create_list: true\n  list:"),
    "comment": ("exclude:", "# a comment\nexclude:"),
}
OTHER = {
    "kind": ("tags: [subscriber, buyer]", "tags: [subscriber, buyer, contact]"),
    "fewer kinds": ("tags: [subscriber, buyer]", "tags: [subscriber]"),
    "activate": ("activate: [subscriber, buyer]", "activate: [subscriber]"),
    "nobody active": ("activate: [subscriber, buyer]", "activate: []"),
    "preset": ("preset: shop", "preset: none"),
    "scope": ("preset: shop", "scope: list"),
    "missing": ("preset: shop", "missing: ignore"),
    "map": ("a: city", "a: street"),
    "map, dropped": ("a: city", "a: null"),
    "exclude": ("*@b.de", "*@c.de"),
    "no consent": ("consent:", "#"),
    "consent": ("absent: no", "absent: unknown"),
    "consent file": ("news.csv", "other.csv"),
    "consent words": ("Nein: no", "Nein: opted_out"),
    "source name": ("type: file,", "type: file, name: Other,"),
    "source file": ("customers.csv", "others.csv"),
    "source columns": ("city: Ort", "city: Stadt"),
    "source dates": ("type: file,", "type: file, dates: dmy,"),
    "source complete": ("type: file,", "type: file, complete: yes,"),
    "unsubscribed": ("  list:", "  unsubscribed_in: list\n  list:"),
}


def digest(folder: Path, text: str, env: dict[str, str] = ENV) -> str:
    return decision_digest(load(folder, text, env))


@pytest.mark.parametrize(("old", "new"), SAME.values(), ids=SAME)
def test_the_digest_stays(tmp_path: Path, old: str, new: str) -> None:
    assert old in FULL
    assert digest(tmp_path, FULL.replace(old, new)) == digest(tmp_path, FULL)


@pytest.mark.parametrize(("old", "new"), OTHER.values(), ids=OTHER)
def test_the_digest_changes(tmp_path: Path, old: str, new: str) -> None:
    assert old in FULL
    assert digest(tmp_path, FULL.replace(old, new)) != digest(tmp_path, FULL)


def test_secrets_are_no_part_of_it(tmp_path: Path) -> None:
    other = {"CLEVERREACH_CLIENT_ID": "x", "CLEVERREACH_CLIENT_SECRET": "y"}
    assert digest(tmp_path, FULL, other) == digest(tmp_path, FULL)


def test_it_is_the_same_in_every_release(tmp_path: Path) -> None:
    # If this fails, every user's next run reads the whole shop again: make sure that is wanted.
    assert digest(tmp_path, VALID) == "7fc30cd161bd8db19a192823cbde1bef753acfd6685b444749fbd01add8bbb7a"
