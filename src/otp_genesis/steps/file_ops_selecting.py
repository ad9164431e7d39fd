"""Which files of the workspace a `file_ops` step means: paths, patterns, and what is left out."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, model_validator

from otp_genesis.contracts.step import Context, Params
from otp_genesis.errors import CodebaseError, OutsideJail, UsageError
from otp_genesis.expr.loose_pattern import found
from otp_genesis.expr.loose_pattern_grammar import BadPattern
from otp_genesis.expr.template import has_template
from otp_genesis.steps.workspace_paths import relative

MAX_CHOICES = 100
_MAGIC = re.compile(r"[*?\[{]")
_CHOICE = re.compile(r"\{([^{}]*,[^{}]*)\}")
_GLOB = re.compile(r"(?:^|[\w/-])\*|\*\*|\{(?!\d*,?\d*\})[^{}]+\}|^\?")
_REGEX_ONLY = re.compile(r"[\\^$()+|]|\.[*+?{]|\][*+?{]")
_AGE = re.compile(r"\s*(\d{1,9})\s*(second|minute|hour|day|week)s?\s*")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
"""One text, or a list of them."""


def seconds_of(age: str) -> int:
    """Return the seconds of `7 days`; raise `ValueError`."""
    match = _AGE.fullmatch(age)
    if match is None:
        raise ValueError(f"{age!r} is no age; write '7 days' or '30 minutes'")
    return int(match[1]) * _SECONDS[match[2]]


def _checked_age(age: str) -> str:
    if not has_template(age):
        seconds_of(age)
    return age


class Selection(Params):
    """Files: a path or a glob as text; or a mapping, which can also say what a list leaves out."""

    path: str | None = None
    pattern: str | None = None
    """A glob: `*` within a folder, `**` over folders, `?`, `[a-z]`, `{a,b}`."""
    exclude: Texts = ()
    older_than: Annotated[str, AfterValidator(_checked_age)] | None = None
    """Such as `7 days`, since the file was last changed."""

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, written: Any) -> Any:
        return {"path": written} if isinstance(written, str) else written


Source = Annotated[
    tuple[Selection, ...],
    BeforeValidator(_listed, json_schema_input_type=str | Selection | list[str | Selection]),
]


@dataclass(frozen=True)
class Chosen:
    """A file or folder, and the folder that its pattern begins in."""

    path: str
    base: str

    @property
    def below_base(self) -> str:
        """The path below that folder."""
        return self.path.removeprefix(f"{self.base}/") if self.base else self.path


def is_glob(pattern: str) -> bool:
    """Whether a pattern is a glob; else it is a regular expression.

    It is one where a `*` stands at the beginning or behind a letter, a digit, `-` or `/`, or where
    there are choices `{a,b}`, and nothing that only regular expressions have.
    """
    if pattern.startswith(("*", "?")):
        return True
    return _GLOB.search(pattern) is not None and _REGEX_ONLY.search(pattern) is None


def chosen(source: Sequence[Selection], ctx: Context) -> list[Chosen]:
    """Return what is meant, each once, in order. A plain path is returned whether or not it exists.

    What one part leaves out, and its age, count for all. Raises `UsageError` for a pattern that is
    none, `OutsideJail` for what leaves the workspace.
    """
    found: dict[str, Chosen] = {}
    for part in source:
        if part.path is not None:
            found |= {one.path: one for one in named(part.path, ctx)}
        if part.pattern is not None:
            found |= {one.path: one for one in matching(part.pattern, ctx)}
    left_out = {
        one.path for part in source for pattern in part.exclude for one in named(pattern, ctx)
    }
    ages = [seconds_of(part.older_than) for part in source if part.older_than is not None]
    kept = [one for path, one in found.items() if path not in left_out]
    return [one for one in kept if not ages or _age(one.path, ctx) > max(ages)]


def named(written: str, ctx: Context) -> Iterator[Chosen]:
    """Yield the file of a path, or those that fit a glob."""
    path = relative(written, ctx)
    if _MAGIC.search(path) and not (Path(ctx.codebase.root) / path).exists():
        yield from matching(path, ctx)
    else:
        path = str(PurePosixPath(path))
        yield Chosen(path, "" if path == "." else str(PurePosixPath(path).parent).removeprefix("."))


def matching(pattern: str, ctx: Context) -> list[Chosen]:
    """Return the files and folders that fit a glob, sorted; nothing behind a symbolic link."""
    pattern = relative(pattern, ctx)
    parts = PurePosixPath(pattern).parts
    if pattern.startswith("/") or ".." in parts:
        raise OutsideJail(pattern, "it leads out of the workspace")
    fixed: list[str] = []
    for part in parts[:-1]:
        if _MAGIC.search(part):
            break
        fixed.append(part)
    base = "/".join(fixed)
    return [Chosen(path, base) for path in globbed("", pattern, ctx)]


def globbed(folder: str, pattern: str, ctx: Context) -> list[str]:
    """Return the paths below `folder`, each with it, that fit a glob; raise `UsageError`."""
    root = Path(ctx.codebase.root)
    paths: set[str] = set()
    for choice in _choices(pattern):
        last = "/*" if choice.endswith("**") else ""
        try:
            found = list((root / folder).glob(choice + last))
        except (ValueError, NotImplementedError, IndexError) as error:
            raise UsageError(f"{pattern!r} is no pattern of files: {error}") from None
        paths |= {one.relative_to(root).as_posix() for one in found}
    return [path for path in sorted(paths) if _is_inside(root, path)]


def _choices(pattern: str) -> list[str]:
    """Return the patterns without `{a,b}` that a pattern stands for; raise `UsageError`."""
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        one = waiting.pop()
        match = _CHOICE.search(one)
        if match is None:
            done.append(one)
        else:
            head, tail = one[: match.start()], one[match.end() :]
            waiting += [f"{head}{choice}{tail}" for choice in match[1].split(",")]
        if len(done) + len(waiting) > MAX_CHOICES:
            raise UsageError(f"{pattern!r} stands for more than {MAX_CHOICES} patterns")
    return done


def _is_inside(root: Path, path: str) -> bool:
    parts = PurePosixPath(path).parts
    if ".git" in parts or path == ".":
        return False
    # Its own name may be a link; the folders that lead to it may not.
    return not any((root / parent).is_symlink() for parent in PurePosixPath(path).parents)


def _age(path: str, ctx: Context) -> float:
    place = Path(ctx.codebase.root) / path
    try:
        return time.time() - place.lstat().st_mtime
    except OSError as error:
        raise CodebaseError(f"{path}: cannot be looked up: {error.strerror}") from None


def names_matching(names: Iterable[str], pattern: str) -> list[str]:
    """Return the names in which a regular expression is found; raise `UsageError`."""
    try:
        return [name for name in names if found(pattern, name)]
    except BadPattern as error:
        raise UsageError(f"{pattern!r} is no regular expression: {error}") from None
