"""Every query is valid by the schema of the API version that is asked for, and asks for nothing that is deprecated."""

from __future__ import annotations

from pathlib import Path

import graphql
import pytest

from cleverreach_sync.sources.shopify import queries
from cleverreach_sync.sources.shopify.queries import DOCUMENTS, EVERYBODY, PAGE, updated_since
from cleverreach_sync.sources.shopify.settings import TESTED_VERSION

FOLDER = Path(__file__).parents[1] / "schemas" / "shopify"
SCHEMA = graphql.build_schema((FOLDER / f"admin_{TESTED_VERSION}.pruned.graphql").read_text(), assume_valid=True)
RULES = (*graphql.specified_rules, graphql.NoDeprecatedCustomRule)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_fits_the_schema(name: str) -> None:
    found = graphql.validate(SCHEMA, graphql.parse(DOCUMENTS[name]), RULES)
    assert [error.message for error in found] == []


def test_no_document_is_left_out() -> None:
    texts = {value for name, value in vars(queries).items() if name.isupper() and isinstance(value, str)}
    assert {text for text in texts if "{" in text and not text.startswith("\n      id")} == set(DOCUMENTS.values())


def test_the_notice_of_the_schema_travels_with_it() -> None:
    assert "Copyright 2025-present, Shopify Inc." in (FOLDER / "LICENSE.txt").read_text()


@pytest.mark.parametrize("document", [PAGE, EVERYBODY])
@pytest.mark.parametrize("field", ["note", "marketingUnsubscribeUrl", "displayName"])
def test_what_is_not_needed_is_not_asked_for(document: str, field: str) -> None:
    assert field not in document


def test_a_moment_is_quoted_and_utc() -> None:
    assert updated_since("2026-08-10T09:00:00Z") == "updated_at:>='2026-08-10T09:00:00Z'"
