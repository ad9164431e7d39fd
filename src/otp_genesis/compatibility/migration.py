"""An older document in the spelling of today.

Nothing is parsed and printed again: each change replaces the characters of one place, so that
comments, order, quotes and blanks stay to the byte elsewhere. A change is kept if the document,
read anew, says what was meant and nothing else became another, and if the check then finds no
more to complain of than before.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from otp_genesis.compatibility import rewrites
from otp_genesis.compatibility.draft import Draft, Edit
from otp_genesis.compatibility.expressions import doubts, expressions_in
from otp_genesis.compatibility.places import Kinds, pipelines_in, steps_in, within
from otp_genesis.compatibility.rewrites import Found, Names, Refused
from otp_genesis.compatibility.strictness import strictness
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.document import Document, Path
from otp_genesis.model.load import parse_pipeline
from otp_genesis.model.pipeline import Pipeline

_ELSE = "it cannot be changed here without changing something else"
MOST_TRIED = 50
"""How many changes are tried one by one, where all of them together do not pass."""
KEPT = 3
"""How many texts are remembered with what the check said of them."""

Check = Callable[[Pipeline], Iterable[Diagnostic]]
"""Returns every complaint about a document, warnings too; one for each path to a place."""


@dataclass(frozen=True)
class Rules:
    """What documents are judged by: the check, the step types, and what these are called now."""

    check: Check
    kinds: Kinds
    names: Names = field(default_factory=Names)


@dataclass(frozen=True)
class Change:
    """One place that is written otherwise now. The line, from 1, is that of the text before."""

    line: int
    what: str


@dataclass(frozen=True)
class Migration:
    """A document before and after, what was changed, and what a person must decide.

    All places are those of the text before. Where there are `errors`, nothing is changed.
    """

    file: str
    before: str
    after: str
    passed: bool
    """Whether the check let it pass as it was."""
    changes: tuple[Change, ...] = ()
    undecided: tuple[Diagnostic, ...] = ()
    errors: tuple[Diagnostic, ...] = ()
    """What the check finds in it however it is rewritten."""
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def diff(self) -> str:
        """The changes as a unified diff."""
        lines = difflib.unified_diff(
            _lines(self.before),
            _lines(self.after),
            f"a/{self.file.lstrip('/')}",
            f"b/{self.file.lstrip('/')}",
        )
        unended = "\n\\ No newline at end of file\n"
        return "".join(line if line.endswith("\n") else f"{line}{unended}" for line in lines)


def migrate(text: str, file: str, rules: Rules) -> Migration:
    """Return the document as it is written now; raise `InvalidDocument` where it is none at all.

    Each pipeline in it becomes `strict: true`, unless something in it can only be read by the
    older rules: then it stays as it is in that, and what is in the way is told.
    """
    worker = _Worker(Draft(text, file), rules)
    passed = not worker.errors(worker.draft)
    worker.structure()
    errors = worker.errors(worker.draft)
    if not errors:
        worker.make_strict()
    draft = worker.draft
    complaints = draft.first_told(worker.complaints(draft))
    return Migration(
        file,
        text,
        text if errors else draft.text,
        passed,
        () if errors else tuple(sorted(worker.changes, key=lambda change: change.line)),
        tuple(sorted(set(worker.undecided))),
        tuple(sorted({one for one in complaints if one.severity == "error"})),
        tuple(sorted({one for one in complaints if one.severity == "warning"})),
    )


class _Worker:
    def __init__(self, draft: Draft, rules: Rules):
        self.draft, self.rules = draft, rules
        self.changes: list[Change] = []
        self.undecided: list[Diagnostic] = []
        self._checked: dict[str, list[Diagnostic]] = {}

    def complaints(self, draft: Draft) -> list[Diagnostic]:
        if draft.text not in self._checked:
            pipeline = parse_pipeline(draft.text, draft.document.file, lenient=True)
            if len(self._checked) > KEPT:
                self._checked.clear()
            self._checked[draft.text] = list(self.rules.check(pipeline))
        return self._checked[draft.text]

    def errors(self, draft: Draft) -> list[Diagnostic]:
        return [one for one in self.complaints(draft) if one.severity == "error"]

    def _troubles(self, draft: Draft) -> list[Diagnostic]:
        """Return the errors, and the references to nothing: no change may bring one of these."""
        found = self.complaints(draft)
        return [one for one in found if one.severity == "error" or one.code.startswith("unknown-")]

    def structure(self) -> None:
        """Write types, prompt parts, variables, sources and results as they are written now."""
        kinds = self.rules.kinds
        used = {place.keys["type"] for place in steps_in(self.draft.document.data, kinds)}
        for old in sorted(name for name in used if self.rules.names.of(name) != name):
            self._carry_out(partial(rewrites.types, kinds=kinds, names=self.rules.names, old=old))
        self._carry_out(partial(rewrites.parts_of_prompts, kinds=kinds))
        self._carry_out(partial(rewrites.variables, kinds=kinds))
        self._carry_out(partial(rewrites.sources, kinds=kinds))
        # What follows no strict document passes with: a person has said that it is one.
        wrong = [one for one in self.errors(self.draft) if one.code == "expression"]
        places = [one.at for one in wrong if one.file == self.draft.document.file]
        self._carry_out(partial(rewrites.forms, places=dict.fromkeys(places)))
        wanted = self._fixes(self.draft)
        self._carry_out(partial(rewrites.names, wanted=wanted))

    def _carry_out(self, look: Callable[[Document], Found]) -> None:
        """Make the edits that `look` finds; tell of each that cannot be made."""
        found = list(look(self.draft.document))
        for one in found:
            if isinstance(one, Refused):
                self._tell(one.paths[0], one.why)
        edits = [one for one in found if isinstance(one, Edit)]
        good = self._fitting(edits)
        trial = self.draft.fork()
        refused = trial.apply(good)
        for edit in refused:
            self._tell(edit.places[0], f"{edit.what}: {_ELSE}")
        if good:
            self._adopt(trial, [edit for edit in good if edit not in refused])

    def _fitting(self, edits: list[Edit]) -> list[Edit]:
        """Return the edits after which the document passes as well as before; tell the others."""
        if not edits or self._worse(edits) is None:
            return edits
        good = []
        for edit in edits[:MOST_TRIED]:
            problem = self._worse([edit])
            if problem is None:
                good.append(edit)
            else:
                why = f"the document would not pass then: {problem}"
                self._tell(edit.places[0], f"{edit.what}: {why}")
        return good if self._worse(good) is None else []

    def _worse(self, edits: list[Edit]) -> str | None:
        """Return what the check finds more if these edits are made."""
        trial = self.draft.fork()
        trial.apply(edits)
        before, after = self._troubles(self.draft), self._troubles(trial)
        if len(after) <= len(before):
            return None
        known = {one.message for one in before}
        return next((one.message for one in after if one.message not in known), after[0].message)

    def _adopt(self, trial: Draft, edits: list[Edit]) -> None:
        for edit in edits:
            line = self.draft.first_place(edit.start).line
            self.changes.append(Change(line, edit.what))
        self.draft = trial

    def _tell(self, path: Path, why: str) -> None:
        document = self.draft.document
        is_block = not isinstance(within(document.data, path), str)
        span = document.at(path, key=is_block)
        one = document.diagnose(span, "undecided", why, warning=True)
        self.undecided += self.draft.first_told([one])

    def _fixes(self, draft: Draft) -> dict[Path, dict[str, str]]:
        """Return the names that a strict pipeline asks to be said in full, by their places."""
        wanted: dict[Path, dict[str, str]] = {}
        for one in self.errors(draft):
            if one.fix and one.file == draft.document.file:
                wanted.setdefault(one.at, {})[one.fix[0]] = one.fix[1]
        return wanted

    def _loose(self, draft: Draft) -> list[Path]:
        data = draft.document.data
        found = pipelines_in(data, self.rules.kinds)
        return [path for path in found if within(data, (*path, "strict")) is not True]

    def make_strict(self) -> None:
        """Say `strict: true`, and names in full, in every pipeline that means the same then."""
        chosen = []
        for path in self._loose(self.draft):
            found = list(doubts(self.draft.document.data, self.rules.kinds, path))
            for place, why in found:
                self._tell(place, why)
            if not found:
                chosen.append(path)
        while chosen:
            guilty = self._strict_trial(chosen)
            chosen = [path for path in chosen if path not in guilty and None not in guilty]
            if not guilty:
                return

    def _strict_trial(self, chosen: list[Path]) -> set[Path | None]:
        """Make pipelines strict, if all of them pass then; else return those that do not."""
        trial, changes = self.draft.fork(), []
        data, kinds = trial.document.data, self.rules.kinds
        places = [one.path for path in chosen for one in expressions_in(data, kinds, path)]
        looks: list[Callable[[Document], Found]] = [
            partial(rewrites.forms, places=places),
            partial(strictness, pipelines=chosen),
            lambda document: rewrites.names(document, self._fixes(trial)),
        ]
        for look in looks:
            found = list(look(trial.document))
            edits = [one for one in found if isinstance(one, Edit)]
            changes += [Change(trial.first_place(one.start).line, one.what) for one in edits]
            left = trial.apply(edits)
            bad = [one for one in found if isinstance(one, Refused)]
            bad += [Refused(one.places, f"{one.what}: {_ELSE}") for one in left]
            if bad:
                return {self._blamed(one, chosen) for one in bad}
        errors = self.errors(trial)
        if not errors:
            self.changes += changes
            self.draft = trial
            return set()
        new = [
            replace(one, severity="warning", message=f"if it were strict: {one.message}")
            for one in errors
        ]
        self.undecided += trial.first_told(new)
        return {_pipeline_of(one.at, chosen) for one in errors}

    def _blamed(self, one: Refused, chosen: list[Path]) -> Path | None:
        self._tell(one.paths[0], one.why)
        return _pipeline_of(one.paths[0], chosen)


def _pipeline_of(at: Path, pipelines: list[Path]) -> Path | None:
    """Return the innermost pipeline that a place is in."""
    around = [path for path in pipelines if at and at[: len(path)] == path]
    return max(around, key=len, default=None)


def _lines(text: str) -> list[str]:
    """Return the lines as `diff` counts them, each with its end."""
    return [line for line in text.replace("\n", "\n\0").split("\0") if line]
