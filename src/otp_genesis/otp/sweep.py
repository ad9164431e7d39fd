"""Scans a folder file by file: a tree is kept no longer than the rules of its file take."""

from __future__ import annotations

import time
from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from otp_genesis.errors import NotAProject
from otp_genesis.otp.extract import Unparsable, analyse
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.holding import RulesByNeed
from otp_genesis.otp.project import USING, Project, Unparsed, project_paths
from otp_genesis.otp.rule import Finding, Rule
from otp_genesis.otp.scan import Report, chosen, findings_of, place_of
from otp_genesis.otp.vocabulary import Vocabulary



def sweep(
    root: Path,
    rules: Sequence[Rule],
    vocabulary: Vocabulary,
    only: Collection[str] = (),
    jobs: int = 1,
) -> tuple[Project, Report]:
    """Return the project at `root` and what `rules` find in it, as `scan` of all of it does.

    Raises `NotAProject` where `root` has no `mix.exs`. `jobs` processes share the files.
    """
    began = time.perf_counter()
    if not (root / "mix.exs").is_file():
        raise NotAProject(str(root), "there is no mix.exs" if root.is_dir() else "no folder")
    wanted = chosen(rules, only)
    near = [rule for rule in wanted if rule.reach == "file"]
    texts, lost = _texts(root)
    used = _used(texts, vocabulary)
    far = [rule for rule in wanted if rule.reach == "project"]
    work = Work(used, tuple(near), vocabulary, bool(far))
    swept = list(_swept(work, texts, jobs))
    files = {one.file.path: one.file for one in swept if one.file is not None}
    lost += [one.lost for one in swept if one.lost is not None]
    project = Project(
        MappingProxyType(dict(sorted(files.items()))),
        tuple(sorted(lost, key=lambda one: one.file)),
        vocabulary,
    )
    found = [finding for one in swept for finding in one.findings]
    held = RulesByNeed(far)
    for file in project.files.values() if far else ():
        found += findings_of(project, file, held.of(project, file))
    report = Report(
        files=len(texts) + len(lost) - sum(one.lost is not None for one in swept),
        lines=sum(file.line_count for file in files.values()),
        elapsed_s=time.perf_counter() - began,
        findings=tuple(sorted(found, key=place_of)),
        unparsed=project.unparsed,
    )
    return project, report


@dataclass(frozen=True)
class Swept:
    """One file and what its own rules find; or why it could not be read."""

    file: SourceFile | None
    findings: tuple[Finding, ...] = ()
    lost: Unparsed | None = None


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
        try:
            file = analyse(path, data, self.vocabulary)
        except Unparsable as reason:
            return Swept(None, lost=Unparsed(file=path, reason=str(reason)))
        alone = _Alone(self._base, file)
        findings = tuple(findings_of(alone, file, self._held.of(alone, file)))
        if self.calls_kept and file.kind == "lib":
            # The rules that look at the whole project ask for them when the tree is gone.
            _ = file.modules, file.calls
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
        mine = {file.path: file}
        files: Mapping[str, SourceFile] = ChainMap(mine, dict(base.files))
        self.__dict__.update(files=files, unparsed=(), vocabulary=base.vocabulary)
        self.__dict__.update(_base=base, _file=file)

    @cached_property
    def modules(self) -> Mapping[str, tuple[SourceFile, Module]]:
        base, file = self.__dict__["_base"], self.__dict__["_file"]
        own = {m.name: (file, m) for m in file.modules if not m.quoted}
        return ChainMap(own, base.modules) if file.kind == "lib" else ChainMap(base.modules, own)

    def behaviours(self, module: Module) -> frozenset[str]:
        base: Project = self.__dict__["_base"]
        return base.behaviours(module)


def _texts(root: Path) -> tuple[dict[str, bytes], list[Unparsed]]:
    texts: dict[str, bytes] = {}
    lost: list[Unparsed] = []
    for path in sorted(set(project_paths(root))):
        try:
            texts[path] = (root / path).read_bytes()
        except OSError as error:
            lost.append(Unparsed(file=path, reason=f"cannot be read: {error.strerror}"))
    return texts, lost


def _used(texts: Mapping[str, bytes], vocabulary: Vocabulary) -> dict[str, SourceFile]:
    found: dict[str, SourceFile] = {}
    for path, data in texts.items():
        if USING in data:
            try:
                file = analyse(path, data, vocabulary)
            except Unparsable:
                continue
            file.facts.read_all()
            file.let_go()
            found[path] = file
    return found


def _swept(work: Work, texts: Mapping[str, bytes], jobs: int) -> Iterator[Swept]:
    if jobs <= 1 or len(texts) < 2:
        for path, data in texts.items():
            yield work.swept(path, data)
        return
    shares = _shares(texts, jobs * 4)
    with ProcessPoolExecutor(jobs, initializer=_begin, initargs=(work,)) as pool:
        for swept in pool.map(_share, shares):
            yield from swept


def _shares(texts: Mapping[str, bytes], count: int) -> list[list[tuple[str, bytes]]]:
    """Deal the files out so that all shares take about as long."""
    shares: list[list[tuple[str, bytes]]] = [[] for _ in range(count)]
    for at, item in enumerate(sorted(texts.items(), key=lambda item: -len(item[1]))):
        shares[at % count].append(item)
    return [share for share in shares if share]


_work: list[Work] = []


def _begin(work: Work) -> None:
    _work[:] = [work]


def _share(share: Iterable[tuple[str, bytes]]) -> list[Swept]:
    return [_work[0].swept(path, data) for path, data in share]
