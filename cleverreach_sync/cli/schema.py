"""`crsync schema`."""

from __future__ import annotations

import json
import sys


def schema_text() -> str:
    """The JSON Schema of the config as it is printed, and as `init` writes it."""
    from cleverreach_sync.config.json_schema import json_schema

    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> None:
    """Print the JSON Schema of the config, for editors."""
    from cleverreach_sync.report.stream import write

    write(schema_text(), sys.stdout)
