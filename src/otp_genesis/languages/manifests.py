"""What a project's own files say of it: its kind, its name, what it depends on.

Nothing is run: `mix.exs` and `setup.py` are read as text.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from otp_genesis.languages.manifest_mix import mix_dependencies


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that a project says it needs."""

    name: str
    version: str
    """As written; empty where none is."""
    group: str = "runtime"
    """`runtime`, `dev`, `test`, `optional`, `indirect`, …"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One such file."""

    path: str
    project_type: str
    name: str = ""
    dependencies: tuple[Dependency, ...] = ()
    locked: tuple[str, ...] = ()
    """For a lock file: all that it holds."""

    @property
    def folder(self) -> str:
        """Where it is, with a slash at the end; empty at the top."""
        return self.path.rpartition("/")[0] + "/" if "/" in self.path else ""


class BadManifest(Exception):
    """A file that is not what its name says."""


_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*([^;#]*)")
_GO_REQUIRE = re.compile(r"^\s*(?:require\s+)?([\w.~-]+\.[^\s()]+)\s+(v\S+)(.*)$", re.MULTILINE)
_GO_MODULE = re.compile(r"^module\s+\"?([^\s\"]+)", re.MULTILINE)
_MIX_LOCKED = re.compile(r'^\s*"([\w-]+)":', re.MULTILINE)


def read_manifest(path: str, text: str) -> Manifest | None:
    """Return what a file says; nothing where its name is none of the known ones.

    Raises `BadManifest` where it cannot be read.
    """
    name = PurePosixPath(path).name
    reader = _READERS.get(name)
    if reader is None and re.fullmatch(r"requirements[\w.-]*\.txt", name):
        reader = _requirements
    if reader is None:
        return None
    try:
        return reader(path, text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError, AttributeError) as why:
        raise BadManifest(f"{path} cannot be read: {str(why).splitlines()[0]}") from None


def _mix(path: str, text: str) -> Manifest:
    found = re.search(r"\bapp:\s*:(\w+)", text)
    dependencies = tuple(Dependency(*row) for row in mix_dependencies(text))
    return Manifest(path, "elixir", found[1] if found else "", dependencies)


def _mix_lock(path: str, text: str) -> Manifest:
    return Manifest(path, "elixir", locked=tuple(_MIX_LOCKED.findall(text)))


_PACKAGE_GROUPS = {
    "dependencies": "runtime", "devDependencies": "dev", "peerDependencies": "peer",
    "optionalDependencies": "optional",
}  # fmt: skip


def _package(path: str, text: str) -> Manifest:
    told = json.loads(text)
    found = _grouped(told, _PACKAGE_GROUPS)
    return Manifest(path, "javascript", str(told.get("name") or ""), tuple(found))


def _package_lock(path: str, text: str) -> Manifest:
    packages = json.loads(text).get("packages") or {}
    names = {key.rpartition("node_modules/")[2] for key in packages if "node_modules/" in key}
    return Manifest(path, "javascript", locked=tuple(sorted(names)))


def _grouped(told: Mapping[str, Any], groups: Mapping[str, str]) -> Iterator[Dependency]:
    for key, group in groups.items():
        for name, version in (told.get(key) or {}).items():
            yield Dependency(name, _version(version), group)


def _version(told: Any) -> str:
    if isinstance(told, Mapping):
        kinds = ("version", "path", "git", "workspace")
        return next((f"{told[key]}" for key in kinds if key in told), "")
    return told if isinstance(told, str) else ""


def _required(lines: Iterable[Any], group: str = "runtime") -> Iterator[Dependency]:
    for line in lines:
        match = _REQUIREMENT.match(line) if isinstance(line, str) else None
        if match is not None:
            yield Dependency(match[1], match[2].strip(), group)


def _requirements(path: str, text: str) -> Manifest:
    group = "dev" if re.search(r"dev|test", PurePosixPath(path).name) else "runtime"
    lines = (line for line in text.splitlines() if not line.lstrip().startswith(("-", "#")))
    return Manifest(path, "python", dependencies=tuple(_required(lines, group)))


def _pyproject(path: str, text: str) -> Manifest:
    told = tomllib.loads(text)
    project, poetry = told.get("project") or {}, (told.get("tool") or {}).get("poetry") or {}
    found = list(_required(project.get("dependencies") or ()))
    for lines in (project.get("optional-dependencies") or {}).values():
        found += _required(lines, "optional")
    for lines in (told.get("dependency-groups") or {}).values():
        found += _required(lines, "dev")
    found += [one for one in _grouped(poetry, {"dependencies": "runtime"}) if one.name != "python"]
    found += _grouped(poetry, {"dev-dependencies": "dev"})
    for group in (poetry.get("group") or {}).values():
        found += _grouped(group, {"dependencies": "dev"})
    return Manifest(path, "python", project.get("name") or poetry.get("name") or "", tuple(found))


def _setup(path: str, text: str) -> Manifest:
    name = ""
    found: list[Dependency] = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.keyword):
            continue
        value = node.value
        if node.arg == "name" and isinstance(value, ast.Constant):
            name = str(value.value)
        elif node.arg in ("install_requires", "tests_require") and isinstance(value, ast.List):
            lines = [one.value for one in value.elts if isinstance(one, ast.Constant)]
            found += _required(lines, "test" if node.arg == "tests_require" else "runtime")
    return Manifest(path, "python", name, tuple(found))


def _go(path: str, text: str) -> Manifest:
    module = _GO_MODULE.search(text)
    found = [
        Dependency(name, version, "indirect" if "// indirect" in rest else "runtime")
        for name, version, rest in _GO_REQUIRE.findall(text)
    ]
    return Manifest(path, "go", module[1] if module else "", tuple(found))


_CRATE_GROUPS = {
    "dependencies": "runtime", "dev-dependencies": "dev", "build-dependencies": "build",
}  # fmt: skip


def _cargo(path: str, text: str) -> Manifest:
    told = tomllib.loads(text)
    found = list(_grouped(told, _CRATE_GROUPS))
    found += _grouped(told.get("workspace") or {}, {"dependencies": "workspace"})
    for target in (told.get("target") or {}).values():
        found += _grouped(target, _CRATE_GROUPS)
    return Manifest(path, "rust", (told.get("package") or {}).get("name") or "", tuple(found))


def _toml_lock(kind: str) -> Callable[[str, str], Manifest]:
    def read(path: str, text: str) -> Manifest:
        names = {one.get("name", "") for one in tomllib.loads(text).get("package") or ()}
        return Manifest(path, kind, locked=tuple(sorted(names)))

    return read


_READERS: dict[str, Callable[[str, str], Manifest]] = {
    "mix.exs": _mix,
    "mix.lock": _mix_lock,
    "package.json": _package,
    "package-lock.json": _package_lock,
    "pyproject.toml": _pyproject,
    "setup.py": _setup,
    "uv.lock": _toml_lock("python"),
    "poetry.lock": _toml_lock("python"),
    "go.mod": _go,
    "Cargo.toml": _cargo,
    "Cargo.lock": _toml_lock("rust"),
}
_FRAMEWORKS = {
    "phoenix": "phoenix", "nerves": "nerves", "django": "django", "flask": "flask",
    "fastapi": "fastapi", "next": "next", "nuxt": "nuxt", "@angular/core": "angular",
    "svelte": "svelte", "vue": "vue", "react": "react", "express": "express",
    "github.com/gin-gonic/gin": "gin", "github.com/labstack/echo/v4": "echo",
    "github.com/gofiber/fiber/v2": "fiber", "actix-web": "actix", "axum": "axum",
    "rocket": "rocket",
}  # fmt: skip


def is_manifest(path: str) -> bool:
    """Whether a file's name is that of a manifest or lock file."""
    name = PurePosixPath(path).name
    return name in _READERS or re.fullmatch(r"requirements[\w.-]*\.txt", name) is not None


def framework(dependencies: Iterable[Dependency]) -> str | None:
    """Return the framework that the dependencies tell of, the first of the known ones."""
    names = {one.name.lower() for one in dependencies}
    return next((told for name, told in _FRAMEWORKS.items() if name in names), None)
