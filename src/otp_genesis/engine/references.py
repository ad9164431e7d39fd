"""What an expression at some place of a document may read, and the complaint where it may not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from otp_genesis.deferred import deferred
from otp_genesis.errors import ExpressionError, did_you_mean, nearest
from otp_genesis.expr.language import Language, language
from otp_genesis.expr.scope import OLDER_ROOTS, ROOTS
from otp_genesis.expr.template import Condition, Reference, Template, has_template
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.document import Path
from otp_genesis.model.pipeline import IMPLICIT_INPUTS, Pipeline

if TYPE_CHECKING:
    from otp_genesis.expr import loose_functions as functions
else:
    functions = deferred("otp_genesis.expr.loose_functions")


@dataclass(frozen=True)
class Visible:
    """The names that are there at one place."""

    pipeline: Pipeline
    steps: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    """Other names of results, where a source of data may say them."""
    later: frozenset[str] = frozenset()
    local: frozenset[str] = frozenset()
    variables: frozenset[str] = field(default=frozenset())
    function: Callable[[str], bool] = field(default=lambda name: False)
    """Whether plugins bring a function of that name."""

    @property
    def language(self) -> Language:
        """The language of the document's expressions."""
        return language(strict=self.pipeline.strict)

    def inside(self, later: Iterable[str], local: Iterable[str]) -> Visible:
        """Return what is visible at the start of a block."""
        return replace(self, later=frozenset(later), local=self.local | frozenset(local))

    def after(self, name: str, also: Iterable[str] = ()) -> Visible:
        """Return what is visible once step `name` is done, whose result has `also` those names."""
        named = self.named | frozenset(also)
        return replace(self, steps=self.steps | {name}, later=self.later - {name}, named=named)

    def complaints(self, compiled: Template | Condition, at: Path) -> list[Diagnostic]:
        """Return what is wrong with an expression that stands at `at`.

        References to nothing are errors in a strict document, else warnings; an unknown function
        is one in a template, whose text it stays, but not in a condition.
        """
        found = []
        document = self.pipeline.document
        asks = isinstance(compiled, Condition)
        for reference in dict.fromkeys(compiled.references):
            if problem := self._problem(reference):
                code, message, needle = problem
                fatal = self.pipeline.strict or (reference.call and asks)
                span = document.within(at, needle)
                complaint = document.diagnose(span, code, message, warning=not fatal)
                fix = self._fix(reference.root, asks) if code == "bare-name" else None
                found.append(replace(complaint, at=at, fix=fix))
        for note in compiled.notes:
            span = document.within(at, note.needle) if note.needle else document.at(at)
            complaint = document.diagnose(span, "expression", note.message, warning=True)
            found.append(replace(complaint, at=at))
        return found

    def _fix(self, name: str, asks: bool) -> tuple[str, str] | None:
        """Return what to write instead of a bare name, where it can mean one thing only.

        It is what the name means in a document that is not strict: where a condition `asks`,
        results come first there, and variables otherwise.
        """
        hidden = name in OLDER_ROOTS and not asks
        if hidden or any(has_template(local) for local in self.local):
            return None
        if asks and name in self.steps:
            return name, f"steps.{name}"
        meanings = self._meanings(name)
        return (name, meanings[0]) if len(meanings) == 1 else None

    def _meanings(self, name: str) -> list[str]:
        """Return what a bare name stands for: a variable, where it is set by then, or a step."""
        state, steps = f"state.{name}", f"steps.{name}"
        if name in self.pipeline.variables:
            return [state]
        if name in self.steps:
            return [steps, state] if name in self.variables else [steps]
        if name not in self.variables:
            return [steps]
        return [state, f"{name}()"] if self.function(name) else [state]

    def step_complaint(self, name: str, at: Path) -> Diagnostic | None:
        """Return what is wrong with naming the step (or the loop around) whose result is meant."""
        if name in self.named or (name == "loop" and "loop" in self.local):
            return None
        problem = self._step_problem(name, name)
        return None if problem is None else self.pipeline.document.error(at, *problem[:2])

    def _problem(self, reference: Reference) -> tuple[str, str, str] | None:
        problem = self._name_problem(reference)
        if problem and reference.instead and not any(map(self._name_problem, reference.instead)):
            return None
        return problem

    def _name_problem(self, reference: Reference) -> tuple[str, str, str] | None:
        root, path = reference.root, reference.path
        if reference.call:
            return None if self.function(root) else self._unknown_function(root)
        if root == "steps":
            return self._step_problem(path[0], f"steps.{path[0]}") if path else None
        if root == "inputs" and path:
            return self._input_problem(path[0])
        if root == "env" and path and path[0] not in self.pipeline.env:
            message = f"list {path[0]!r} under the workflow's 'env' to read it"
            return "unknown-name", message, reference.text
        if root == "loop" and "loop" not in self.local:
            return "unknown-name", "'loop' is there only inside a loop", "loop"
        if root in ROOTS or root in self.local:
            return None
        if root in OLDER_ROOTS and not self.pipeline.strict:
            return None
        return self._bare_problem(root)

    def _unknown_function(self, name: str) -> tuple[str, str, str]:
        near = did_you_mean(name, (*functions.FUNCTIONS, *functions.OF_ITEMS))
        return "unknown-function", f"there is no function {name!r}{near}", name

    def _step_problem(self, name: str, needle: str) -> tuple[str, str, str] | None:
        if name in self.steps:
            return None
        if name in self.later:
            message = f"step {name!r} comes later; a step sees only those before it"
            return "later-step", message, needle
        message = f"there is no step {name!r} before this one{did_you_mean(name, self.steps)}"
        return "unknown-step", message, needle

    def _input_problem(self, name: str) -> tuple[str, str, str] | None:
        declared = self.pipeline.inputs
        if name in declared or name in IMPLICIT_INPUTS:
            return None
        message = f"the workflow declares no input {name!r}{did_you_mean(name, declared)}"
        return "unknown-input", message, f"inputs.{name}"

    def _bare_problem(self, name: str) -> tuple[str, str, str] | None:
        inputs = (*self.pipeline.inputs, *IMPLICIT_INPUTS)
        if not self.pipeline.strict and (name in self.variables or name in inputs):
            return None
        if name in self.variables or name in self.steps | self.later:
            if not self.pipeline.strict:
                return self._step_problem(name, name)
            meant = " or ".join(map(repr, self._meanings(name)))
            return "bare-name", f"a strict document says {meant}", name
        if self.function(name):
            return None
        if name.lower() in ("yes", "no", "on", "off"):
            return "unknown-name", f"{name!r} is not defined; say true or false", name
        known = {*ROOTS, *self.local, *self.steps, *self.variables}
        near = did_you_mean(name, known)
        if "item" in self.local and nearest(name, known) is None:
            near += "; a loop calls its item as its 'iterator' says, else 'item'"
        return "unknown-name", f"{name!r} is not defined{near}", name


def expression_complaint(pipeline: Pipeline, at: Path, error: ExpressionError) -> Diagnostic:
    """Return the complaint about an expression at `at` that cannot be compiled."""
    document = pipeline.document
    inner = error.source.strip().removeprefix("{{").removesuffix("}}").strip()
    lines = inner.splitlines()
    needle = lines[min(error.line, len(lines) - 1)].strip() if lines else ""
    span = document.within(at, needle) if needle else document.at(at)
    message = error.reason + "".join(hint for end, hint in _HINTS.items() if end in error.reason)
    return replace(document.diagnose(span, "expression", message), at=at)


_HINTS = {
    "unexpected '='": "; '==' compares",
    "got '='": "; '==' compares",
    'unexpected char "\'"': "; a text is not closed: its quote is missing",
    "unexpected char '\"'": "; a text is not closed: its quote is missing",
}
"""What to do, by a part of what the parsers of expressions say."""
