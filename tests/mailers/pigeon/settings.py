"""What the config says about a loft of Pigeon Post."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr

from cleverreach_sync.domain.fields import DataField, type_of
from cleverreach_sync.settings.target import AttributesClass, AttributesSettings, TargetSettings
from cleverreach_sync.settings.types import HttpUrl, PersonField


class PigeonAttributes(AttributesSettings):
    """The `attributes:` section."""

    preset: Literal["none"] = Field(default="none", description="There is no ready set.")
    scope: Literal["loft"] = Field(default="loft", description="Rings belong to a loft.")
    map: Mapping[str, PersonField | None] = Field(default_factory=dict, description="Rings, by name.")
    missing: Literal["refuse", "ignore"] = Field(default="refuse", description="What happens without a ring.")

    def data_fields(self) -> tuple[DataField, ...]:
        pairs = [(name, field) for name, field in self.map.items() if field is not None]
        return tuple(DataField(name, name, field, type_of(field), "line") for name, field in pairs)


class PigeonSettings(TargetSettings):
    """The `target:` section."""

    system: ClassVar[str] = "Pigeon Post"
    attributes: ClassVar[AttributesClass] = PigeonAttributes

    type: Literal["pigeon"] = Field(description="The e-mail system.")
    url: HttpUrl = Field(description="Where the loft stands.")
    token: SecretStr = Field(min_length=1, description="The token.")
    loft: str = Field(description="The name of the loft.")
    confirm: bool = Field(default=False, description="Whoever subscribes has to confirm it.")
    everywhere: bool = Field(default=False, description="Whoever left another loft has left this one, too.")

    @property
    def account_key(self) -> str:
        return self.url

    @property
    def account_marks(self) -> tuple[str, ...]:
        return (self.url,)

    @property
    def list_spelling(self) -> str:
        return self.loft

    @property
    def may_create_list(self) -> bool:
        return False

    @property
    def people_per_write(self) -> int:
        return 3

    @property
    def writes_at_once(self) -> int:
        return 1

    @property
    def account_wide(self) -> bool:
        return self.everywhere

    @property
    def decides(self) -> dict[str, Any]:
        return {"confirm": self.confirm}
