"""Which shop systems there are: one line each. Imports a system's module only when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from datetime import tzinfo
    from pathlib import Path

    from cleverreach_sync.http.context import HttpContext
    from cleverreach_sync.settings.source import SourceSettings
    from cleverreach_sync.sources.file.settings import FileOptions
    from cleverreach_sync.sources.interface import Source

# type: its package, and the class of its settings there in `settings`; `open_source` is in `source` beside it
_SYSTEMS: Final[dict[str, tuple[str, str]]] = {
    "file": ("cleverreach_sync.sources.file", "FileSettings"),
    "woocommerce": ("cleverreach_sync.sources.woocommerce", "WooCommerceSettings"),
    "shopify": ("cleverreach_sync.sources.shopify", "ShopifySettings"),
    "shopware6": ("cleverreach_sync.sources.shopware6", "Shopware6Settings"),
    "shopware5": ("cleverreach_sync.sources.shopware5", "Shopware5Settings"),
    "magento2": ("cleverreach_sync.sources.magento2", "Magento2Settings"),
    "plentymarkets": ("cleverreach_sync.sources.plentymarkets", "PlentymarketsSettings"),
    "salesforce": ("cleverreach_sync.sources.salesforce", "SalesforceSettings"),
    "singer": ("cleverreach_sync.sources.singer", "SingerSettings"),
}
SOURCE_TYPES: Final = tuple(_SYSTEMS)


def settings_class(source_type: str) -> type[SourceSettings]:
    """The settings class of a system. Raises KeyError for a type that is not in SOURCE_TYPES."""
    package, name = _SYSTEMS[source_type]
    found: type[SourceSettings] = getattr(import_module(f"{package}.settings"), name)
    return found


def open_source(settings: SourceSettings, base: Path, means: HttpContext) -> Source:
    """The source itself, which has asked its shop for nothing yet; relative paths count from `base`, the folder of the
    config file."""
    package, _ = _SYSTEMS[settings.type]
    found: Source = import_module(f"{package}.source").open_source(settings, base, means)
    return found


def open_consent(options: FileOptions, base: Path, absent: Literal["no", "unknown"], zone: tzinfo) -> Source:
    """The consent file beside a shop, a source of consent alone; `absent` as in the config."""
    from cleverreach_sync.sources.file.source import open_consent as opened  # noqa: PLC0415 - as the systems above

    return opened(options, base, absent, zone)
