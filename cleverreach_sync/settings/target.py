"""What the `target:` and `attributes:` sections of every config have; each e-mail system adds its own keys."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from cleverreach_sync.domain.fields import DataField
from cleverreach_sync.settings.types import Question


class AttributesSettings(BaseModel):
    """The `attributes:` section of a config; every system has its own subclass, with its presets, its types of data
    fields and its rules for their names."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    preset: str
    scope: str
    map: Mapping[str, str | None]
    missing: Literal["refuse", "ignore"]

    @abstractmethod
    def data_fields(self) -> tuple[DataField, ...]:
        """The data fields that are filled: those of the preset, with `map` laid over them."""


AttributesClass = type[AttributesSettings]  # in a model with a field `type` the word means that


class TargetSettings(BaseModel):
    """The `target:` section of a config; every system has its own subclass beside its code."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    system: ClassVar[str]
    """What the system is called in messages."""
    attributes: ClassVar[AttributesClass]
    """The class of the `attributes:` section."""
    starter: ClassVar[str] = ""
    """The lines below `target:` of a config to start with, unindented; `{list}` is the answer to question `list`."""
    questions: ClassVar[tuple[Question, ...]] = ()
    """What `crsync init` asks about this system."""
    where_access_is: ClassVar[str] = ""
    """A sentence for the config to start with: where the credentials are found."""
    how_to_get_access: ClassVar[str] = ""
    """What to do for credentials, in the imperative."""

    type: str

    @property
    @abstractmethod
    def account_key(self) -> str:
        """What tells this account from others, as it is kept in the state; no secret."""

    @property
    @abstractmethod
    def account_marks(self) -> tuple[str, ...]:
        """What two configs have in common that write to the same account; never kept or shown."""

    @property
    @abstractmethod
    def list_spelling(self) -> str:
        """The list as the config names it."""

    @property
    @abstractmethod
    def may_create_list(self) -> bool:
        """Whether a list that is not there is created."""

    @property
    @abstractmethod
    def people_per_write(self) -> int:
        """How many people are in one write, at most."""

    @property
    @abstractmethod
    def writes_at_once(self) -> int:
        """How many writes may be under way at the same time."""

    @property
    @abstractmethod
    def account_wide(self) -> bool:
        """Whether an unsubscription anywhere in the account counts for people who are new to the list."""

    @property
    @abstractmethod
    def decides(self) -> dict[str, Any]:
        """The keys that decide about people, by name."""
