"""The checkpoint: what a run needs to know of the runs before it. Small, readable, replaced atomically."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from cleverreach_sync.errors import StateError
from cleverreach_sync.messages import Message, say
from cleverreach_sync.state.files import USE_THAT_VERSION
from cleverreach_sync.state.store import Document

SCHEMA: Final = "crsync.checkpoint/1"
_FAMILY: Final = "crsync.checkpoint/"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Identity(_Model):
    """Whose state this is. `list` is the list as the config named it, `list_id` and `list_name` as it was found."""

    source_type: str
    source_name: str
    base_url: str
    list: str
    list_id: str
    list_name: str


class InterruptedRun(_Model):
    """A run that has begun to write and not ended. `adopt`: a guard was forced, own tags in the list count as
    crsync's."""

    run_id: str
    command: str
    started_at: str
    digest: str
    full: bool
    resend: bool = False
    include_deleted: bool = False
    adopt: bool = False
    forced: list[str] = []


class Checkpoint(_Model):
    """`digest`: of all that decides, at the last completed run. `cursors`: where each stream goes on. `full_people`:
    how many people the last completed full read found, `full_read_at`: when it began. `read_at`: when the last run that
    completed began, in unix seconds. `told_by`: by which key each stream told of consent, "" where a run that did not
    complete has read some of it by another. `zones`: those in which times without one were read; more than one after a
    run that did not complete. `anchor`: what the source settled in its first run, for good.
    `generation`: that of the ledger it relies on, 0 before there were any, and `rejects` that of the rejects. Other
    times are RFC 3339, UTC."""

    identity: Identity
    shop_url: str | None = None
    digest: str | None = None
    selection: list[str] = []
    cursors: dict[str, str] = {}
    initial_sync_at: str | None = None
    full_people: Annotated[int, Field(ge=0, lt=1 << 53)] | None = None
    full_read_at: str | None = None
    read_at: Annotated[int, Field(ge=0, lt=1 << 53)] | None = None
    told_by: dict[str, str] = {}
    zones: list[str] = ["UTC"]  # as older versions read all of them
    ledger_id: str
    generation: Annotated[int, Field(ge=0, lt=1 << 53)] = 0
    rejects: Annotated[int, Field(ge=0, lt=1 << 53)] = 0
    anchor: str | None = None
    interrupted: InterruptedRun | None = None


def load(kept: Document) -> Checkpoint | None:
    """The checkpoint, None if there is none. Raises StateError for a corrupt, foreign or newer one, which is left as
    it is."""
    content = kept.read()
    if content is None:
        return None
    try:
        document = from_json(content)
    except ValueError:
        raise _unusable(kept, say("state.not_json", "it is not JSON")) from None
    schema = document.pop("schema", None) if isinstance(document, dict) else None
    if not isinstance(schema, str) or not schema.startswith(_FAMILY):
        raise _unusable(kept, say("state.not_a_checkpoint", "it is not a crsync checkpoint"))
    if schema != SCHEMA:
        raise StateError(
            say(
                "state.checkpoint_of_another_version",
                "{path} was written by another version of crsync ({schema})",
                path=kept,
                schema=schema,
            ),
            hint=USE_THAT_VERSION,
        )
    told = document.pop("checksum", None)
    if told != _checksum(document) and (told is not None or "generation" in document):
        raise _unusable(kept, say("state.changed_checkpoint", "it was changed after crsync wrote it"))
    if isinstance(interrupted := document.get("interrupted"), dict):
        interrupted.pop("spool", None)  # older versions went on with what the run had read
    try:
        return Checkpoint.model_validate(document)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise _unusable(
            kept,
            say("state.invalid_value", "{place} is not valid", place=place)
            if place
            else say("state.invalid_document", "the document is not valid"),
        ) from None


def save(kept: Document, checkpoint: Checkpoint) -> None:
    """Raises StateError when the disk is full, say, or it was changed meanwhile; the one before it then stays."""
    import orjson  # noqa: PLC0415 - start-up

    content = checkpoint.model_dump(mode="json")
    document = {"schema": SCHEMA, **content, "checksum": _checksum(content)}
    kept.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _checksum(content: dict[str, Any]) -> str | None:
    """Of all but the schema; None for what no checkpoint can hold."""
    import orjson  # noqa: PLC0415 - start-up

    try:
        return blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
    except TypeError:
        return None


def _unusable(kept: Document, why: Message) -> StateError:
    return StateError(
        say("state.unusable_checkpoint", "{path} cannot be used: {reason}", path=kept, reason=why),
        hint=say(
            "state.replace_checkpoint",
            "restore it from a backup; or move the whole state folder away, and crsync starts from scratch (then "
            "run `crsync diff` first)",
        ),
    )
