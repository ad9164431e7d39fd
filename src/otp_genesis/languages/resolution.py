"""Which files of the project an import means, for each language."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator

from otp_genesis.languages.facts import Import
from otp_genesis.languages.layout import Layout
from otp_genesis.languages.resolution_rust import rust

_ENDINGS = (".ts", ".tsx", ".d.ts", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json")
_WRITTEN_FOR = {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}

Resolve = Callable[[Layout, str, Import], tuple[str, ...]]


def resolved(layout: Layout, path: str, one: Import) -> tuple[str, ...]:
    """Return the files that an import of the file `path` means; none where it is no file here."""
    found = _RESOLVERS[layout.facts[path].language](layout, path, one)
    return tuple(sorted(set(found) - {path}))


def _elixir(layout: Layout, path: str, one: Import) -> tuple[str, ...]:
    return tuple(layout.modules.get(one.target, ()))


def _go(layout: Layout, path: str, one: Import) -> tuple[str, ...]:
    for manifest in layout.of_type("go"):
        if one.target == manifest.name or one.target.startswith(f"{manifest.name}/"):
            below = one.target[len(manifest.name) :].strip("/")
            folder = posixpath.normpath(manifest.folder + below) if below else manifest.folder
            return tuple(layout.go_folders.get(folder.strip("/").removeprefix("."), ()))
    return ()


def _python(layout: Layout, path: str, one: Import) -> tuple[str, ...]:
    level = len(one.target) - len(one.target.lstrip("."))
    parts = [part for part in one.target.lstrip(".").split(".") if part]
    if level:
        folder = posixpath.dirname(path)
        for _ in range(level - 1):
            folder = posixpath.dirname(folder)
        return tuple(_modules(layout, folder, parts, one.names))
    for root in _roots(layout, path):
        if found := tuple(_modules(layout, root, parts, one.names)):
            return found
    return ()


def _roots(layout: Layout, path: str) -> Iterator[str]:
    """Yield where absolute imports begin: folders around that are no package, and their `src`."""
    folder = posixpath.dirname(path)
    while True:
        if posixpath.join(folder, "__init__.py") not in layout.paths:
            yield folder
            yield posixpath.join(folder, "src")
        if not folder:
            return
        folder = posixpath.dirname(folder)


def _modules(layout: Layout, root: str, parts: list[str], names: tuple[str, ...]) -> Iterator[str]:
    """Yield the files of `parts` below `root`: submodules among `names`, else the module itself."""
    base = posixpath.join(root, *parts) if parts else root
    own = layout.first(
        (*((f"{base}.py", f"{base}.pyi") if parts else ()), posixpath.join(base, "__init__.py"))
    )
    whole = not names
    for name in names:
        inner = posixpath.join(base, name)
        found = layout.first((f"{inner}.py", f"{inner}.pyi", f"{inner}/__init__.py"))
        if found is None:
            whole = True
        else:
            yield found
    if own is not None and whole:
        yield own


def _javascript(layout: Layout, path: str, one: Import) -> tuple[str, ...]:
    target = one.target.partition("?")[0]
    if target.startswith("."):
        base = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        found = _script(layout, base)
        return (found,) if found else ()
    for place in _aliased(layout, path, target):
        if found := _script(layout, place):
            return (found,)
    return ()


def _script(layout: Layout, base: str) -> str | None:
    base = "" if base == "." else base
    stem, ending = posixpath.splitext(base)
    candidates = [base, *(base + one for one in _ENDINGS)]
    candidates += [stem + one for one in _WRITTEN_FOR.get(ending, ())]
    candidates += [posixpath.join(base, f"index{one}") for one in _ENDINGS]
    return layout.first(candidates)


def _aliased(layout: Layout, path: str, target: str) -> Iterator[str]:
    folder = posixpath.dirname(path)
    while folder not in layout.aliases and folder:
        folder = posixpath.dirname(folder)
    for prefix, place in layout.aliases.get(folder, ()):
        head, star, tail = prefix.partition("*")
        if not star:
            if target == prefix:
                yield place
        elif target.startswith(head) and target.endswith(tail):
            yield place.replace("*", target[len(head) : len(target) - len(tail)], 1)


_RESOLVERS: dict[str, Resolve] = {
    "elixir": _elixir,
    "python": _python,
    "javascript": _javascript,
    "typescript": _javascript,
    "go": _go,
    "rust": rust,
}


def passed_on(layout: Layout, path: str, source: str, name: str) -> tuple[str, ...]:
    """Return the files that a file passes a name on from."""
    target = f"{source}::{name}" if layout.facts[path].language == "rust" else source
    return resolved(layout, path, Import("export", target, 0))
