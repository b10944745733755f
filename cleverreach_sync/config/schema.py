"""What a config holds. Descriptions here are what `crsync schema` shows in an editor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from cleverreach_sync.domain.guards import DEFAULT_COUNT, DEFAULT_PERCENT_CHANGED, DEFAULT_PERCENT_REJECTED, Limit
from cleverreach_sync.domain.model import Kind
from cleverreach_sync.messages import say
from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.target import AttributesSettings, TargetSettings
from cleverreach_sync.settings.types import Duration, LimitOption, PathOption, wrong
from cleverreach_sync.sources import registry as sources
from cleverreach_sync.sources.file.settings import STDIN, FileOptions
from cleverreach_sync.targets import registry as targets

DEFAULT_PATH: Final = Path("sync.yaml")


class Section(BaseModel):
    """A mapping of the config: no unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _distinct(values: tuple[Kind, ...]) -> tuple[Kind, ...]:
    if len(set(values)) < len(values):
        raise wrong(say("config.kind_twice", "one of the kinds is given twice"))
    return values


def _version(value: object) -> int:
    if value in ("1", 1) and not isinstance(value, bool):
        return 1
    raise wrong(say("config.version", "this version of crsync only reads version 1 of the config"))


def _patterns(value: object) -> object:
    return () if value is None else value


def _pattern(value: str) -> str:
    if not value.strip():
        raise wrong(say("config.empty_pattern", "is empty; expected an address or a pattern such as *@example.com"))
    return value.strip()


def _section(value: object) -> object:
    """A heading with nothing below it leaves everything at its default."""
    return {} if value is None else value


def _source(value: object) -> SourceSettings:
    if isinstance(value, SourceSettings):
        return value
    kind, keys = _type_of(value, "source", "crsync_type", sources.SOURCE_TYPES)
    return sources.settings_class(kind).model_validate(keys)


def _target(value: object) -> TargetSettings:
    if isinstance(value, TargetSettings):
        return value
    kind, keys = _type_of(value, "target", "crsync_choice", targets.TARGET_TYPES)
    return targets.settings_class(kind).model_validate(keys)


def _type_of(value: object, section: str, wrong: str, types: Sequence[str]) -> tuple[str, Mapping[str, object]]:
    """Which system a section is about, and its keys."""
    if not isinstance(value, Mapping):
        raise PydanticCustomError("dict_type", "expected a mapping")
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in types:
        known = PydanticCustomError(wrong, "unknown type of {section}", {"known": list(types), "section": section})
        kind_of_error: Any = known if "type" in value else "missing"
        raise ValidationError.from_exception_data(
            section, [InitErrorDetails(type=kind_of_error, loc=("type",), input=kind)], hide_input=True
        )
    return kind, value


def _attributes(value: object, known: ValidationInfo) -> object:
    """Which keys there are depends on the target."""
    if isinstance(value, AttributesSettings):
        return value
    target: TargetSettings | None = known.data.get("target")
    of_type = targets.settings_class(targets.TARGET_TYPES[0]) if target is None else type(target)
    return of_type.attributes.model_validate(_section(value))


def _no_attributes(known: dict[str, Any]) -> AttributesSettings:
    attributes: type[AttributesSettings] = known["target"].attributes
    return attributes.model_validate({})


Kinds = Annotated[tuple[Kind, ...], AfterValidator(_distinct)]
Pattern = Annotated[str, AfterValidator(_pattern), WithJsonSchema({"type": "string", "minLength": 1})]


def _words_for_default(schema: dict[str, Any]) -> None:
    """The larger of two numbers has no spelling; the description tells."""
    schema.pop("default", None)


class ConsentSettings(FileOptions):
    """The `consent:` section."""

    absent: Literal["no", "unknown"] = Field(
        description="What it means that somebody is not in the file: no (not subscribed), or unknown."
    )


class LimitsSettings(Section):
    """The `limits:` section."""

    max_rejected: LimitOption = Field(
        default=Limit(DEFAULT_COUNT, DEFAULT_PERCENT_REJECTED),
        description="People invalid or rejected by CleverReach before a run counts as failed (exit 4): a number, or "
        "a percentage of the people read. Default: the larger of 5% and 20.",
        json_schema_extra=_words_for_default,
    )
    max_deactivated: LimitOption = Field(
        default=Limit(DEFAULT_COUNT, DEFAULT_PERCENT_CHANGED),
        description="Recipients a run may deactivate: a number, or a percentage of the recipients in the list at its "
        "start. More are refused before anything is written (exit 7). Default: the larger of 10% and 20.",
        json_schema_extra=_words_for_default,
    )
    max_activated: LimitOption = Field(
        default=Limit(DEFAULT_COUNT, DEFAULT_PERCENT_CHANGED),
        description="People already in the list whom a run may make active: a number, or a percentage likewise. "
        "Default: the larger of 10% and 20.",
        json_schema_extra=_words_for_default,
    )
    max_created: LimitOption | None = Field(
        default=None, description="New people a run may create: a number, or a percentage likewise. Default: no limit."
    )
    retry_for: Duration = Field(
        default=300.0,
        description="Seconds for which one request is tried again before the run ends; the next run resumes (exit 5).",
    )
    keep_rejects: bool = Field(
        default=True,
        description="Keep the addresses of rejected people on this machine so that they are tried again.",
    )
    rejects_days: int = Field(
        default=30, ge=0, le=36500, description="Days after which a rejected person is forgotten."
    )


