"""What the schema says about the mapping at a place of the file: its keys, and which of them are secret."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from cleverreach_sync.config.nodes import Node
from cleverreach_sync.config.schema import Config
from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.target import AttributesSettings, TargetSettings
from cleverreach_sync.sources import registry as sources
from cleverreach_sync.targets import registry as targets

FILE_SUFFIX: Final = "_file"


def keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the key they have in the file."""
    return {_key(name, field): field for name, field in model.model_fields.items()}


def file_keys(model: type[BaseModel]) -> dict[str, str]:
    """`client_secret_file`: `client_secret`, for every secret key of a model."""
    known = keys(model)
    found = {f"{key}{FILE_SUFFIX}": key for key, field in known.items() if is_secret(field.annotation)}
    return {file_key: key for file_key, key in found.items() if file_key not in known}


def is_secret(annotation: object) -> bool:
    """Whether a value of this type is a secret (`SecretStr`, `SecretStr | None`)."""
    return any(part is SecretStr for part in _parts(annotation))


def model_at(path: Sequence[str | int], top: Node) -> type[BaseModel] | None:
    """The model of the mapping at `path` of the file; None where any keys may stand, or nothing is known."""
    return model_of(*_at(path, top))


def choices_at(path: Sequence[str | int], top: Node) -> list[str]:
    """The words that may stand at `path` of the file; empty where that is not one of a few."""
    found: list[str] = []
    for part in _parts(_at(path, top)[0]):
        if get_origin(part) is Literal:
            found += map(str, get_args(part))
        elif isinstance(part, type) and issubclass(part, Enum):
            found += [str(member.value) for member in part]
    return found


def _at(path: Sequence[str | int], top: Node) -> tuple[object, Node | None]:
    annotation: object = Config
    node: Node | None = top
    for step in path:
        annotation = below(annotation, step, node)
        node = node.child(step) if node else None
    return annotation, node


def model_of(annotation: object, node: Node | None) -> type[BaseModel] | None:
    """The model of a value of this type; that of a source or target depends on its `type`, so it takes the value
    itself."""
    for part in _parts(annotation):
        if part is SourceSettings:
            source_type = _type_of(node, sources.SOURCE_TYPES)
            return None if source_type is None else sources.settings_class(source_type)
        if part is TargetSettings:
            target_type = _type_of(node, targets.TARGET_TYPES)
            return None if target_type is None else targets.settings_class(target_type)
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def below(annotation: object, step: str | int, node: Node | None) -> object:
    """The type of what stands under a key, or at a place of a list; None if nothing is known of it."""
    model = model_of(annotation, node)
    if model is not None:
        field = keys(model).get(step) if isinstance(step, str) else None
        return None if field is None else _by_target(field.annotation, node)
    for part in _parts(annotation):
        origin, args = get_origin(part), get_args(part)
        if isinstance(step, str) and isinstance(origin, type) and issubclass(origin, Mapping) and len(args) == 2:
            return args[1]
        if isinstance(step, int) and isinstance(origin, type) and issubclass(origin, Sequence) and args:
            return args[0]
    return None


def _type_of(node: Node | None, known: Sequence[str]) -> str | None:
    """The `type` of a section, if it is a known one."""
    kind = node.child("type") if node else None
    value = kind.value if kind else None
    return str(value) if isinstance(value, str) and value in known else None


def _by_target(annotation: object, top: Node | None) -> object:
    """The section with the data fields is another one for each target."""
    if AttributesSettings not in _parts(annotation):
        return annotation
    target_type = _type_of(top.child("target") if top else None, targets.TARGET_TYPES)
    return targets.settings_class(target_type or targets.TARGET_TYPES[0]).attributes


def _key(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias or field.alias
    return alias if isinstance(alias, str) else name


def _parts(annotation: object) -> list[object]:
    """The members of a union, without `Annotated` around them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _parts(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return [part for member in get_args(annotation) for part in _parts(member)]
    return [annotation]
