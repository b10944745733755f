"""The source and the target of a config, with the means to talk to them."""

from __future__ import annotations

from functools import partial
from typing import Final

from cleverreach_sync.clock import Clock, Stop
from cleverreach_sync.config.schema import Config
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.redaction import Redaction
from cleverreach_sync.http.retries import Retries
from cleverreach_sync.http.traffic import RequestCount
from cleverreach_sync.messages import say
from cleverreach_sync.progress import Progress
from cleverreach_sync.sources import registry as sources
from cleverreach_sync.sources.interface import Source
from cleverreach_sync.targets import registry as targets
from cleverreach_sync.targets.interface import Target


def open_target(
    config: Config, progress: Progress, clock: Clock, stop: Stop, redact: Redaction
) -> tuple[Target, Retries]:
    """The target of a config, and how its requests are repeated. What is written when the run is to end gets a little
    time to be answered."""
    means = _means(config, progress, clock, stop, redact, _GRACE)
    return targets.open_target(config.target, config.attributes, means), means.retries


def retries_of(config: Config, traffic: RequestCount, progress: Progress, clock: Clock, stop: Stop) -> Retries:
    """Repetition as the config allows it; every one is counted."""

    def on_retry(failure: TryAgain, seconds: float) -> None:
        traffic.retry()
        progress.info(say("http.trying_again", "trying again: {failure}", failure=failure.message))
        progress.waiting(failure.message, seconds)

    return Retries(config.limits.retry_for, clock.now, partial(stop.pause, clock), on_retry)


def open_source(
    config: Config, progress: Progress, clock: Clock, stop: Stop, redact: Redaction
) -> tuple[Source, RequestCount]:
    """The source of a config, and the count of its requests."""
    means = _means(config, progress, clock, stop, redact, 0.0)
    return sources.open_source(config.source, config.base, means), means.traffic


def _means(
    config: Config, progress: Progress, clock: Clock, stop: Stop, redact: Redaction, grace: float
) -> HttpContext:
    """`grace`: for how many seconds a request under way is still answered when the run is to end."""
    traffic = RequestCount()
    return HttpContext(
        redact=redact,
        traffic=traffic,
        retries=retries_of(config, traffic, progress, clock, stop),
        wall=clock.wall,
        clock=clock.now,
        sleep=partial(stop.pause, clock),
        log=progress.info,
        wanted=lambda: stop.check_wanted(clock, grace),
    )


_GRACE: Final = 3.0  # seconds
