"""HTTP routes, and what a user has to be allowed to do for each."""

from pathlib import Path

from tree_sitter import Node

from heimdall.errors import InputError
from heimdall.source_code import text_of
from nornicdb.facts import Route
from nornicdb.gosource import GoFile, field_text, line_of, list_go, walk

FOLDER = "pkg/server"
AUTH_FILE = "pkg/auth/auth.go"
_ROUTES = """
(call_expression function: (selector_expression) @function arguments: (argument_list . (_) @path . (_) @handler)
  (#any-of? @function "mux.Handle" "mux.HandleFunc"))
"""
_PERMISSIONS = """
(const_spec name: (identifier) @name value: (expression_list (interpreted_string_literal) @value)
  (#match? @name "^Perm"))
"""


def read_routes(checkout: Path) -> tuple[Route, ...]:
    """All routes in the order of the source."""
    auth = GoFile(checkout, AUTH_FILE)
    permissions = {text_of(found["name"]): auth.read_string(found["value"], "") for found in auth.search(_PERMISSIONS)}
    routes = []
    for name in list_go(checkout, FOLDER):
        file = GoFile(checkout, name)
        for found in file.search(_ROUTES):
            path = file.read_string(found["path"], "a route's path")
            permission = _read_permission(file, found["handler"], permissions)
            routes.append(Route(name=path, file=name, line=line_of(found["path"]), permission=permission))
    if not any(route.permission for route in routes):
        raise InputError(f"'{checkout / FOLDER}' has no route with a permission, so none can be read from it.")
    return tuple(routes)


def _read_permission(file: GoFile, handler: Node, permissions: dict[str, str]) -> str | None:
    """The last argument of `withAuth`; without it, everybody may ask."""
    for node in walk(handler):
        if node.type == "call_expression" and field_text(node, "function").endswith(".withAuth"):
            arguments = node.child_by_field_name("arguments")
            permission = text_of(arguments.named_children[-1]).removeprefix("auth.") if arguments else ""
            if permission not in permissions:
                raise file.moved("a permission of pkg/auth as the last argument of withAuth", node)
            return permissions[permission]
    return None
