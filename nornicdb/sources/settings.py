"""Settings: environment variables and keys of nornicdb.yaml, joined by the fields of Go's Config that they set.

The defaults are those of `LoadDefaults` for these fields. A variable that sets none of them has the default that is
written where it is read, if that is the same everywhere.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tree_sitter import Node

from heimdall.source_code import text_of
from nornicdb.facts import Kind, Setting, YamlKey
from nornicdb.gosource import FUNCTIONS, GoFile, field_text, find_outer, is_within, line_of, list_go, statements, walk

CONFIG_FILE = "pkg/config/config.go"
# The helpers that read a variable; what follows tells its type.
_HELPER = re.compile(r"(?i)(?:envutil\.(?:get|lookup)|(?:os\.)?(?:get|lookup)?env)(\w*)")
_STRINGS = '((interpreted_string_literal) @name (#match? @name "^.(NORNICDB|NEO4J)_[A-Za-z0-9_]*[A-Za-z0-9].$"))'
_KINDS: dict[str, Kind] = {
    "durationms": "integer",
    "durationsec": "integer",
    "bool": "boolean",
    "int": "integer",
    "float": "number",
    "duration": "duration",
    "slice": "array",
    "str": "string",
    "": "string",
}
_GO_KINDS: dict[str, Kind] = {
    "string": "string",
    "bool": "boolean",
    "int": "integer",
    "int64": "integer",
    "float32": "number",
    "float64": "number",
    "[]string": "array",
    "time.Duration": "duration",
}
_UNITS = {"Nanosecond": "ns", "Microsecond": "us", "Millisecond": "ms", "Second": "s", "Minute": "m", "Hour": "h"}


class _Read(NamedTuple):
    """One place where a variable is read: the value it has without it, and the fields it sets."""

    file: str
    line: int
    kind: Kind | None
    default: str | None
    fields: tuple[str, ...]


def read_settings(checkout: Path) -> tuple[tuple[Setting, ...], tuple[YamlKey, ...]]:
    """All environment variables by name, and all keys of nornicdb.yaml in the order of the source."""
    config = GoFile(checkout, CONFIG_FILE)
    defaults = _read_defaults(config)
    keys = _read_yaml_keys(config)
    set_by_yaml = _read_yaml_fields(config)
    reads = _read_variables(checkout)
    set_by_variable = {name: {field for place in places for field in place.fields} for name, places in reads.items()}
    for missed, found in (("environment variable", set_by_variable), ("key of nornicdb.yaml", set_by_yaml)):
        if not any(found.values()):
            raise config.moved(f"one {missed} that sets a field of config")
    settings = []
    for name, places in sorted(reads.items()):
        fields = set_by_variable[name]
        linked = [key for path, key in keys.items() if fields and fields == set_by_yaml.get(path)]
        kinds = [place.kind for place in places if place.kind] + [key.kind for key in linked]
        kind = next((kind for kind in kinds if kind != "string"), kinds[0] if kinds else None)
        settings.append(
            Setting(
                name=name,
                file=places[0].file,
                line=places[0].line,
                kind=kind,
                default=_choose_default(kind, places, fields, defaults),
                yaml=tuple(sorted(key.name for key in linked)),
            )
        )
    yaml_keys = []
    for path, key in keys.items():
        fields = set_by_yaml.get(path, set())
        known = {_find_default(key.kind, field, defaults) for field in fields}
        variables = sorted(name for name, others in set_by_variable.items() if fields and fields == others)
        update = {
            "read": path in set_by_yaml,
            "default": known.pop() if len(known) == 1 else None,
            "environment": tuple(variables),
        }
        yaml_keys.append(key.model_copy(update=update))
    return tuple(settings), tuple(yaml_keys)


def _choose_default(
    kind: Kind | None, places: list[_Read], fields: set[str], defaults: dict[str, str | None]
) -> str | None:
    """That of the fields that it sets; without any, what all places agree on."""
    if fields:
        known = {_find_default(kind, field, defaults) for field in fields} - {None}
        return known.pop() if len(known) == 1 else None
    written = {place.default for place in places if place.default is not None}
    return written.pop() if len(written) == 1 else None


def _find_default(kind: Kind | None, field: str, defaults: dict[str, str | None]) -> str | None:
    """The field's value after LoadDefaults; what it leaves out is Go's zero, which says something for a truth value."""
    return defaults.get(field, "false" if kind == "boolean" else None)


def _read_defaults(file: GoFile) -> dict[str, str | None]:
    """The value of each field of Config that LoadDefaults assigns, by its path (`Server.HTTPPort`)."""
    body = file.find_function("LoadDefaults")
    defaults: dict[str, str | None] = {}
    for statement in statements(body):
        if statement.type == "assignment_statement":
            left, right = field_text(statement, "left"), statement.child_by_field_name("right")
            if left.startswith("config."):
                value = spell_value(file, right.named_children[0]) if right else None
                defaults[left.removeprefix("config.")] = value
    if not defaults:
        raise file.moved("assignments to the fields of config in LoadDefaults", body)
    return defaults


def _read_yaml_keys(file: GoFile) -> dict[str, YamlKey]:
    """The keys of YAMLConfig by the path of their field (`Server.HTTPPort`)."""
    for node in walk(file.root):
        if node.type == "type_spec" and field_text(node, "name") == "YAMLConfig":
            kind = node.child_by_field_name("type")
            keys = dict(_walk_struct(file, kind, "", "")) if kind else {}
            if keys:
                return keys
    raise file.moved("the struct YAMLConfig with yaml tags")


def _walk_struct(file: GoFile, struct: Node, path: str, key: str) -> Iterator[tuple[str, YamlKey]]:
    for field in (node for node in walk(struct) if node.type == "field_declaration"):
        if field.parent is None or field.parent.parent != struct:
            continue
        tag = re.search(r'yaml:"([^",]+)', field_text(field, "tag"))
        kind = field.child_by_field_name("type")
        if tag is None or kind is None:
            raise file.moved("a yaml tag on each field of YAMLConfig", field)
        inner, name = f"{path}{field_text(field, 'name')}", f"{key}{tag[1]}"
        if kind.type == "struct_type":
            yield from _walk_struct(file, kind, f"{inner}.", f"{name}.")
        else:
            spelt = _GO_KINDS.get(text_of(kind).lstrip("*"), "object")
            yield inner, YamlKey(name=name, file=file.name, line=line_of(field), kind=spelt, read=False, default=None)


def _read_yaml_fields(file: GoFile) -> dict[str, set[str]]:
    """For each path of YAMLConfig that LoadFromFile looks at, the fields of Config that it assigns there."""
    body = file.find_function("LoadFromFile")
    found: dict[str, set[str]] = defaultdict(set)
    for node in walk(body):
        if node.type != "selector_expression" or not text_of(node).startswith("yamlCfg."):
            continue
        if node.parent is not None and node.parent.type == "selector_expression":
            continue
        holder = _enclosing(node, body)
        found[text_of(node).removeprefix("yamlCfg.")] |= set(_assigned(holder)) if holder else set()
    if not found:
        raise file.moved("values of yamlCfg in LoadFromFile", body)
    return dict(found)


def _read_variables(checkout: Path) -> dict[str, list[_Read]]:
    """Every place where a variable's name stands in the source, those of pkg/config first."""
    found: dict[str, list[_Read]] = defaultdict(list)
    names = sorted(list_go(checkout, "."), key=lambda name: (not name.startswith("pkg/config/"), name))
    for name in names:
        if not re.search(rb'"(NORNICDB|NEO4J)_', (checkout / name).read_bytes()):
            continue
        file = GoFile(checkout, name)
        constants = {}
        unused = _find_unused(checkout, file)
        for match in file.search(_STRINGS):
            literal = match["name"]
            if any(is_within(literal, body) for body in unused):
                continue
            variable = text_of(literal)[1:-1]
            declared = literal.parent.parent if literal.parent is not None else None
            if declared is not None and declared.type == "const_spec":
                constants[field_text(declared, "name")] = variable
                found[variable].append(_Read(name, line_of(literal), None, None, ()))
            else:
                found[variable].append(_read_place(file, literal))
        if constants:
            for node in walk(file.root):
                if node.type == "identifier" and text_of(node) in constants and _call_of(node) is not None:
                    found[constants[text_of(node)]].append(_read_place(file, node))
    return found


