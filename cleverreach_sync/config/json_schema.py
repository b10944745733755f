"""The JSON Schema of the config, for editors: Draft 2020-12, made from the models.

An editor reads `no` and `012345` its own way, and a variable may stand where a number is meant; so the schema lets
through whatever spelling the loader takes, and still names unknown keys, wrong words and wrong shapes.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from typing import Any, Final

from pydantic import BaseModel

from cleverreach_sync.config.fields import FILE_SUFFIX
from cleverreach_sync.config.schema import Config
from cleverreach_sync.config.transfers import DESCRIPTION, KEY, NAME, OF_THE_WHOLE
from cleverreach_sync.sources import registry as sources
from cleverreach_sync.targets import registry as targets

SCHEMA_ID: Final = "urn:crsync:config:1"
_VARIABLE: Final = {"type": "string", "pattern": r"\$\{[A-Za-z_]"}
_BOOLEAN_WORDS: Final = {"type": "string", "pattern": "^([Tt]rue|[Ff]alse|[Yy]es|[Nn]o|[Oo]n|[Oo]ff|TRUE|FALSE)$"}


def schema_text() -> str:
    """The schema as it is printed, and as `init` writes it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def json_schema() -> dict[str, Any]:
    """The schema as a document; source and target are each one of the known types."""
    schema = Config.model_json_schema(mode="validation")
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    of_sources = [_source(definitions, source_type) for source_type in sources.SOURCE_TYPES]
    systems = [(name, targets.settings_class(name)) for name in targets.TARGET_TYPES]
    of_targets = [_put(definitions, f"target_{name}", model) for name, model in systems]
    of_attributes = [_put(definitions, f"attributes_{name}", model.attributes) for name, model in systems]
    properties = schema["properties"]
    properties["source"] = {**_described(properties["source"]), "oneOf": of_sources}
    properties["target"] = {**_described(properties["target"]), "oneOf": of_targets}
    properties["attributes"] = {**_described(properties["attributes"]), "anyOf": [*of_attributes, {"type": "null"}]}
    _open_mapping(schema)
    for name, definition in definitions.items():
        if "properties" in definition:
            _open_mapping(definition)
        else:
            definitions[name] = _lenient(definition)
    _add_transfers(schema)
    top = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "Config of crsync",
        "description": "Where customers come from, who is transferred, and to which recipient list.",
    }
    _drop_unused(top)
    return top


def _put(definitions: dict[str, Any], name: str, model: type[BaseModel]) -> dict[str, str]:
    """Puts a model's schema among the definitions; the reference to it."""
    found = model.model_json_schema(mode="validation")
    definitions.update(found.pop("$defs", {}))
    definitions[name] = found
    return {"$ref": f"#/$defs/{name}"}


def _source(definitions: dict[str, Any], source_type: str) -> dict[str, str]:
    reference = _put(definitions, f"source_{source_type}", sources.settings_class(source_type))
    source = definitions[f"source_{source_type}"]
    source["properties"]["type"] = {"const": source_type, "description": f"The shop system: {source_type}."}
    source["required"] = sorted({*source.get("required", ()), "type"})
    return reference


def _add_transfers(schema: dict[str, Any]) -> None:
    """Lets `transfers` stand beside the other keys. What they complete need not be complete by itself: with transfers
    the sections require nothing, without them what they always do."""
    definitions, properties, whole = schema["$defs"], schema["properties"], schema.pop("required")
    sections = {name: definition for name, definition in definitions.items() if "properties" in definition}
    definitions.update({f"{name}_part": _part(definition) for name, definition in sections.items()})
    loose = {key: _of_parts(value, sections) for key, value in properties.items()}
    definitions["transfer"] = {
        "type": ["object", "null"],
        "properties": {key: value for key, value in loose.items() if key not in OF_THE_WHOLE},
        "additionalProperties": False,
    }
    schema["properties"] = {
        **loose,
        KEY: {
            "description": DESCRIPTION,
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": f"^{NAME}$"},
            "additionalProperties": {"$ref": "#/$defs/transfer"},
        },
    }
    strict = {key: value for key, value in properties.items() if value != loose[key]}
    schema["required"] = ["version"]
    schema["if"] = {"required": [KEY]}
    schema["else"] = {"required": whole, "properties": strict}


