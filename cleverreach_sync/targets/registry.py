"""Which e-mail systems there are: one line each. Imports a system's module only when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cleverreach_sync.http.context import HttpContext
    from cleverreach_sync.settings.target import AttributesSettings, TargetSettings
    from cleverreach_sync.targets.interface import Target

# type: its package, and the class of its settings there in `settings`; `open_target` is in `target` beside it
_SYSTEMS: Final[dict[str, tuple[str, str]]] = {
    "cleverreach": ("cleverreach_sync.targets.cleverreach", "CleverReachSettings"),
}
TARGET_TYPES: Final = tuple(_SYSTEMS)


def settings_class(target_type: str) -> type[TargetSettings]:
    """The settings class of a system. Raises KeyError for a type that is not in TARGET_TYPES."""
    package, name = _SYSTEMS[target_type]
    found: type[TargetSettings] = getattr(import_module(f"{package}.settings"), name)
    return found


def open_target(settings: TargetSettings, attributes: AttributesSettings, means: HttpContext) -> Target:
    """The target itself, which has asked its server for nothing yet."""
    package, _ = _SYSTEMS[settings.type]
    found: Target = import_module(f"{package}.target").open_target(settings, attributes, means)
    return found
