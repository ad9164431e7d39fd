"""A recording of what models said, in a file that can be committed: asked again, it answers."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otp_genesis.errors import EnvironmentLacks, UsageError
from otp_genesis.providers.secrets import Secrets

VERSION = 1
MOST_SHOWN = 20
"""Lines of the difference to the nearest recording."""
_COMPARED = 20_000
"""Characters of a request that are compared in search of the nearest."""


def digest(key: Mapping[str, Any]) -> str:
    """Return the hash by which an answer is found: of the request as canonical JSON."""
    text = json.dumps(key, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class Cassette:
    """A file of recorded answers: one JSON line each, `hash`, `request` and `answer`.

    The same request may be answered several times; the answers come back in the order in which
    they were recorded, and the last one again and again. Recording adds to what is there. Secrets
    are taken out of everything that is written.
    """

    def __init__(self, path: Path, secrets: Secrets, *, recording: bool):
        self.path, self.secrets, self._recording = path, secrets, recording
        self._answers: dict[str, list[Mapping[str, Any]]] = {}
        self._requests: dict[str, Mapping[str, Any]] = {}
        self._given: dict[str, int] = {}
        for row in read_rows(path, must_exist=not recording):
            self._add(row["hash"], row["request"], row["answer"])

    def _add(self, hashed: str, key: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        self._requests[hashed] = key
        self._answers.setdefault(hashed, []).append(answer)

    @property
    def used(self) -> tuple[str, ...]:
        """The hashes of the recordings that were asked for, sorted."""
        return tuple(sorted(self._given))

    @property
    def recording(self) -> bool:
        """Whether answers are kept; a miss is an error otherwise."""
        return self._recording

    def find(self, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the next answer kept for a request, or nothing; while recording always nothing."""
        if self._recording:
            return None
        hashed = digest(self.secrets.redacted(key))
        answers = self._answers.get(hashed)
        if answers is None:
            return None
        place = self._given.get(hashed, 0)
        self._given[hashed] = place + 1
        return answers[min(place, len(answers) - 1)]

    def keep(self, key: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Add an answer to the file; raise `EnvironmentLacks` where it cannot be written."""
        key, answer = self.secrets.redacted(key), self.secrets.redacted(answer)
        hashed = digest(key)
        row = {"version": VERSION, "hash": hashed, "request": key, "answer": answer}
        self._add(hashed, key, answer)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        except OSError as error:
            message = f"cannot write the cassette {self.path}: {error.strerror}"
            raise EnvironmentLacks(message) from None

    def missed(self, key: Mapping[str, Any]) -> str:
        """Return the message for a request that is not recorded: it shows the nearest one."""
        head = f"{self.path} holds no recording of this request"
        again = "record it with --mode record"
        near = self._nearest(wanted := _lines(self.secrets.redacted(key)))
        if near is None:
            return f"{head}, nor of any like it; {again}"
        difference = list(
            difflib.unified_diff(
                near, wanted, "the nearest recording", "this request", "", "", 1, ""
            )
        )
        left_out = len(difference) - MOST_SHOWN
        shown = difference[:MOST_SHOWN] + ([f"… {left_out} lines more"] if left_out > 0 else [])
        return f"{head}; {again}\n" + "\n".join(shown)

    def _nearest(self, wanted: list[str]) -> list[str] | None:
        matcher = difflib.SequenceMatcher(autojunk=False)
        matcher.set_seq2(_cut(wanted))
        best, found = 0.0, None
        for key in self._requests.values():
            lines = _lines(key)
            matcher.set_seq1(_cut(lines))
            if matcher.real_quick_ratio() > best and (ratio := matcher.ratio()) > best:
                best, found = ratio, lines
        return found


def _lines(key: Mapping[str, Any]) -> list[str]:
    """Return a request as lines that can be compared; line breaks in texts are line breaks."""
    text = json.dumps(key, sort_keys=True, indent=1, ensure_ascii=False)
    return text.replace("\\n", "\n").splitlines()


def _cut(lines: list[str]) -> list[str]:
    kept, size = [], 0
    for line in lines:
        size += len(line)
        if size > _COMPARED:
            break
        kept.append(line)
    return kept


def read_rows(path: Path, *, must_exist: bool = True) -> list[dict[str, Any]]:
    """Return a cassette's rows; raise `UsageError` where there is none, or it is no cassette."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if must_exist:
            message = f"there is no cassette {path}; record one with --mode record"
            raise UsageError(message) from None
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the cassette {path}: {error}") from None
    rows = []
    # Not splitlines: what JSON leaves as it is breaks lines there.
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        if not line and not text:
            break
        try:
            row = json.loads(line)
            known = row["version"] == VERSION and {"hash", "request", "answer"} <= row.keys()
        except (ValueError, TypeError, KeyError):
            known = False
        if not known:
            message = f"{path}:{number}:1: this line is no recording of version {VERSION}"
            raise UsageError(f"{message}; remove it, or record anew")
        rows.append(row)
    return rows


def prune(path: Path, keep: frozenset[str]) -> int:
    """Remove the rows whose hash is not in `keep`; return how many."""
    rows = read_rows(path)
    kept = [row for row in rows if row["hash"] in keep]
    if len(kept) != len(rows):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    return len(rows) - len(kept)
