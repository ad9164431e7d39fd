"""Scans a folder file by file: a tree is kept no longer than the rules of its file take."""

from __future__ import annotations

import time
from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from otp_genesis.model.change import digest
from otp_genesis.otp.elixir_parser import asked_of_elixir
from otp_genesis.otp.extract import unread
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.folder import (
    Folder,
    Listed,
    Sources,
    Unreadable,
    content,
    listed,
    require_project,
)
from otp_genesis.otp.holding import RulesByNeed, has_server
from otp_genesis.otp.modules import by_name
from otp_genesis.otp.project import Project, Unparsed, analysed, defines_using
from otp_genesis.otp.rule import Finding, Rule
from otp_genesis.otp.scan import Report, chosen, findings_of, place_of
from otp_genesis.otp.scan_cache import Known, ScanCache
from otp_genesis.otp.vocabulary import Vocabulary


def sweep(
    root: Path,
    rules: Sequence[Rule],
    vocabulary: Vocabulary,
    only: Collection[str] = (),
    jobs: int = 1,
    cache: Path | None = None,
) -> tuple[Sources, Report]:
    """Return where the texts at `root` come from, and what `rules` find in them.

    The findings are those of `scan` of the whole project. `jobs` processes share the files; what
    was found is kept in the folder `cache` for the next time. Raises `NotAProject` where `root`
    has no `mix.exs`.
    """
    began = time.perf_counter()
    require_project(root)
    wanted = chosen(rules, only)
    files = listed(root)
    last = ScanCache(cache, root, wanted) if cache is not None else None
    report = last.report(files) if last is not None else None
    if report is not None:
        elapsed = time.perf_counter() - began
        told = report.model_copy(update={"elapsed_s": elapsed, "cached": report.files})
        return Folder(root), told
    project, report = _Sweep(root, wanted, vocabulary, jobs, last).run(files)
    return project, report.model_copy(update={"elapsed_s": time.perf_counter() - began})


@dataclass(frozen=True)
class _Sweep:
    root: Path
    rules: Sequence[Rule]
    vocabulary: Vocabulary
    jobs: int
    last: ScanCache | None

    def run(self, files: Sequence[Listed]) -> tuple[Project, Report]:
        began_ns = time.time_ns()
        near = tuple(rule for rule in self.rules if rule.reach == "file")
        far = [rule for rule in self.rules if rule.reach == "project"]
        texts, lost = _texts(self.root, files)
        used = _used(texts, self.vocabulary)
        work = Work(used, near, self.vocabulary, bool(far))
        digests = {p: digest(data) for p, data in texts.items()} if self.last else {}
        stamp = digest("".join(digests.get(path, "") for path in sorted(used)).encode())
        known = self.last.known(stamp) if self.last is not None else {}
        same = {path for path, one in known.items() if one.digest == digests.get(path)}
        swept = {path: self._as_known(path, texts[path], known[path]) for path in same}
        new = {path: data for path, data in texts.items() if path not in same}
        swept |= _swept(work, new, self.jobs)
        read = (swept[path].read for path in sorted(swept))
        project = Project.joined([*lost, *read], self.vocabulary)
        found = [finding for one in swept.values() for finding in one.findings]
        held = RulesByNeed(far)
        for file in project.files.values() if far else ():
            found += findings_of(project, file, held.of(project, file))
        report = Report(
            files=len(files),
            lines=sum(file.line_count for file in project.files.values()),
            elapsed_s=0,
            cached=len(same),
            findings=tuple(sorted(found, key=place_of)),
            unparsed=asked_of_elixir(self.root, project),
        )
        if self.last is not None and not lost:
            told = {one.file for one in project.unparsed}
            alone = {path: one.findings for path, one in swept.items() if path not in told}
            self.last.keep(files, began_ns, digests, alone, stamp, report)
        return project, report

    def _as_known(self, path: str, data: bytes, known: Known) -> Swept:
        return Swept(unread(path, data, self.vocabulary), known.findings)


