"""What a scan costs: cold, warm, by two processes, in memory, and as the whole command.

`BENCH_CORPORA` names a folder of mix projects, of which the limits speak. Without it one is made
up: the examples of the rules and `examples/shaky_otp`, over and over with other names. That has
far more flaws a line than a real project, so that its figures are for comparison only. Elixir is
not asked about files that cannot be read: its time is not ours.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.table import Figure, repeated
from otp_genesis.otp.folder import project_paths
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.sweep import sweep
from otp_genesis.otp.syntax import parse
from otp_genesis.otp.vocabulary import vocabulary_of

ROOT = Path(__file__).parent.parent
RUNS = 5
MADE_UP_LINES = 100_000
COMMAND_LINES = 40_000
RULES = all_rules()
VOCABULARY = vocabulary_of(RULES)
_MODULE = re.compile(r"(?<=\bdefmodule )(?=[A-Z])")
MEMORY = """
import sys
from pathlib import Path
from otp_genesis.otp.vocabulary import vocabulary_of
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.sweep import sweep

rules = all_rules()
vocabulary = vocabulary_of(rules)

def peak():
    # Of this process alone: what `getrusage` tells a parent hands on to its children.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024

sweep(Path(sys.argv[1]), rules, vocabulary)
before, kept, lines = peak(), [], 0
for root in sys.argv[2:]:
    kept.append(sweep(Path(root), rules, vocabulary))
    lines += kept[-1][1].lines
