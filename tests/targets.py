"""The target of a config as what it is."""

from __future__ import annotations

from cleverreach_sync.config.schema import Config
from cleverreach_sync.targets.cleverreach.settings import CleverReachSettings


def cleverreach(config: Config) -> CleverReachSettings:
    """The `target:` section of a config for CleverReach."""
    assert isinstance(config.target, CleverReachSettings)
    return config.target
