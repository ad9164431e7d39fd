"""A Mix project as an immutable value: its files, and what no single file can tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType

from otp_genesis.model.frozen import Frozen
from otp_genesis.otp.extract import Unparsable, analyse
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.folder import Unreadable, content, project_paths, require_project
from otp_genesis.otp.modules import Modules, by_name
from otp_genesis.otp.vocabulary import VOCABULARY, Vocabulary

__all__ = ["Project", "SourceFile", "Unparsed"]

_USING = re.compile(rb"def\w*[ (]+__using__")


class Unparsed(Frozen):
    """A file that could not be read as Elixir, or not whole; it is neither clean nor edited."""

    file: str
    reason: str


@dataclass(frozen=True)
class Project:
    """Files by their path relative to the project, with `/`."""

    files: Mapping[str, SourceFile]
    unparsed: tuple[Unparsed, ...] = ()
    vocabulary: Vocabulary = VOCABULARY
    """Which calls its files were read for."""

    @classmethod
    def read(cls, root: Path, jobs: int = 1, vocabulary: Vocabulary = VOCABULARY) -> Project:
        """Read `mix.exs`, `lib`, `test` and `config` of a project and of its umbrella's apps.

        Raises `NotAProject` where `root` has no `mix.exs`. `jobs` processes share the work.
        """
        require_project(root)
        paths = project_paths(root)
        read = partial(_read, root, vocabulary)
        if jobs <= 1:
            return cls.joined(map(read, paths), vocabulary)
        with ProcessPoolExecutor(jobs) as pool:
            share = max(1, len(paths) // (jobs * 4))
            return cls.joined(pool.map(read, paths, chunksize=share), vocabulary)

    @classmethod
    def of(cls, files: Mapping[str, str | bytes], vocabulary: Vocabulary = VOCABULARY) -> Project:
        """Return the project that consists of these texts."""
        contents = {p: t.encode() if isinstance(t, str) else t for p, t in files.items()}
        read = partial(_analysed, vocabulary)
        return cls.joined(map(read, sorted(contents.items())), vocabulary)

    @classmethod
    def joined(cls, analysed: Iterable[SourceFile | Unparsed], vocabulary: Vocabulary) -> Project:
        """Return the project of these files, which come by path."""
        files: dict[str, SourceFile] = {}
        unparsed: list[Unparsed] = []
        for found in analysed:
            if isinstance(found, Unparsed):
                unparsed.append(found)
            else:
                files[found.path] = found
                unparsed += _half_read(found)
        told = tuple(sorted(unparsed, key=lambda one: one.file))
        return cls(MappingProxyType(files), told, vocabulary)

    def with_files(self, files: Mapping[str, bytes | None]) -> Project:
        """Return the project with these files instead; `None` takes one away."""
        kept = {path: file for path, file in self.files.items() if path not in files}
        present = {path: data for path, data in files.items() if data is not None}
        new = self.of(present, self.vocabulary)
        merged = dict(sorted({**kept, **new.files}.items()))
        unparsed = [*(lost for lost in self.unparsed if lost.file not in files), *new.unparsed]
        lost = tuple(sorted(unparsed, key=lambda one: one.file))
        return Project(MappingProxyType(merged), lost, self.vocabulary)

    def source(self, path: str) -> bytes:
        """Return the bytes of a file."""
        return self.files[path].text

    def __getstate__(self) -> dict[str, object]:
        return {
            "files": dict(self.files),
            "unparsed": self.unparsed,
            "vocabulary": self.vocabulary,
        }

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    @cached_property
    def modules(self) -> Mapping[str, tuple[SourceFile, Module]]:
        """Every module outside `quote` by its full name; `lib` wins over `test`."""
        return Modules(self.files.values())

    def app_of(self, path: str) -> str:
        """Return the folder of the app that holds `path`: `apps/web/` in an umbrella, or empty."""
        parts = path.split("/")
        if len(parts) > 2 and parts[0] == "apps" and f"apps/{parts[1]}/mix.exs" in self.files:
            return f"apps/{parts[1]}/"
        return ""

    def behaviours(self, module: Module) -> frozenset[str]:
        """Return what a module uses or declares to be, through the project's own `__using__`s."""
        asked = (*module.uses, *module.behaviours)
        if asked not in self._brought:
            self._brought[asked] = self._brings(asked)
        return self._brought[asked]

    def files_used(self, module: Module) -> list[SourceFile]:
        """Return the files of the project that define what a module uses or declares to be."""
        known = [name for name in self.behaviours(module) if name in self.modules]
        return [self.modules[name][0] for name in known]

    @cached_property
    def _used(self) -> Mapping[str, tuple[SourceFile, Module]]:
        """The modules of the few files that define a `__using__`."""
        files = [file for file in self.files.values() if defines_using(file.text)]
        files.sort(key=lambda file: file.kind == "lib")
        return by_name(files)

    @cached_property
    def _brought(self) -> dict[tuple[str, ...], frozenset[str]]:
        return {}

    def _brings(self, asked: tuple[str, ...]) -> frozenset[str]:
        found: set[str] = set()
        waiting = [*asked]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            file, used = self._used.get(name, (None, None))
            if file is not None and used is not None:
                waiting += [
                    d.module
                    for d in file.directives
                    if d.kind == "use" and d.quoted and used.start <= d.start < used.end
                ]
        return frozenset(found)


def defines_using(text: bytes) -> bool:
    """Whether others may `use` a module of this text."""
    return b"__using__" in text and _USING.search(text) is not None


def _half_read(file: SourceFile) -> list[Unparsed]:
    """Return what is told of a file of which some lines could not be read."""
    if not file.gaps:
        return []
    lines = ", ".join(map(str, file.gaps))
    return [Unparsed(file=file.path, reason=f"{lines} could not be read; the rest was")]


def _read(root: Path, vocabulary: Vocabulary, path: str) -> SourceFile | Unparsed:
    try:
        return _analysed(vocabulary, (path, content(root, path)))
    except Unreadable as error:
        return Unparsed(file=error.file, reason=str(error))


def analysed(path: str, data: bytes, vocabulary: Vocabulary) -> SourceFile | Unparsed:
    """Return a file with its facts, which are read when asked for, or why it has none."""
    try:
        return analyse(path, data, vocabulary)
    except Unparsable as reason:
        return Unparsed(file=path, reason=str(reason))


def _analysed(vocabulary: Vocabulary, item: tuple[str, bytes]) -> SourceFile | Unparsed:
    file = analysed(*item, vocabulary)
    if isinstance(file, Unparsed):
        return file
    file.facts.read_all()
    file.let_go()
    return file
