"""Which shop systems there are: one line each. Imports a system's module only when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from cleverreach_sync.settings_types import Question, Timezone, zone_of

if TYPE_CHECKING:
    from datetime import tzinfo
    from pathlib import Path

    from cleverreach_sync.sources.interface import Means, Source


class SourceSettings(BaseModel):
    """The `source:` section of a config; every system has its own subclass beside its code."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    default_name: ClassVar[str] = "Shop"
    starter: ClassVar[str] = ""
    """The lines below `source:` of a config to start with, unindented; `{path}` is the answer to question `path`."""
    questions: ClassVar[tuple[Question, ...]] = ()
    """What `crsync init` asks about this system."""
    further: ClassVar[str] = ""
    """Further sections of a config to start with, unindented."""

    type: str
    name: str = ""
    timezone: Timezone = Field(
        default="UTC",
        description="The time zone of dates and times without one, such as Europe/Berlin.",
    )

    @property
    def reads_all_every(self) -> float | None:
        """Seconds after which everything is read again, None for a source that has no changes to go by."""
        every: float | None = getattr(self, "full_read_every", None)
        return every

    @property
    def tag_source(self) -> str:
        """The prefix of the special tags."""
        return self.name or self.default_name

    @property
    def zone(self) -> tzinfo:
        """The time zone of times that tell none."""
        return zone_of(self.timezone)

    def open(self, base: Path, means: Means) -> Source:
        """The source itself; relative paths count from `base`, the folder of the config file."""
        raise NotImplementedError


# type: module and class of its settings
_SYSTEMS: Final[dict[str, tuple[str, str]]] = {
    "file": ("cleverreach_sync.sources.file", "FileSettings"),
    "woocommerce": ("cleverreach_sync.sources.woocommerce_settings", "WooCommerceSettings"),
    "shopify": ("cleverreach_sync.sources.shopify_settings", "ShopifySettings"),
    "shopware6": ("cleverreach_sync.sources.shopware6_settings", "Shopware6Settings"),
    "plentymarkets": ("cleverreach_sync.sources.plentymarkets_settings", "PlentymarketsSettings"),
}
SOURCE_TYPES: Final = tuple(_SYSTEMS)


def settings_class(source_type: str) -> type[SourceSettings]:
    """The settings class of a system. Raises KeyError for a type that is not in SOURCE_TYPES."""
    module, name = _SYSTEMS[source_type]
    found: type[SourceSettings] = getattr(import_module(module), name)
    return found
