"""The modules of a project by name; tests are only read for names that nothing else defines."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from otp_genesis.otp.facts import Module, SourceFile

_DEFINED = re.compile(
    rb"def(?:module|protocol)\s+([\w.]+)\s*(?:do\b|,)|def(?:module|impl|protocol)\b"
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
        elsewhere = self._elsewhere
        for file in reversed((*elsewhere.get(None, ()), *elsewhere.get(last, ()))):
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
        return by_name(file for file in self._files if file.kind == "lib")

    @cached_property
    def _all(self) -> dict[str, tuple[SourceFile, Module]]:
        others = (file for file in self._files if file.kind != "lib")
        return {**by_name(others), **self._production}

    @cached_property
    def _elsewhere(self) -> dict[bytes | None, list[SourceFile]]:
        """The other files by the last part of each name that they define.

        `None` has those that define modules whose names their text does not show.
        """
        found: dict[bytes | None, list[SourceFile]] = defaultdict(list)
        for file in self._files:
            if file.kind != "lib":
                texts = (match[1] for match in _DEFINED.finditer(file.text))
                for last in {name and name.rpartition(b".")[2] for name in texts}:
                    found[last].append(file)
        return found


def by_name(files: Iterable[SourceFile]) -> dict[str, tuple[SourceFile, Module]]:
    """Return the modules of these files that stand in no `quote`; of one name the last."""
    return {m.name: (file, m) for file in files for m in file.modules if not m.quoted}
