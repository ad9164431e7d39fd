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

from otp_genesis.errors import NotAProject
from otp_genesis.otp.elixir_parser import asked_of_elixir
from otp_genesis.otp.extract import Unparsable, analyse, unread
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.folder import Folder, Listed, Sources, Unreadable, content, listed
from otp_genesis.otp.holding import RulesByNeed, has_server
from otp_genesis.otp.project import Project, Unparsed, defines_using, half_read
from otp_genesis.otp.rule import Finding, Rule
from otp_genesis.otp.scan import Report, chosen, findings_of, place_of
from otp_genesis.otp.scan_cache import Known, ScanCache, content_digest
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
    if not (root / "mix.exs").is_file():
        raise NotAProject(str(root), "there is no mix.exs" if root.is_dir() else "no folder")
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
        digests = {p: content_digest(data) for p, data in texts.items()} if self.last else {}
        stamp = content_digest("".join(digests.get(path, "") for path in sorted(used)).encode())
        known = self.last.known(stamp) if self.last is not None else {}
        same = {path for path, one in known.items() if one.digest == digests.get(path)}
        swept = {path: self._as_known(path, texts[path], known[path]) for path in same}
        new = {path: data for path, data in texts.items() if path not in same}
        swept |= _swept(work, new, self.jobs)
        project = _project(swept, lost, self.vocabulary)
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
            whole = {p: one for p, one in swept.items() if one.file and not one.file.gaps}
            alone = {path: one.findings for path, one in whole.items()}
            self.last.keep(files, began_ns, digests, alone, stamp, report)
        return project, report

    def _as_known(self, path: str, data: bytes, known: Known) -> Swept:
        return Swept(unread(path, data, self.vocabulary), known.findings)


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
            file = self.used.get(path) or analyse(path, data, self.vocabulary)
        except Unparsable as reason:
            return Swept(None, lost=Unparsed(file=path, reason=str(reason)))
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


def _project(
    swept: Mapping[str, Swept], lost: Sequence[Unparsed], vocabulary: Vocabulary
) -> Project:
    ordered = [swept[path] for path in sorted(swept)]
    unparsed = [*lost, *(one.lost for one in ordered if one.lost is not None)]
    unparsed += [told for one in ordered if one.file is not None for told in half_read(one.file)]
    return Project(
        MappingProxyType({one.file.path: one.file for one in ordered if one.file is not None}),
        tuple(sorted(unparsed, key=lambda one: one.file)),
        vocabulary,
    )


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
            try:
                file = analyse(path, data, vocabulary)
            except Unparsable:
                continue
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
