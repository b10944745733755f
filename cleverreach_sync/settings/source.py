"""What the `source:` section of every config has; each shop system adds its own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from cleverreach_sync.settings.types import Question, Timezone, zone_of

if TYPE_CHECKING:
    from datetime import tzinfo


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
