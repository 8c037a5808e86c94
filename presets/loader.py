"""Turns a preset's YAML into a checked `heimdall.config.Preset`.

A later layer wins over an earlier one: the file it `extends`, the file itself, the environment
(`HEIMDALL_TRAIN__EPOCHS=2`), then what was typed with the command (`--set train.epochs=2`).
"""

import os
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pydantic
import yaml

from heimdall.config import Preset
from heimdall.errors import InputError, UsageError, suggest
from presets.bases import find_base

DIRECTORY = Path(__file__).parent
ENVIRONMENT_PREFIX = "HEIMDALL_"


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key given twice, where PyYAML silently takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def list_presets() -> list[str]:
    """Names of the bundled presets."""
    return sorted(path.stem for path in DIRECTORY.glob("*.yaml"))


def load_preset(
    name: str,
    overrides: Iterable[tuple[str, Any]] = (),
    environ: Mapping[str, str] = os.environ,
) -> Preset:
    """Reads the preset `name` (bundled, or a path to a YAML file) and lays the environment and `overrides` over it.

    An override is a dotted key and its value, as `parse_assignment` gives. Raises `UsageError` for an unknown preset or
    key and for a value that does not fit, and `InputError` for a file that is not readable YAML.
    """
    document = _read_with_base(_find(name))
    for key, value in (*_read_environment(environ), *overrides):
        layer: Any = value
        for part in reversed(_split_key(key)):
            layer = {part: layer}
        _refuse_unknown_keys(layer, "")
        document = _merge(document, layer)
    try:
        preset = Preset.model_validate(document)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the preset"
        given = f" (it is {first['input']!r})" if isinstance(first["input"], str | int | float) else ""
        raise UsageError(f"Preset '{name}': {where}: {first['msg'].removeprefix('Value error, ')}{given}.") from error
    pretrained = preset.train.pretrained
    base = find_base(pretrained.name_or_path) if pretrained else None
    if pretrained and base and base.license != pretrained.license:
        raise UsageError(
            f"Preset '{name}': train.pretrained.license is '{pretrained.license}', but {base.name} is under "
            f"{base.license}, and so is a model made from it."
        )
    return preset


def parse_assignment(text: str) -> tuple[str, Any]:
    """`train.epochs=2` → `("train.epochs", 2)`; the value is YAML. Raises `UsageError` for anything else."""
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise UsageError(f"'{text}' is not an assignment; write it as --set train.epochs=2.")
    return key.strip(), _parse_value(key, value)


def _find(name: str) -> Path:
    if name.endswith((".yaml", ".yml")) or os.sep in name:
        return Path(name)
    path = DIRECTORY / f"{name}.yaml"
    if not path.is_file():
        known = list_presets()
        raise UsageError(f"There is no preset '{name}'.{suggest(name, known)} Known presets: {', '.join(known)}.")
    return path


def _read_with_base(path: Path) -> dict[str, Any]:
    """One file over the file it extends. One level: a reader has at most two files to look into."""
    document = _read(path)
    base = document.pop("extends", None)
    if base is None:
        return document
    below = _read(_find(str(base)))
    if "extends" in below:
        raise UsageError(
            f"{path}: it extends '{base}', which extends '{below['extends']}'; only one level is allowed, "
            f"so extend '{below['extends']}' directly."
        )
    return _merge(below, document)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not valid UTF-8"
        raise InputError(f"The preset file '{path}' cannot be read: {reason}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise InputError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or error}.") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: a preset is a mapping of sections to settings.")
    _refuse_unknown_keys({key: value for key, value in document.items() if key != "extends"}, f"{path}: ")
    return document


def _read_environment(environ: Mapping[str, str]) -> list[tuple[str, Any]]:
    """`HEIMDALL_<SECTION>__<KEY>[__<KEY>]`; names without a double underscore belong to others (`HEIMDALL_HOME`)."""
    found = []
    for name in sorted(environ):
        path = name.removeprefix(ENVIRONMENT_PREFIX)
        if path != name and "__" in path:
            key = path.lower().replace("__", ".")
            try:
                _refuse_unknown_keys(_nest(key, None), "")
            except UsageError as error:
                raise UsageError(f"Environment variable {name}: {error}") from error
            found.append((key, _parse_value(name, environ[name])))
    return found


def _nest(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(_split_key(key)):
        value = {part: value}
    return typing.cast(dict[str, Any], value)


def _split_key(key: str) -> list[str]:
    parts = key.split(".")
    # Floors are named `family/split/metric`; nothing else has free keys, so the first two parts always name a field.
    return [*parts[:2], ".".join(parts[2:])] if parts[:2] == ["gate", "floors"] and len(parts) > 2 else parts


def _parse_value(name: str, text: str) -> Any:
    try:
        return yaml.load(text, _StrictLoader)
    except yaml.YAMLError as error:
        raise UsageError(f"The value of {name} is not valid YAML: {text!r}.") from error


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings are merged key by key; anything else, lists and null included, is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _refuse_unknown_keys(document: Mapping[str, Any], source: str) -> None:
    """Compares every key with the fields of the model that will read it, before anything is merged or converted."""
    _walk(document, Preset, (), source)


def _walk(document: Mapping[str, Any], model: type[pydantic.BaseModel], path: tuple[str, ...], source: str) -> None:
    for key, value in document.items():
        name = ".".join((*path, str(key)))
        if key not in model.model_fields:
            near = suggest(str(key), list(model.model_fields))
            raise UsageError(f"{source}unknown key {name!r}.{near or ' ' + _list_fields(model, path)}")
        below = _find_model(model.model_fields[str(key)].annotation)
        if isinstance(value, Mapping) and below is not None:
            _walk(value, below, (*path, str(key)), source)


def _list_fields(model: type[pydantic.BaseModel], path: tuple[str, ...]) -> str:
    return f"{'.'.join(path) or 'A preset'} has: {', '.join(model.model_fields)}."


def _find_model(annotation: Any) -> type[pydantic.BaseModel] | None:
    """The configuration model in an annotation such as `ScratchConfig | None`."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next((model for part in typing.get_args(annotation) if (model := _find_model(part))), None)
    return None
