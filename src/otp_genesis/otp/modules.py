"""The modules of a project by name; tests are only read for names that nothing else defines."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from otp_genesis.otp.facts import Module, SourceFile

_DEFINED = re.compile(
    rb"def(?:module|protocol)\s+([\w.]+)\s*(?:do\b|,)|def(module|impl|protocol)\b"
)


class Modules(Mapping[str, tuple[SourceFile, Module]]):
    """Every module outside `quote` with its file, by its full name; `lib` wins over the others."""

    def __init__(self, files: Iterable[SourceFile]):
        self._files = tuple(files)

    def __getitem__(self, name: str) -> tuple[SourceFile, Module]:
        found = self._production.get(name)
        if found is not None:
            return found
        last = name.rpartition(".")[2].encode()
        for file in reversed((*self._unclear, *self._elsewhere.get(last, ()))):
            for module in reversed(file.modules):
                if module.name == name and not module.quoted:
                    return file, module
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @cached_property
    def _production(self) -> dict[str, tuple[SourceFile, Module]]:
        return _by_name(file for file in self._files if file.kind == "lib")

    @cached_property
    def _all(self) -> dict[str, tuple[SourceFile, Module]]:
        others = (file for file in self._files if file.kind != "lib")
        return {**_by_name(others), **self._production}

    @cached_property
    def _elsewhere(self) -> dict[bytes, list[SourceFile]]:
        """The other files by the last part of each name that they define."""
        found: dict[bytes, list[SourceFile]] = defaultdict(list)
        for file in self._files:
            if file.kind != "lib":
                for match in _DEFINED.finditer(file.text):
                    if match[1]:
                        found[match[1].rpartition(b".")[2]].append(file)
        return found

    @cached_property
    def _unclear(self) -> list[SourceFile]:
        """The other files that define modules whose names their text does not show."""
        return [
            file
            for file in self._files
            if file.kind != "lib" and any(match[2] for match in _DEFINED.finditer(file.text))
        ]


def _by_name(files: Iterable[SourceFile]) -> dict[str, tuple[SourceFile, Module]]:
    return {m.name: (file, m) for file in files for m in file.modules if not m.quoted}
