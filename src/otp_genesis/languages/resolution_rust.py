"""Which file a Rust path means: `mod`, `crate::`, `self::`, `super::`, crates of the project."""

from __future__ import annotations

import posixpath

from otp_genesis.languages.facts import Import
from otp_genesis.languages.layout import Layout

_GIVEN = "self::file:"
_ROOTS = ("lib.rs", "main.rs")
_OWN_CRATES = ("bin", "tests", "examples", "benches")


def rust(layout: Layout, path: str, one: Import) -> tuple[str, ...]:
    """Return the file that an import of the file `path` means, if it is one of the project."""
    folder, inner = posixpath.dirname(path), _inner(path)
    if one.target.startswith(_GIVEN):
        given = posixpath.normpath(posixpath.join(folder, one.target.removeprefix(_GIVEN)))
        return (given,) if given in layout.paths else ()
    parts = one.target.split("::")
    first, rest = parts[0], parts[1:]
    if first == "crate":
        found = _at(layout, _source(layout, path), rest)
    elif first == "self":
        found = _below(layout, inner, rest)
    elif first == "super":
        while rest[:1] == ["super"]:
            inner, rest = posixpath.dirname(inner), rest[1:]
        found = _at(layout, posixpath.dirname(inner), rest)
    else:
        found = _crate(layout, first, rest) or _below(layout, inner, parts)
    return (found,) if found else ()


def _inner(path: str) -> str:
    """Return the folder in which the modules of a file's module are."""
    folder, name = posixpath.split(path)
    own = name in (*_ROOTS, "mod.rs") or posixpath.basename(folder) in _OWN_CRATES
    return folder if own else path.removesuffix(".rs")


def _source(layout: Layout, path: str) -> str:
    """Return the folder of the crate that a file is in."""
    folder = posixpath.dirname(path)
    if posixpath.basename(folder) in _OWN_CRATES:
        return folder
    for manifest in layout.of_type("rust"):
        if path.startswith(f"{manifest.folder}src/"):
            return f"{manifest.folder}src"
    while folder and not any(posixpath.join(folder, name) in layout.paths for name in _ROOTS):
        folder = posixpath.dirname(folder)
    return folder


def _below(layout: Layout, folder: str, parts: list[str]) -> str | None:
    """Return the deepest module file on the way of `parts` below a folder."""
    best = None
    for part in parts:
        folder = posixpath.join(folder, part)
        found = layout.first((f"{folder}.rs", posixpath.join(folder, "mod.rs")))
        if found is None:
            break
        best = found
    return best


def _at(layout: Layout, folder: str, parts: list[str]) -> str | None:
    """Return the module file below a folder, or that of the folder itself."""
    roots = (posixpath.join(folder, name) for name in ("mod.rs", *_ROOTS))
    return _below(layout, folder, parts) or layout.first((f"{folder}.rs", *roots))


def _crate(layout: Layout, name: str, parts: list[str]) -> str | None:
    for manifest in layout.of_type("rust"):
        if manifest.name.replace("-", "_") == name and manifest.path.endswith("Cargo.toml"):
            source = f"{manifest.folder}src"
            return _below(layout, source, parts) or layout.first((f"{source}/lib.rs",))
    return None