def _find_unused(checkout: Path, file: GoFile) -> list[Node]:
    """The functions that are only for their package and that nothing in it calls: what they read has no effect."""
    private = {
        field_text(node, "name"): node
        for node in file.root.named_children
        if node.type == "function_declaration" and field_text(node, "name")[0].islower()
    }
    source = b"".join(path.read_bytes() for path in sorted(file.path.parent.glob("*.go")))
    return [
        node
        for name, node in private.items()
        if name not in ("main", "init") and len(re.findall(rb"\b%s\b(?! is )" % name.encode(), source)) == 1
    ]


def _read_place(file: GoFile, node: Node) -> _Read:
    """What the source says where a variable's name is an argument of a call such as getEnvInt(name, default)."""
    place = file.name, line_of(node)
    call = _call_of(node)
    helper = _HELPER.fullmatch(field_text(call, "function")) if call is not None else None
    if call is None or helper is None:
        return _Read(*place, None, None, ())
    kind = _read_kind(helper[1])
    function_body = find_outer(call, *FUNCTIONS, "func_literal")
    holder = _enclosing(call, function_body) if function_body is not None else None
    compared = _compared_with(holder)
    if compared:
        kind = "boolean"
    fields = tuple(_assigned(holder)) if holder is not None and file.name == CONFIG_FILE else ()
    if holder is not None and holder.type == "if_statement":
        on = compared in ({"true"}, {"true", "1"})
        off = compared in ({"false"}, {"false", "0"})
        return _Read(*place, kind, "false" if on else "true" if off else None, fields)
    arguments = call.child_by_field_name("arguments")
    values = arguments.named_children if arguments else []
    default = spell_value(file, values[1]) if len(values) == 2 else None
    return _Read(*place, kind, default, fields)


