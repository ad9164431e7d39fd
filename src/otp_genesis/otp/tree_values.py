"""Values that the source gives as they are: names, numbers, and the keys of keyword lists."""

from __future__ import annotations

from typing import Final

from tree_sitter import Node

from otp_genesis.otp.project import Project
from otp_genesis.otp.syntax import child, code, keyword, parts
from otp_genesis.otp.tree_scope import Given, called, meaning, operands, operator, returned

LITERALS = frozenset({"atom", "integer", "boolean", "nil", "quoted_atom"})
KEPT = frozenset(
    {"Keyword.take", "Keyword.merge", "Keyword.put_new", "Keyword.put", "Keyword.drop"}
)
"""Functions whose result has the keys of their first argument, where they do not speak of them."""


STEPS = 12
"""How many names are followed to a value."""


class Missing:
    """The type of `MISSING`."""


MISSING: Final = Missing()
"""The source gives no such key."""


class Values:
    """Finds what expressions stand for in one project."""

    def __init__(self, project: Project):
        self.project = project

    def static(self, given: Given | None, steps: int = STEPS) -> str | None:
        """Return the value of an expression as Elixir writes it, `None` where it is computed."""
        if given is None or steps == 0:
            return None
        node, scope = given.node, given.scope
        if node.type == "alias" or code(node) == "__MODULE__":
            return scope.expand(node)
        if node.type == "dot" and code(node).startswith("__MODULE__."):
            return scope.expand(node)
        if node.type in LITERALS:
            return code(node) if child(node, "interpolation") is None else None
        if node.type == "access_call":
            found = self._access(given, steps)
            return None if isinstance(found, Missing) else self.static(found, steps - 1)
        if operator(node) == "||":
            return self._either(given, steps)
        if node.type == "call" or operator(node) == "|>":
            return self._called(given, steps)
        return self.static(meaning(given), steps - 1)

    def key(self, given: Given | None, name: str, steps: int = STEPS) -> Given | Missing | None:
        """Return the value of a key of a keyword list or map; `None` where that is not said."""
        if given is None or steps == 0:
            return None
        node, scope = given.node, given.scope
        if node.type == "map":
            node = child(child(node, "map_content"), "keywords") or node
        if node.type in ("list", "keywords", "map"):
            found = keyword(node, name)
            if found is not None:
                return Given(found, scope)
            return None if any(operator(part) == "|" for part in parts(node)) else MISSING
        if operator(node) == "++":
            return self._joined(given, name, steps)
        if node.type == "call" or operator(node) == "|>":
            return self._of_call(given, name, steps)
        return self.key(meaning(given), name, steps - 1)

    def _access(self, given: Given, steps: int) -> Given | Missing | None:
        target, key = (given.node.child_by_field_name(name) for name in ("target", "key"))
        if target is None or key is None or key.type != "atom":
            return None
        return self.key(Given(target, given.scope), code(key).lstrip(":"), steps - 1)

    def _either(self, given: Given, steps: int) -> str | None:
        left, right = operands(given.node)
        if left is None or right is None:
            return None
        first: Given | Missing | None = Given(left, given.scope)
        if left.type == "access_call":
            first = self._access(Given(left, given.scope), steps)
        if isinstance(first, Missing):
            return self.static(Given(right, given.scope), steps - 1)
        return self.static(first, steps - 1)

    def _called(self, given: Given, steps: int) -> str | None:
        name, values = called(given.node)
        if name in ("Keyword.get", "Keyword.fetch!", "Keyword.pop!") and len(values) > 1:
            key = code(values[1]).lstrip(":")
            found = self.key(Given(values[0], given.scope), key, steps - 1)
            if isinstance(found, Missing):
                default = values[2] if len(values) > 2 else None
                found = Given(default, given.scope) if default is not None else None
            return self.static(found, steps - 1)
        if name == "Module.concat" and len(values) == 2:
            both = [self.static(Given(value, given.scope), steps - 1) for value in values]
            return ".".join(part for part in both if part) if all(both) else None
        return self._of_function(given, steps)

    def _of_function(self, given: Given, steps: int) -> str | None:
        found = returned(self.project, given)
        if not found or len(found) > 1:
            return None
        return self.static(found[0].given, steps - 1)

    def _joined(self, given: Given, name: str, steps: int) -> Given | Missing | None:
        for side in operands(given.node):
            found = self.key(Given(side, given.scope), name, steps - 1) if side else None
            if not isinstance(found, Missing):
                return found
        return MISSING

    def _of_call(self, given: Given, name: str, steps: int) -> Given | Missing | None:
        function, values = called(given.node)
        if function not in KEPT or len(values) < 2:
            found = returned(self.project, given)
            return self.key(found[0].given, name, steps - 1) if found and len(found) == 1 else None
        first, second = (Given(value, given.scope) for value in values[:2])
        if function in ("Keyword.put", "Keyword.put_new") and code(second.node) == f":{name}":
            if function == "Keyword.put":
                return Given(values[-1], given.scope)
            known = self.key(first, name, steps - 1)
            return Given(values[-1], given.scope) if isinstance(known, Missing) else known
        if function == "Keyword.merge":
            known = self.key(second, name, steps - 1)
            return self.key(first, name, steps - 1) if isinstance(known, Missing) else known
        listed = _atoms(second.node)
        if function in ("Keyword.take", "Keyword.drop") and (
            (f":{name}" in listed) != (function == "Keyword.take")
        ):
            return MISSING
        return self.key(first, name, steps - 1)


def _atoms(node: Node) -> set[str]:
    return {code(part) for part in parts(node)} if node.type == "list" else set()
