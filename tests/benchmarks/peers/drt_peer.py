"""drt: a `rest_api` profile that follows the Link headers, and a sync into a `rest_api` destination in batches.

Its settings are YAML, so there is no code of it here: `place` writes a project, `drt run` is the run. `--threads` is for
several syncs at once; within one sync drt reads and writes one request after another. A batch of many requests keeps their
connection open; with `batch_size: 250` each request would get a client of its own, at twice the CPU time, but 66 MB.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from tests.benchmarks.peers.items import BATCH, BILLING, CUSTOMERS, QUERY, TAG, UPSERT

ENVIRONMENT: Final = {"WOO_KEY": "ck_0", "WOO_SECRET": "cs_0", "LIST_TOKEN": "t"}
COMMAND: Final = ("drt", "run", "--output", "json")
_PROJECT: Final = 'name: shop\nversion: "0.1"\nprofile: shop\n'
_PROFILE: Final = """shop:
  type: rest_api
  url: "{url}"
  auth: {{type: basic, username_env: WOO_KEY, password_env: WOO_SECRET}}
  pagination: {{type: link_header, max_pages: 1000000}}
"""
_SYNC: Final = """name: recipients
model: ref('customers')
destination:
  type: rest_api
  url: "{url}"
  headers: {{Content-Type: application/json}}
  auth: {{type: bearer, token_env: LIST_TOKEN}}
  body_mode: batch
  max_records_per_request: {batch}
  batch_template: >-
    [{{% for row in rows %}}{{{{ {item} | tojson_safe }}}}{{{{ "," if not loop.last }}}}{{% endfor %}}]
sync:
  batch_size: 5000
  rate_limit: {{requests_per_second: 0}}
"""


def place(folder: Path, shop: str, target: str) -> None:
    """Writes the project into the current folder of the run, and the profile into its home."""
    values = {"firstname": "row.first_name", "lastname": "row.last_name"}
    values |= {name: f"row.billing.{there}" for name, there in BILLING.items()}
    values["customernumber"] = "row.id | string"
    attributes = ", ".join(f'"{name}": {value}' for name, value in values.items())
    item = f'{{"email": row.email | lower, "tags": ["{TAG}"], "global_attributes": {{{attributes}}}}}'
    (folder / "syncs").mkdir()
    (folder / ".drt").mkdir()
    (folder / "drt_project.yml").write_text(_PROJECT, encoding="utf-8")
    (folder / ".drt" / "profiles.yml").write_text(
        _PROFILE.format(url=f"{shop}{CUSTOMERS}?{urlencode(QUERY)}"), encoding="utf-8"
    )
    (folder / "syncs" / "recipients.yml").write_text(
        _SYNC.format(url=target + UPSERT, batch=BATCH, item=item), encoding="utf-8"
    )