def spell_value(file: GoFile, node: Node) -> str | None:
    """A Go literal as it is written in a setting: `30s`, `true`, `./data`; None for what is worked out at run time."""
    match node.type:
        case "interpreted_string_literal" | "raw_string_literal":
            return file.read_string(node, "a default")
        case "int_literal" | "float_literal" | "true" | "false":
            return text_of(node).replace("_", "")
        case "unary_expression" if re.fullmatch(r"-[\d.]+", text_of(node)):
            return text_of(node)
        case "parenthesized_expression":
            return spell_value(file, node.named_children[0])
        case "selector_expression" if text_of(node).removeprefix("time.") in _UNITS:
            return "1" + _UNITS[text_of(node).removeprefix("time.")]
        case "binary_expression":
            return _spell_product(text_of(node))
        case "composite_literal" if text_of(node).startswith("[]string"):
            parts = [file.read_string(each, "a default") for each in walk(node) if each.type.endswith("string_literal")]
            return ",".join(parts)
    return None


def _spell_product(source: str) -> str | None:
    """`24 * time.Hour` as `24h`, `10 * 1024` as the product."""
    duration = re.fullmatch(r"(\d+)\s*\*\s*time\.(\w+)", source)
    if duration and duration[2] in _UNITS:
        return duration[1] + _UNITS[duration[2]]
    factors = re.split(r"\s*\*\s*", source)
    if all(factor.isdigit() for factor in factors):
        return str(math.prod(map(int, factors)))
    return None


def _read_kind(suffix: str) -> Kind | None:
    word = suffix.lower()
    return next((kind for part, kind in _KINDS.items() if part in word and (part or not word)), None)


def _call_of(node: Node) -> Node | None:
    """The call whose argument a node is."""
    arguments = node.parent
    return arguments.parent if arguments is not None and arguments.type == "argument_list" else None


def _enclosing(node: Node, body: Node | None) -> Node | None:
    """The `if` in whose condition a node stands, or the assignment whose value it is."""
    inner, outer = node, node.parent
    while outer is not None and inner != body:
        if outer.type == "if_statement" and inner != outer.child_by_field_name("consequence"):
            return outer if inner != outer.child_by_field_name("alternative") else None
        if outer.type == "assignment_statement":
            return outer
        if outer.type == "block":
            return None
        inner, outer = outer, outer.parent
    return None


def _assigned(holder: Node) -> list[str]:
    """The fields of config that an assignment, or the first branch of an `if`, gives a value."""
    if holder.type == "if_statement":
        block = holder.child_by_field_name("consequence")
        inner = [node for node in walk(block) if node.type == "assignment_statement"] if block else []
    else:
        inner = [holder]
    fields = []
    for assignment in inner:
        left, right = field_text(assignment, "left"), field_text(assignment, "right")
        if left.startswith("config.") and (assignment == holder or _is_plain(right)):
            fields.append(left.removeprefix("config."))
    return fields


def _is_plain(value: str) -> bool:
    """Whether a value is passed on as it is: a variable, a truth value, a conversion, and not something made of it."""
    return re.fullmatch(r"\*?[\w.]+|[\w.]+\(\*?[\w.]+\)", value) is not None


def _compared_with(holder: Node | None) -> set[str]:
    """The truth values with which the condition of an `if` compares texts."""
    condition = holder.child_by_field_name("condition") if holder is not None else None
    if condition is None:
        return set()
    return set(re.findall(r'==\s*"(true|false|1|0)"', text_of(condition)))