@dataclass(frozen=True)
class Swept:
    """One file and what its own rules find; or why it could not be read."""

    read: SourceFile | Unparsed
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Work:
    """What every file is held against."""

    used: Mapping[str, SourceFile]
    """The files that define a `__using__`, by path."""
    rules: tuple[Rule, ...]
    vocabulary: Vocabulary
    calls_kept: bool

    def swept(self, path: str, data: bytes) -> Swept:
        """Read one file and hold the rules against it."""
        file = self.used.get(path) or analysed(path, data, self.vocabulary)
        if isinstance(file, Unparsed):
            return Swept(file)
        alone = _Alone(self._base, file)
        findings = tuple(findings_of(alone, file, self._held.of(alone, file)))
        if self.calls_kept and file.kind == "lib":
            # The rules that look at the whole project ask for them when the tree is gone.
            _ = file.modules, file.calls, file.aliases
            if has_server(alone, file):
                _ = file.functions
        file.let_go()
        return Swept(file, findings)

    @cached_property
    def _held(self) -> RulesByNeed:
        return RulesByNeed(self.rules)

    @cached_property
    def _base(self) -> Project:
        return Project(MappingProxyType(dict(self.used)), (), self.vocabulary)


class _Alone(Project):
    """One file, beside those that others `use`."""

    def __init__(self, base: Project, file: SourceFile):
        files = {**base.files, file.path: file}
        self.__dict__.update(files=files, unparsed=(), vocabulary=base.vocabulary)
        self.__dict__.update(_base=base, _file=file)

    @cached_property
    def modules(self) -> Mapping[str, tuple[SourceFile, Module]]:
        base, file = self.__dict__["_base"], self.__dict__["_file"]
        own = by_name([file])
        return ChainMap(own, base.modules) if file.kind == "lib" else ChainMap(base.modules, own)

    def behaviours(self, module: Module) -> frozenset[str]:
        base: Project = self.__dict__["_base"]
        return base.behaviours(module)


def _texts(root: Path, files: Sequence[Listed]) -> tuple[dict[str, bytes], list[Unparsed]]:
    texts: dict[str, bytes] = {}
    lost: list[Unparsed] = []
    for one in files:
        try:
            texts[one.path] = content(root, one.path)
        except Unreadable as error:
            lost.append(Unparsed(file=error.file, reason=str(error)))
    return texts, lost


def _used(texts: Mapping[str, bytes], vocabulary: Vocabulary) -> dict[str, SourceFile]:
    found: dict[str, SourceFile] = {}
    for path, data in texts.items():
        if defines_using(data):
            file = analysed(path, data, vocabulary)
            if isinstance(file, SourceFile):
                # Its tree stays until the file's own turn.
                _ = file.modules, file.directives
                found[path] = file
    return found


def _swept(work: Work, texts: Mapping[str, bytes], jobs: int) -> dict[str, Swept]:
    if jobs <= 1 or len(texts) < 2:
        return {path: work.swept(path, data) for path, data in texts.items()}
    found: dict[str, Swept] = {}
    with ProcessPoolExecutor(jobs, initializer=_begin, initargs=(work,)) as pool:
        for swept in pool.map(_share, _shares(texts, jobs * 4)):
            found.update(swept)
    return found


def _shares(texts: Mapping[str, bytes], count: int) -> list[list[tuple[str, bytes]]]:
    """Deal the files out so that all shares take about as long."""
    shares: list[list[tuple[str, bytes]]] = [[] for _ in range(count)]
    for at, item in enumerate(sorted(texts.items(), key=lambda item: -len(item[1]))):
        shares[at % count].append(item)
    return [share for share in shares if share]


_work: list[Work] = []


def _begin(work: Work) -> None:
    _work[:] = [work]


def _share(share: Iterable[tuple[str, bytes]]) -> dict[str, Swept]:
    return {path: _work[0].swept(path, data) for path, data in share}
