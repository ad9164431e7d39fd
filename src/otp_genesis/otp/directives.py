"""What `alias`, `import`, `use` and `require` bring into scope, and how far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tree_sitter import Node

from otp_genesis.otp.facts import Alias, Directive, Import
from otp_genesis.otp.syntax import arguments, code, keyword, parts, target

Expand = Callable[[str, int], str]
"""The full name of a module written at an offset."""


def scope_end(call: Node) -> int:
    """Return where the scope of a directive ends: with the block that it stands in."""
    return call.parent.end_byte if call.parent is not None else call.end_byte


def aliases(call: Node, expand: Expand) -> Iterator[Alias]:
    """Yield the aliases of one `alias`."""
    given = arguments(call)
    as_name = keyword(given[1], "as") if len(given) > 1 else None
    for name in _module_names(given):
        full = expand(name, call.start_byte)
        short = code(as_name) if as_name is not None else full.split(".")[-1]
        yield Alias(short, full, call.end_byte, scope_end(call))


def imports(call: Node, expand: Expand) -> Iterator[Import]:
    """Yield the imports of one `import`."""
    given = arguments(call)
    options = given[1] if len(given) > 1 else None
    only = keyword(options, "only")
    for name in _module_names(given):
        yield Import(
            module=expand(name, call.start_byte),
            only=_labels(only) if only is not None and only.type == "list" else None,
            excepted=_labels(keyword(options, "except")),
            start=call.end_byte,
            end=scope_end(call),
        )


def directives(call: Node, expand: Expand, quoted: bool) -> Iterator[Directive]:
    """Yield what one `use` or `require` names; `quoted` where it stands in a `quote`."""
    for name in _module_names(arguments(call)):
        yield Directive(
            kind="use" if target(call) == "use" else "require",
            module=expand(name, call.start_byte),
            start=call.start_byte,
            end=call.end_byte,
            scope_end=scope_end(call),
            quoted=quoted,
        )


def hides(label: str, imported: Iterable[Import]) -> bool:
    """Whether `import Kernel` with `only:` or `except:` takes a function away."""
    return any(
        label in found.excepted or (found.only is not None and label not in found.only)
        for found in imported
        if found.module == "Kernel"
    )


def _module_names(given: list[Node]) -> list[str]:
    """Return the modules named by `A.B`, `A.{B, C}`, `__MODULE__` or an atom."""
    node = given[0] if given else None
    if node is None:
        return []
    if node.type == "dot" and (many := node.child_by_field_name("right")) is not None:
        if many.type == "tuple":
            left = code(node.child_by_field_name("left"))
            return [f"{left}.{code(part)}" for part in parts(many)]
        return [code(node)]
    return [code(node)] if node.type in ("alias", "atom", "identifier") else []


def _labels(options: Node | None) -> frozenset[str]:
    """Return `name/arity` for each pair of `[name: arity]`."""
    if options is None or options.type != "list":
        return frozenset()
    return frozenset(
        f"{code(pair.child_by_field_name('key')).rstrip().rstrip(':')}/"
        f"{code(pair.child_by_field_name('value'))}"
        for keywords in parts(options)
        for pair in parts(keywords)
    )
