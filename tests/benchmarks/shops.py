"""`python -m tests.benchmarks shops`: from a shop of every system, into a new list."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.benchmarks.runs import Measured, Server, measure, server
from tests.benchmarks.server import LIST_NAME

_GUESTS: Final = 4  # so many customers to one guest order
_CONFIG: Final = f"""version: 1
source: {{source}}
tags: [subscriber, buyer, contact]
target:
  type: cleverreach
  client_id: id
  client_secret: secret
  list: {LIST_NAME}
  create_list: true
  base_url: http://127.0.0.1:{{port}}
"""
_TITLES: Final = (
    f"{'ms':>3} {'shop':<12} {'run':<6} {'people':>7} {'rows':>7} {'people/s':>8} {'read/s':>8} {'wall s':>7} {'cpu s':>6} "
    f"{'peak MB':>7} {'shop':>5} {'list':>5}"
)


class System(NamedTuple):
    """A shop system: the module of its light server, and the `source:` section with `{url}`."""

    module: str
    source: str


SYSTEMS: Final = {
    "woocommerce": System(
        "tests.benchmarks.shop_server",
        '{{type: woocommerce, url: "{url}", consumer_key: ck_0, consumer_secret: cs_0,'
        " subscribed_by: meta:newsletter_optin}}",
    ),
    "shopify": System(
        "tests.benchmarks.shopify_server",
        '{{type: shopify, shop: bench.myshopify.com, url: "{url}", client_id: id-0, client_secret: shpss-0}}',
    ),
    "shopware6": System(
        "tests.benchmarks.shopware_server",
        '{{type: shopware6, url: "{url}", client_id: SWIA0, client_secret: sw-0}}',
    ),
    "shopware5": System(
        "tests.benchmarks.shopware5_server",
        '{{type: shopware5, url: "{url}", username: crsync, api_key: sw5-0, addresses: false}}',
    ),
    "magento2": System(
        "tests.benchmarks.magento_server",
        '{{type: magento2, url: "{url}", consumer_key: ck-0, consumer_secret: cs-0, access_token: at-0,'
        " access_token_secret: as-0}}",
    ),
    "plentymarkets": System(
        "tests.benchmarks.plenty_server",
        '{{type: plentymarkets, url: "{url}", username: crsync, password: plenty-0, first_run_days: 9999}}',
    ),
    "salesforce": System(
        "tests.benchmarks.salesforce_server",
        '{{type: salesforce, url: "{url}", client_id: sf-0, client_secret: sf-1,'
        ' subscribed_when: "Newsletter__c = true", objects: [Contact]}}',
    ),
}


class Both(NamedTuple):
    """The first run, and one without a change."""

    first: Measured
    second: Measured


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks shops", description=__doc__)
    options.add_argument("--people", type=int, default=20_000, metavar="N", help="customers of the shop")
    options.add_argument("--delays", type=int, nargs="+", default=[0, 20], metavar="MS", help="per request")
    options.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    options.add_argument("--repeat", type=int, default=3, metavar="N", help="the quickest of N runs counts")
    options.add_argument("--json", action="store_true", help="the figures as JSON")
    return options.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    given = _arguments(arguments)
    if not given.json:
        print(_TITLES)
    found = []
    with server(None) as light, tempfile.TemporaryDirectory() as folder:
        for name in given.systems:
            with _shop(SYSTEMS[name], given.people) as port:
                for delay in given.delays:
                    both = _quickest(Path(folder) / "run", light, SYSTEMS[name], port, delay / 1000, given.repeat)
                    for run, measured in both._asdict().items():
                        found.append({"system": name, "delay_ms": delay, "run": run, **measured.result()})
                        if not given.json:
                            _print(name, delay, run, measured)
    if given.json:
        json.dump(found, sys.stdout, indent=2)
        print()


def _quickest(folder: Path, light: Server, system: System, port: int, delay: float, repeat: int) -> Both:
    """Of some repetitions, each run on its own; one more comes first, for the caches of the shop and the disk."""
    firsts, seconds = [], []
    for number in range(repeat + 1):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        config = folder / "sync.yaml"
        source = system.source.format(url=f"http://127.0.0.1:{port}")
        config.write_text(_CONFIG.format(source=source, port=light.port), encoding="utf-8")
        light.begin(delay, None, 1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/bench/begin?delay={delay}&orders=yes", timeout=60):
            pass
        first, second = measure(config, light, None), measure(config, light, None)
        if number:
            firsts.append(first)
            seconds.append(second)
    return Both(*(min(runs, key=lambda run: run.wall) for runs in (firsts, seconds)))


@contextmanager
def _shop(system: System, customers: int) -> Iterator[int]:
    command = [sys.executable, "-m", system.module, str(customers), str(customers // _GUESTS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def _print(name: str, delay: int, run: str, measured: Measured) -> None:
    counts, requests = measured.document["counts"], measured.document["requests"]
    print(
        f"{delay:>3} {name:<12} {run:<6} {counts['people']:>7,} {counts['rows']:>7,} {measured.rate:>8,.0f} "
        f"{counts['rows'] / measured.phase('read'):>8,.0f} {measured.wall:>7.2f} {measured.cpu:>6.2f} "
        f"{measured.peak:>7.1f} {requests['source']:>5,} {requests['target']:>5,}",
        flush=True,
    )
