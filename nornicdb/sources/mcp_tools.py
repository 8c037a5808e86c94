"""The tools of the MCP server with their JSON schemas, which the source writes as Go maps."""

from pathlib import Path
from typing import Any

from tree_sitter import Node

from heimdall.source_code import text_of
from nornicdb.facts import McpTool, ToolParam
from nornicdb.gosource import GoFile, field_text, line_of, read_fields, walk

FILE = "pkg/mcp/tools.go"


def read_tools(checkout: Path) -> tuple[McpTool, ...]:
    """All tools in the order of the source."""
    file = GoFile(checkout, FILE)
    tools = []
    for element in _find_elements(file, "GetToolDefinitions"):
        call = element.named_children[0]
        if call.type != "call_expression":
            raise file.moved("a call for each tool in GetToolDefinitions", element)
        body = file.find_function(field_text(call, "function"))
        literal = next((node for node in walk(body) if _is_literal_of(node, "Tool")), None)
        if literal is None:
            raise file.moved("a Tool literal", body)
        schema = _find_schema(file, field_text(call, "function"))
        name = file.read_string(read_fields(_body(literal)).get("Name"), "the Name of a tool", literal)
        tools.append(McpTool(name=name, file=FILE, line=line_of(literal), params=_read_params(file, schema)))
    return tuple(tools)


def _find_elements(file: GoFile, function: str) -> list[Node]:
    """The elements of the list that a function returns, itself or by calling another."""
    returned = file.find_returned(function)
    if returned.type == "call_expression" and field_text(returned, "function") != function:
        return _find_elements(file, field_text(returned, "function"))
    return file.find_returned_elements(function)


def _read_params(file: GoFile, schema: Node) -> tuple[ToolParam, ...]:
    value = _read_value(file, schema)
    properties, required = value.get("properties"), value.get("required", [])
    if not isinstance(properties, dict) or not all(isinstance(each, dict) for each in properties.values()):
        raise file.moved("a schema with properties", schema)
    return tuple(
        ToolParam(
            name=name,
            type=each.get("type", "any"),
            required=name in required,
            default=None if each.get("default") is None else str(each["default"]),
            allowed=tuple(each.get("enum", ())),
        )
        for name, each in properties.items()
    )


def _read_value(file: GoFile, node: Node) -> Any:
    """A Go literal as Python's value; what is only known at run time is None."""
    match node.type:
        case "literal_element":
            return _read_value(file, node.named_children[0])
        case "composite_literal":
            body = _body(node)
            if text_of(node).startswith("map["):
                pairs = [pair.named_children for pair in body.named_children if pair.type == "keyed_element"]
                return {file.read_string(pair[0], "a key of a schema"): _read_value(file, pair[1]) for pair in pairs}
            return [_read_value(file, each) for each in body.named_children if each.type != "comment"]
        case "call_expression" if file.try_function(field_text(node, "function")) is not None:
            return _read_value(file, _find_schema(file, field_text(node, "function")))
        case "interpreted_string_literal" | "raw_string_literal":
            return file.read_string(node, "a schema")
        case "int_literal" | "float_literal" | "true" | "false":
            return text_of(node)
    return None


def _find_schema(file: GoFile, function: str) -> Node:
    """The first map that a function makes; what it adds on a condition is left out."""
    body = file.find_function(function)
    for node in walk(body):
        if _is_literal_of(node, "map[string]interface{}"):
            return node
    raise file.moved(f"a map in {function}", body)


def _is_literal_of(node: Node, kind: str) -> bool:
    return node.type == "composite_literal" and field_text(node, "type") == kind


def _body(literal: Node) -> Node:
    body = literal.child_by_field_name("body")
    return body if body is not None else literal
