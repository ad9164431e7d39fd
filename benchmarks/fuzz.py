"""`python -m benchmarks.fuzz [--minutes 10] [--seed N] [--count N] [FOLDER…]`: scans broken files.

Real Elixir files, of the folders or of `examples/`, and the rules' own examples are cut, mixed and
garbled; each such mutant must be scanned without an error, within the time, twice with the same
findings, and from the disk as from memory, and all that is told must lie in it. A failure prints
its seed: `--seed N --count 1`, with the same folders, makes the same mutant again.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from otp_genesis.cli.otp_render import scan_text
from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Finding
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.sarif import sarif
from otp_genesis.otp.scan import Report, place_of, scan
from otp_genesis.otp.scan_html import scan_page
from otp_genesis.otp.sweep import sweep
from otp_genesis.otp.vocabulary import vocabulary_of

ROOT = Path(__file__).parent.parent
LIMIT_S = 10
"""CPU seconds: what else the machine does makes no mutant slow."""
KEPT = Path(".bench/fuzz")
RULES = all_rules()
BY_CODE = {rule.code: rule for rule in RULES}
VOCABULARY = vocabulary_of(RULES)
_WORDS = (
    'do end fn -> |> & #{ " \' """ \'\'\' ( ) [ ] { } %{ << >> @ : :: , . \\\\ ; ~s( ~S""" ? # '
    "def defp defmodule defmacro quote unquote use import alias spawn Task.async GenServer.call "
    "receive after case cond with for when not in __MODULE__ handle_info self() nil true \t \r \n "
    "\x00 ä 🐘 \u2028 \ufeff \x0c 0x \\u{110000} @impl @doc @spec Elixir. :erlang."
)
TOKENS = _WORDS.split(" ")
Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def _flipped(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    found = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if found:
            found[rng.randrange(len(found))] = rng.randrange(256 if rng.random() < 0.3 else 128)
    return bytes(found)


def _lines(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    lines = data.split(b"\n")
    for _ in range(rng.randint(1, 6)):
        at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(3):
            case 0 if len(lines) > 1:
                del lines[at]
            case 1:
                lines.insert(to, lines[at])
            case _:
                lines[at], lines[to] = lines[to], lines[at]
    return b"\n".join(lines)


def _cut(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    start = rng.randint(0, len(data))
    return data[:start] + data[start + rng.randint(1, max(1, len(data) // 3)) :]


def _moved(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    start = rng.randint(0, len(data))
    end = start + rng.randint(1, max(1, len(data) // 4))
    rest = data[:start] + data[end:]
    to = rng.randint(0, len(rest))
    return rest[:to] + data[start:end] * rng.randint(1, 3) + rest[to:]


def _tokens(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    places = [match.span() for match in re.finditer(rb"\w+|[^\w\s]+", data)]
    for start, end in sorted(rng.sample(places, min(len(places), rng.randint(1, 6))), reverse=True):
        if rng.random() < 0.5:
            new = rng.choice(TOKENS).encode()
        else:
            new = data[slice(*rng.choice(places))]
        data = data[:start] + new + data[end:]
    return data


def _encoded(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    text = data.decode(errors="replace")
    match rng.randrange(7):
        case 0:
            return b"\xef\xbb\xbf" + data
        case 1:
            return data.replace(b"\n", b"\r\n")
        case 2:
            return data.replace(b"\n", b"\r")
        case 3:
            return text.encode("utf-16")
        case 4:
            return (text + "ß").encode("latin-1", errors="replace")
        case 5:
            return data.replace(b"a", "ä".encode()).replace(b"  ", b"\t")
    return data.replace(b"\n", rng.choice((b"\n\n", b"\x0c\n", " \u2028\n".encode(), b"\x00\n")))


def _joined(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    cut, at = rng.randint(0, len(data)), rng.randint(0, len(other))
    return data[:cut] + other[at:]


def _nested(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at, count = rng.randint(0, len(data)), rng.choice((10, 100, 2000))
    opened, closed = rng.choice(
        ((b"(", b")"), (b"[", b"]"), (b"{", b"}"), (b"fn -> ", b" end"), (b"%{a: ", b"}"))
    )
    return data[:at] + opened * count + b"1" + closed * count + data[at:]


MUTATIONS: tuple[Mutation, ...] = (
    *(_flipped, _lines, _lines, _cut, _moved, _tokens, _tokens, _encoded, _joined, _nested),
)


def sources(folders: Sequence[Path]) -> list[bytes]:
    """Return the files that mutants are made of, in a lasting order."""
    paths = sorted({path for folder in folders for path in folder.rglob("*.ex*")})
    found = [path.read_bytes() for path in paths if path.suffix in (".ex", ".exs")]
    if not folders:
        paths = sorted((ROOT / "examples").rglob("*.ex*"))
        found = [path.read_bytes() for path in paths if not {"deps", "_build"} & {*path.parts}]
    found += [one.code.encode() for rule in RULES for one in rule.examples]
    return [data for data in found if data]


def mutant(seed: int, known: Sequence[bytes]) -> dict[str, bytes]:
    """Return the files of one mutant project."""
    rng = random.Random(seed)
    files = {"mix.exs": b"# none\n"}
    for path in ("lib/a.ex", "lib/b.ex", "test/a_test.exs")[: rng.choice((1, 1, 2, 3))]:
        data = rng.choice(known)[:60_000]
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            data = rng.choice(MUTATIONS)(rng, data, known)
        files[path] = data
    return files


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise `TimeoutError` after so much CPU time; end the process where that is not heard."""

    def over(signum: int, frame: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    signal.signal(signal.SIGPROF, over)
    faulthandler.dump_traceback_later(seconds * 30, exit=True)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()


def check(root: Path, files: dict[str, bytes]) -> None:
    """Scan a mutant in every way; raise what is wrong with it."""
    for path in ("lib/a.ex", "lib/b.ex", "test/a_test.exs"):
        (root / path).unlink(missing_ok=True)
    for path, data in files.items():
        (root / path).write_bytes(data)
    folder, first = sweep(root, RULES, VOCABULARY)
    _, second = sweep(root, RULES, VOCABULARY)
    project = Project.of(files, VOCABULARY)
    whole = scan(project, RULES)
    assert first.findings == second.findings, "two sweeps differ"
    assert first.findings == whole.findings, "sweep and scan differ"
    assert {one.file for one in first.unparsed} == {one.file for one in whole.unparsed}
    assert list(first.findings) == sorted(first.findings, key=place_of), "not sorted"
    for finding in first.findings:
        _inside(finding, files)
    _written(first, folder)
    _repaired(project, first.findings)


def _inside(finding: Finding, files: dict[str, bytes]) -> None:
    lines = files[finding.file].removeprefix(b"\xef\xbb\xbf").decode().split("\n")
    start, end = (finding.line, finding.column), (finding.end_line, finding.end_column)
    for line, column in (start, end):
        assert 1 <= line <= len(lines), f"no such line: {finding}"
        assert 1 <= column <= len(lines[line - 1]) + 2, f"no such column: {finding}"
    assert start <= end, f"ends before it begins: {finding}"
    for evidence in finding.evidence:
        count = files[evidence.file].count(b"\n") + 1
        assert 1 <= evidence.line <= count, f"no such evidence: {finding}"


def _written(report: Report, folder: object) -> None:
    scan_text(report, folder, colour=True)  # type: ignore[arg-type]
    json.loads(sarif(report, RULES))
    json.loads(report.model_dump_json())
    if report.findings and len(report.findings) % 8 == 0:
        scan_page(report, folder, "m")  # type: ignore[arg-type]


def _repaired(project: Project, findings: Sequence[Finding]) -> None:
    for finding in findings:
        change = BY_CODE[finding.rule].fix(project, finding)
        if isinstance(change, ChangeSet):
            for part in change.files:
                known = part.path in project.files
                part.apply(project.source(part.path) if known else b"")


def main(words: Sequence[str]) -> int:
    """Scan mutants until the time or the count is over; 1 where one fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--count", type=int)
    parser.add_argument("folders", type=Path, nargs="*")
    given = parser.parse_args(words)
    # Elixir itself would be asked about every file that cannot be read.
    os.environ["PATH"] = ""
    known = sources(given.folders)
    print(f"{len(known)} files; the first seed is {given.seed}", flush=True)
    until, seed, failed = time.monotonic() + given.minutes * 60, given.seed, 0
    slowest = (0.0, seed)
    with tempfile.TemporaryDirectory() as scratch:
        for folder in ("lib", "test"):
            Path(scratch, folder).mkdir()
        while time.monotonic() < until and (given.count is None or seed - given.seed < given.count):
            began = time.process_time()
            files = mutant(seed, known)
            try:
                with limited(LIMIT_S):
                    check(Path(scratch), files)
            except Exception:
                failed += 1
                _told(seed, files)
            slowest = max(slowest, (time.process_time() - began, seed))
            seed += 1
    done = seed - given.seed
    print(f"{done} mutants, {failed} failed; the slowest: {slowest[0]:.2f} s, seed {slowest[1]}")
    return 1 if failed else 0


def _told(seed: int, files: dict[str, bytes]) -> None:
    print(f"seed {seed} fails:\n{traceback.format_exc(limit=-6)}", flush=True)
    for path, data in files.items():
        kept = KEPT / str(seed) / path
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