def _part(definition: dict[str, Any]) -> dict[str, Any]:
    """The same mapping, of which something may be left to others."""
    part = {key: value for key, value in definition.items() if key not in ("required", "allOf")}
    rules = [
        {"not": {"required": [key for option in rule["oneOf"] for key in option["required"]]}}
        if "oneOf" in rule
        else rule
        for rule in definition.get("allOf", ())
    ]
    return {**part, "allOf": rules} if rules else part


def _of_parts(value: Any, sections: Container[str]) -> Any:
    """A value whose sections are parts."""
    if isinstance(value, list):
        return [_of_parts(item, sections) for item in value]
    if not isinstance(value, dict):
        return value
    found = {("anyOf" if key == "oneOf" else key): _of_parts(item, sections) for key, item in value.items()}
    name = str(found.get("$ref", "")).rpartition("/")[2]
    return {**found, "$ref": f"#/$defs/{name}_part"} if name in sections else found


def _open_mapping(mapping: dict[str, Any]) -> None:
    """Lets a mapping take what the loader takes: variables, secret files, nothing below a heading."""
    required = set(mapping.get("required", ()))
    properties: dict[str, Any] = mapping["properties"]
    alternatives: list[dict[str, Any]] = []
    for key, value in list(properties.items()):
        if _is_secret(value):
            file_key = f"{key}{FILE_SUFFIX}"
            properties[key] = {"type": ["string", "number"], **_described(value)}
            words = f"Path of a file that holds {key}, instead of {key} itself; relative to this file."
            properties.setdefault(file_key, {"type": "string", "minLength": 1, "description": words})
            options: list[dict[str, Any]] = [{"required": [key]}, {"required": [file_key]}]
            if key in required:
                required.discard(key)
                alternatives.append({"oneOf": options})
            else:
                alternatives.append({"not": {"required": [key, file_key]}})
        else:
            properties[key] = _lenient(value)
            if key not in required and "$ref" in value:
                properties[key] = {"anyOf": [{"$ref": value["$ref"]}, {"type": "null"}], **_described(value)}
    mapping.pop("required", None)
    if required:
        mapping["required"] = sorted(required)
    if alternatives:
        mapping["allOf"] = alternatives


def _is_secret(value: dict[str, Any]) -> bool:
    parts = [value, *value.get("anyOf", ())]
    return any(part.get("writeOnly") and part.get("format") == "password" for part in parts)


def _described(value: dict[str, Any]) -> dict[str, Any]:
    return {key: value[key] for key in ("description", "default") if key in value}


def _lenient(value: Any) -> Any:
    """A schema of a value that also takes the other spellings of it."""
    if isinstance(value, list):
        return [_lenient(item) for item in value]
    if not isinstance(value, dict):
        return value
    loose = {key: item if key in ("default", "const", "enum") else _lenient(item) for key, item in value.items()}
    loose.pop("title", None)
    if "patternProperties" in loose:
        loose["additionalProperties"] = False
    kind = loose.get("type")
    if "const" in loose:
        loose.pop("type", None)
        spelled = [] if isinstance(loose["const"], str) else [{"const": str(loose["const"])}]
        return _any_of(loose, [*spelled, _VARIABLE])
    if kind == "boolean":
        return _any_of(loose, [_BOOLEAN_WORDS, _VARIABLE])
    if kind in ("integer", "number"):
        return _any_of(loose, [_VARIABLE])
    if kind == "array" and "default" in loose:
        return _any_of(loose, [{"type": "null"}])
    if "enum" in loose:
        # An older editor takes a bare no for false.
        return _any_of(loose, [_VARIABLE, *([{"const": False}] if "no" in loose["enum"] else [])])
    if kind == "string" and "pattern" not in loose:
        loose["type"] = ["string", "number", "boolean"]
    return loose


def _any_of(value: dict[str, Any], others: Iterable[dict[str, Any]]) -> dict[str, Any]:
    outer = _described(value)
    inner = {key: item for key, item in value.items() if key not in outer}
    return {**outer, "anyOf": [inner, *others]}


def _drop_unused(schema: dict[str, Any]) -> None:
    """Leaves out definitions that nothing refers to."""
    definitions: dict[str, Any] = schema.pop("$defs")
    used: dict[str, Any] = {}
    waiting = list(_references(schema))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = definitions[name]
            waiting += _references(definitions[name])
    schema["$defs"] = dict(sorted(used.items()))


def _references(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield str(item).rpartition("/")[2]
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