print((peak() - before) / 1e6 / (lines / 1e6))
"""
"""Keeps all projects, as one project of their size would be kept."""


def figures() -> list[Figure]:
    """Measure."""
    with tempfile.TemporaryDirectory() as scratch, _without_elixir():
        given = os.environ.get("BENCH_CORPORA")
        roots = _projects(Path(given)) if given else [_made_up(Path(scratch, "made_up"))]
        if not roots:
            raise SystemExit(f"BENCH_CORPORA: no mix project in {given}")
        texts = [(root / path).read_bytes() for root in roots for path in project_paths(root)]
        lines = sum(text.count(b"\n") for text in texts)
        return [
            figure if given else replace(figure, limit=None)
            for figure in (
                *_cold(roots, texts, lines),
                *_processes(roots),
                *_warm(roots, lines, Path(scratch)),
                _memory(roots),
                *_command(roots, Path(scratch)),
            )
        ]


@contextmanager
def _without_elixir() -> Iterator[None]:
    before = os.environ["PATH"]
    os.environ["PATH"] = ""
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _cold(roots: Sequence[Path], texts: Sequence[bytes], lines: int) -> list[Figure]:
    def parsed() -> None:
        for text in texts:
            parse(text)

    def swept() -> None:
        for root in roots:
            sweep(root, RULES, VOCABULARY)

    parsing, sweeping = [], []
    for _ in range(RUNS):
        # In turns, so that what else the machine does meets both.
        parsing.append(lines / _cpu(parsed))
        sweeping.append(lines / _cpu(swept))
    base = ("parsing alone", statistics.median(parsing))
    name = f"cold scan, {len(RULES)} rules, {lines:,} lines"
    return [
        _least(name, sweeping, "lines/CPU s", 220_000, base),
        Figure("  beside it: parsing alone", parsing, "lines/CPU s"),
    ]


def _processes(roots: Sequence[Path]) -> list[Figure]:
    largest = max(roots, key=lambda root: len(project_paths(root)))

    def ratio() -> float:
        alone = _wall(lambda: sweep(largest, RULES, VOCABULARY))
        return alone / _wall(lambda: sweep(largest, RULES, VOCABULARY, jobs=2))

    return [_least("cold scan, two processes against one", repeated(ratio, RUNS), "x", 1.8)]


def _warm(roots: Sequence[Path], lines: int, scratch: Path) -> list[Figure]:
    cache = scratch / "cache"
    copies = [_copy(root, scratch / f"copy_{at}") for at, root in enumerate(roots)]
    for root in copies:
        sweep(root, RULES, VOCABULARY, cache=cache)
    # What is younger than the clock's grain is compared by content.
    time.sleep(2.5)

    def again() -> float:
        return lines / _wall(
            lambda: [sweep(root, RULES, VOCABULARY, cache=cache) for root in copies]
        )

    def changed() -> float:
        for root in copies:
            path = next(path for path in project_paths(root) if path.endswith(".ex"))
            with (root / path).open("ab") as file:
                file.write(b"# changed\n")
        return again()

    for root in copies:
        sweep(root, RULES, VOCABULARY, cache=cache)
    unchanged = repeated(again, RUNS)
    return [
        _least("warm scan, nothing changed", unchanged, "lines/s", 10_000_000),
        Figure("warm scan, one file of each project changed", repeated(changed, RUNS), "lines/s"),
    ]


def _memory(roots: Sequence[Path]) -> Figure:
    small = ROOT / "examples" / "shaky_otp"

    def megabytes() -> float:
        words = [sys.executable, "-c", MEMORY, str(small), *map(str, roots)]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        return float(done.stdout)

    return Figure("peak memory of a cold scan", repeated(megabytes, 3, 0), "MB/million lines", 200)


def _command(roots: Sequence[Path], scratch: Path) -> list[Figure]:
    """Measure `genesis otp scan` of a project of 40,000 lines."""
    project = scratch / "command"
    count = _some_files(roots, project)
    environ = {**os.environ, "GENESIS_HOME": str(scratch / "home")}

    def used(*options: str) -> float:
        words = [sys.executable, "-m", "otp_genesis", "otp", "scan", str(project), *options]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, check=True, capture_output=True, env=environ)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    cold = repeated(lambda: used("--no-cache"), RUNS)
    used()
    time.sleep(2.5)
    used()
    return [
        Figure(f"genesis otp scan, cold, {count:,} lines", cold, "CPU s", 0.40),
        Figure("  the same, warm", repeated(used, RUNS), "CPU s"),
    ]


def _least(
    name: str,
    values: Sequence[float],
    unit: str,
    limit: float,
    baseline: tuple[str, float] | None = None,
) -> Figure:
    return Figure(name, values, unit, limit, baseline, at_least=True)


def _projects(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if (path / "mix.exs").is_file()]


def _made_up(root: Path) -> Path:
    """Write a project of about 100,000 lines; return where."""
    texts = [one.code for rule in RULES for one in rule.examples if one.path.startswith("lib/")]
    texts += [path.read_text() for path in sorted(ROOT.glob("examples/shaky_otp/lib/**/*.ex"))]
    (root / "lib").mkdir(parents=True)
    (root / "mix.exs").write_text("# made up\n")
    for at, text in enumerate(_repeated(texts)):
        (root / "lib" / f"n{at}.ex").write_text(text)
    return root


def _repeated(texts: Sequence[str]) -> Iterator[str]:
    lines, turn = 0, 0
    while lines < MADE_UP_LINES:
        for text in texts:
            lines += text.count("\n")
            yield _MODULE.sub(f"Turn{turn}.", text)
        turn += 1


def _copy(root: Path, to: Path) -> Path:
    for path in project_paths(root):
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, to / path)
    return to


def _some_files(roots: Sequence[Path], to: Path) -> int:
    """Copy as many files as have 40,000 lines to a project; return how many lines."""
    lines = 0
    to.mkdir()
    (to / "mix.exs").write_text("# none\n")
    for at, root in enumerate(roots):
        for path in project_paths(root):
            if lines >= COMMAND_LINES:
                return lines
            if path.startswith("lib/"):
                data = (root / path).read_bytes()
                target = to / "lib" / str(at) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                lines += data.count(b"\n")
    return lines


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _wall(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
