"""What Elixir's own parser says of files that the grammar cannot read, where Elixir is installed.

It parses and compiles nothing, so that no code of the project runs. Its tree has other places than
the grammar's, so that rules cannot look at it; it tells whether a file is valid, and what the lines
that were not read call.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from otp_genesis.otp.project import Project, Unparsed
from otp_genesis.otp.vocabulary import Vocabulary

_SCRIPT = Path(__file__).parent / "elixir/calls.exs"
_WITHIN_S = 30
_MOST_FILES = 200


@dataclass
class Answer:
    """What Elixir says of one file: why it is invalid, or its calls by line."""

    invalid: str | None = None
    calls: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))


def asked_of_elixir(root: Path, project: Project) -> tuple[Unparsed, ...]:
    """Return the unread files of `project` with what Elixir's own parser says of them."""
    paths = [lost.file for lost in project.unparsed][:_MOST_FILES]
    program = shutil.which("elixir")
    answers = _answers(program, root, paths) if program and paths else {}
    return tuple(
        _explained(project, lost, answers[lost.file]) if lost.file in answers else lost
        for lost in project.unparsed
    )


def _explained(project: Project, lost: Unparsed, answer: Answer) -> Unparsed:
    if answer.invalid is not None:
        return lost.model_copy(update={"reason": f"{lost.reason}; Elixir says: {answer.invalid}"})
    file = project.files.get(lost.file)
    gaps = file.gaps if file is not None else ()
    lines = [line for gap in gaps for line in range(gap.first_line, gap.last_line + 1)]
    named = sorted(
        (line, name)
        for line in (lines if file is not None else answer.calls)
        for name in answer.calls.get(line, ())
        if _is_watched(project.vocabulary, name)
    )
    calls = ", ".join(f"{name} (line {line})" for line, name in dict.fromkeys(named))
    told = f"look at {calls} there" if calls else "nothing that rules look for is called there"
    return lost.model_copy(update={"reason": f"{lost.reason}; it is valid Elixir: {told}"})


def _is_watched(vocabulary: Vocabulary, name: str) -> bool:
    """Whether a rule asks for the call; an alias hides which module it is, and so counts."""
    module, _, function = name.rpartition(".")
    if not module:
        return function in vocabulary.kernel
    last = module.rpartition(".")[2]
    return any(
        function in names and known.rpartition(".")[2] == last
        for known, names in vocabulary.functions.items()
    )


def _answers(program: str, root: Path, paths: Iterable[str]) -> dict[str, Answer]:
    # Not the files themselves: a link may lead nowhere.
    absolute = {str(root.resolve() / path): path for path in paths}
    with tempfile.TemporaryDirectory() as home:
        # Erlang runs what stands in `.erlang` of the home and of the working folder.
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LANG": "C.UTF-8"}
        try:
            done = subprocess.run(
                [program, str(_SCRIPT), *absolute],
                capture_output=True,
                cwd=home,
                env=env,
                timeout=_WITHIN_S,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired):
            return {}
    return _read(done.stdout.decode(errors="replace"), absolute)


def _read(printed: str, names: dict[str, str]) -> dict[str, Answer]:
    found: dict[str, Answer] = {}
    answer = Answer()
    for line in printed.splitlines():
        kind, *values = line.split("\t")
        if kind in ("valid", "invalid") and values and values[0] in names:
            answer = found[names[values[0]]] = Answer()
            if kind == "invalid":
                answer.invalid = "\t".join(values[1:])
        elif kind == "call" and len(values) == 2 and values[0].isdigit():
            answer.calls[int(values[0])].append(values[1])
    return found