class Config(Section):
    """One transfer: from where, whom, to where, and how."""

    version: Annotated[int, BeforeValidator(_version), WithJsonSchema({"const": 1})] = Field(
        description="Version of this file's format: 1."
    )
    source: Annotated[SerializeAsAny[SourceSettings], BeforeValidator(_source)] = Field(
        description="Where the customers come from."
    )
    tags: Kinds = Field(
        min_length=1,
        description="Who is transferred: subscriber (agreed to the newsletter), buyer (at least one order), contact "
        "(everybody else).",
        json_schema_extra={"uniqueItems": True},
    )
    target: Annotated[SerializeAsAny[TargetSettings], BeforeValidator(_target)] = Field(
        description="Where the recipients go."
    )
    attributes: Annotated[SerializeAsAny[AttributesSettings], BeforeValidator(_attributes)] = Field(
        default_factory=_no_attributes, description="Which data fields are filled, and from what."
    )
    activate: Kinds | None = Field(
        default=None,
        description="Kinds of people who are created active, so that they get mailings; all others are created "
        "inactive. Default: every kind in tags.",
        json_schema_extra={"uniqueItems": True},
    )
    exclude: Annotated[tuple[Pattern, ...], BeforeValidator(_patterns)] = Field(
        default=(), description="Addresses that are never transferred; * is any text, ? one character."
    )
    consent: ConsentSettings | None = Field(
        default=None, description="A file that says who subscribed, for a shop whose API does not."
    )
    limits: Annotated[LimitsSettings, BeforeValidator(_section)] = Field(
        default_factory=LimitsSettings, description="What a run may do before it refuses, and how long it tries."
    )
    erased: Literal["deactivate", "delete"] = Field(
        default="deactivate",
        description="What to do with recipients whose personal data the shop erased: deactivate them, or "
        "delete them from the list (never somebody who unsubscribed)."
        "",
    )
    state_dir: PathOption = Field(
        default=Path(".crsync"),
        description="Folder for what crsync remembers between runs, relative to this file.",
    )

    @field_validator("consent")
    @classmethod
    def _own_input(cls, consent: ConsentSettings | None, known: ValidationInfo) -> ConsentSettings | None:
        if consent is not None and consent.path == STDIN == getattr(known.data.get("source"), "path", None):
            raise wrong(
                say(
                    "config.one_standard_input",
                    "path: the source already reads standard input; use a file for one of the two",
                )
            )
        return consent

    _path: Path = PrivateAttr(default=DEFAULT_PATH)
    _transfer: str | None = PrivateAttr(default=None)

    def at(self, path: Path, transfer: str | None = None) -> Self:
        """The same config, as read from `path`, where it is called `transfer`."""
        copy = self.model_copy()
        copy._path = path  # noqa: SLF001 - a copy of this very class
        copy._transfer = transfer  # noqa: SLF001
        return copy

    @property
    def path(self) -> Path:
        """The config file."""
        return self._path

    @property
    def transfer(self) -> str | None:
        """The name of this transfer, None in a config without named ones."""
        return self._transfer

    @property
    def base(self) -> Path:
        """The folder that relative paths count from."""
        return self._path.parent

    @property
    def stem(self) -> str:
        """The name of the config file without its ending; the state is kept under it."""
        return self._path.stem

    @property
    def state_root(self) -> Path:
        """The folder for the state of all transfers of the file."""
        return self.base / self.state_dir / self.stem

    @property
    def state_path(self) -> Path:
        """The folder of this transfer's state."""
        root = self.state_root
        return root if self._transfer is None else root / "transfers" / self._transfer

    @property
    def selected(self) -> frozenset[Kind]:
        """The kinds that are transferred."""
        return frozenset(self.tags)

    @property
    def activated(self) -> frozenset[Kind]:
        """The kinds that are created active; all of them are selected."""
        return self.selected if self.activate is None else self.selected & frozenset(self.activate)

    def secrets(self) -> tuple[str, ...]:
        """All secret values, the longest first, so that replacing one never leaves a part of another."""
        return tuple(sorted(set(_secrets(self)), key=lambda secret: (-len(secret), secret)))


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        if secret := value.get_secret_value():
            yield secret
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _secrets(item)
