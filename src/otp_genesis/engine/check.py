"""A document and a catalog of step types → a program, or everything that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from otp_genesis.contracts.catalog import Catalog
from otp_genesis.contracts.step import ResultName
from otp_genesis.contracts.step_type import StepType
from otp_genesis.engine.bind import Binder
from otp_genesis.engine.doubtful import doubts
from otp_genesis.engine.older import with_environment, workflow_complaints
from otp_genesis.engine.program import BoundStep, Program
from otp_genesis.engine.references import Visible, expression_complaint
from otp_genesis.engine.requirements import requirement_complaints
from otp_genesis.errors import (
    ExpressionError,
    InvalidDocument,
    PluginError,
    RegistryError,
    UnknownName,
    UsageError,
    did_you_mean,
)
from otp_genesis.expr.template import Names, has_template, templates_in
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.document import Path, Span
from otp_genesis.model.load import load_pipeline, parse_inline, read_steps, told_once
from otp_genesis.model.pipeline import Pipeline, Step

MAX_DEPTH = 20
"""Documents within documents."""


def check(pipeline: Pipeline, catalog: Catalog) -> Program:
    """Return the program, with its warnings.

    Raises `InvalidDocument` with every complaint, in order of place, where one is an error.
    """
    checker = Checker(catalog)
    program = checker.document(pipeline)
    complaints = told_once(checker.complaints)
    if any(one.severity == "error" for one in complaints):
        raise InvalidDocument(complaints)
    whole = replace(program.pipeline, env=tuple(checker.environment))
    return replace(program, pipeline=whole, warnings=complaints, functions=checker.functions)


class Checker:
    """Collects complaints while it binds. One for a document and all it includes."""

    def __init__(self, catalog: Catalog):
        self.catalog = catalog
        self.complaints: list[Diagnostic] = []
        self.functions: dict[str, Any] = {}
        """The functions that expressions call, as they were when it was checked."""
        self.environment: dict[str, None] = {}
        """The names of the environment that it and what it includes read."""
        self._stack: list[str] = []
        self._documents: dict[str, Program] = {}

    def document(self, pipeline: Pipeline) -> Program:
        """Bind a whole document, which sees nothing of what is around it."""
        self.complaints += pipeline.complaints
        self._stack.append(_identity(pipeline))
        pipeline = with_environment(pipeline)
        self.environment.update(dict.fromkeys(pipeline.env))
        try:
            self.complaints += workflow_complaints(pipeline)
            variables = frozenset(pipeline.variables) | _variables_set(pipeline.steps)
            self.complaints += requirement_complaints(pipeline, self.catalog.versions)
            if pipeline.provider_strategy is not None:
                at = (*pipeline.at, "provider_strategy")
                self.strategy(pipeline, pipeline.provider_strategy, at)
            visible = Visible(pipeline, variables=variables, function=self.function)
            self._templates(visible, pipeline.variables, (*pipeline.at, "variables"))
            if pipeline.codebase:
                spec = pipeline.codebase.model_dump()
                self._templates(visible, spec, (*pipeline.at, "codebase"))
            self._keys(visible)
            steps, visible = self._steps(pipeline.steps, visible)
            outputs = self._outputs(pipeline, visible)
            return Program(pipeline, steps, own_scope=True, outputs=outputs)
        finally:
            self._stack.pop()

    def block(self, pipeline: Pipeline, value: Any, at: Path, visible: Visible) -> Program:
        """Bind nested steps, which see what is around them."""
        steps, complaints = read_steps(pipeline.document, value, at)
        self.complaints += complaints
        inner = visible.inside((step.name for step in steps), ())
        inner = replace(inner, variables=inner.variables | _variables_set(tuple(steps)))
        bound, _ = self._steps(tuple(steps), inner)
        return Program(pipeline, bound)

    def document_called(self, pipeline: Pipeline, name: Any, at: Path) -> Pipeline | None:
        """Return the document that is registered as a step type under a name."""
        try:
            found = self.catalog.resolve(str(name)).entry.pipeline
            problem = None if found else f"the step type {name!r} is no document"
        except (UnknownName, PluginError) as error:
            found, problem = None, str(error)
        if problem:
            self.complaints.append(pipeline.document.error(at, "unknown-pipeline", problem))
        return found

    def included(self, pipeline: Pipeline, value: Any, at: Path) -> Program | None:
        """Bind the document that `value` is, or names by its path beside the outer one."""
        try:
            if isinstance(value, Pipeline):
                inner = value
            elif isinstance(value, dict):
                inner = parse_inline(pipeline, value, at)
            else:
                folder = FilePath(pipeline.document.file).parent
                inner = load_pipeline(folder / str(value), lenient=True)
        except InvalidDocument as error:
            self.complaints += error.diagnostics
            return None
        except UsageError as error:
            message = f"{error}; the path is read from the folder of this document"
            self.complaints.append(pipeline.document.error(at, "pipeline-file", message))
            return None
        return self._included(pipeline, inner, at)

    def _included(self, pipeline: Pipeline, inner: Pipeline, at: Path) -> Program | None:
        identity = _identity(inner)
        if identity in self._stack:
            chain = " → ".join(FilePath(name).name for name in (*self._stack, identity))
            message = f"the pipeline includes itself: {chain}"
            self.complaints.append(pipeline.document.error(at, "cycle", message))
            return None
        if len(self._stack) >= MAX_DEPTH:
            message = f"more than {MAX_DEPTH} pipelines within each other"
            self.complaints.append(pipeline.document.error(at, "too-deep", message))
            return None
        if identity not in self._documents:
            self._documents[identity] = self.document(inner)
        return self._documents[identity]

    def _steps(
        self, steps: tuple[Step, ...], visible: Visible
    ) -> tuple[tuple[BoundStep, ...], Visible]:
        visible = visible.inside((step.name for step in steps), ())
        bound = []
        for step in steps:
            kind = self._kind(visible.pipeline, step)
            if kind is not None:
                one = Binder(self, visible, step, kind).bind()
                if one is not None:
                    self.complaints += doubts(visible, step, kind)
                if one is not None:
                    bound.append(one)
            visible = visible.after(step.name, () if kind is None else _result_names(step, kind))
        return tuple(bound), visible

    def _kind(self, pipeline: Pipeline, step: Step) -> StepType[Any] | None:
        at, document = (*step.at, "type"), pipeline.document
        try:
            found = self.catalog.resolve(step.type)
        except UnknownName as error:
            message = f"unknown step type {step.type!r}{did_you_mean(step.type, error.known)}"
            self.complaints.append(document.error(at, "unknown-type", message))
            return None
        except RegistryError as error:
            self.complaints.append(document.error(at, "bad-type", str(error)))
            return None
        except PluginError as error:
            self.complaints.append(document.error(at, "plugin", str(error)))
            return None
        if found.deprecation is not None:
            message = found.deprecation.told("step type", step.type)
            span = document.at(at)
            self.complaints.append(document.diagnose(span, "deprecated", message, warning=True))
        return found.entry

    def function(self, name: str) -> bool:
        """Whether there is a function of that name; it is kept for the run."""
        if name not in self.functions:
            try:
                self.functions[name] = self.catalog.function(name)
            except (UnknownName, PluginError):
                return False
        return True

    def strategy(self, pipeline: Pipeline, name: str, at: Path) -> None:
        """Complain where there is no such strategy."""
        if not self.catalog.has_strategy(name):
            message = f"no strategy {name!r}{did_you_mean(name, self.catalog.strategies)}"
            self.complaints.append(pipeline.document.error(at, "unknown-strategy", message))

    def _templates(self, visible: Visible, value: Any, at: Path) -> None:
        for path, source in templates_in(value):
            self.template(visible, source, (*at, *path))

    def template(self, visible: Visible, source: str, at: Path) -> Any:
        """Compile a template, complain about it, and return how to fill it."""
        try:
            compiled = visible.language.template(source)
            self._unclosed(visible, source, at)
        except ExpressionError as error:
            self.complaints.append(expression_complaint(visible.pipeline, at, error))
            return None
        self.complaints += visible.complaints(compiled, at)
        return compiled.fill

    def _unclosed(self, visible: Visible, source: str, at: Path) -> None:
        """Warn of `{{` without an end, which a document that is not strict leaves as it is."""
        start = source.rfind("{{")
        if start >= 0 and "}}" not in source[start:]:
            needle = source[start:].splitlines()[0]
            message = "'{{' stays as it is: its '}}' is missing"
            self._warn(visible, visible.pipeline.document.within(at, needle), "expression", message)

    def _keys(self, visible: Visible) -> None:
        """Warn of templates in keys, which are never filled."""
        pipeline = visible.pipeline
        for place, span in pipeline.document.keys.items():
            if "{{" in str(place[-1]) and place[: len(pipeline.at)] == pipeline.at:
                message = "a key is taken as it is written; templates are filled in values only"
                self._warn(visible, span, "template-key", message, place)

    def _warn(self, visible: Visible, span: Span, code: str, message: str, at: Path = ()) -> None:
        found = visible.pipeline.document.diagnose(span, code, message, warning=True)
        self.complaints.append(replace(found, at=at))

    def _outputs(self, pipeline: Pipeline, visible: Visible) -> dict[str, Callable[[Names], Any]]:
        at = (*pipeline.at, "outputs")
        return {
            name: self.filler(visible, value, (*at, name))
            for name, value in pipeline.outputs.items()
        }

    def filler(self, visible: Visible, value: Any, at: Path) -> Callable[[Names], Any]:
        """Return how to fill `value`, complaining about each template in it."""
        match value:
            case str() if has_template(value):
                return self.template(visible, value, at) or (lambda names: None)
            case dict():
                parts = {k: self.filler(visible, item, (*at, k)) for k, item in value.items()}
                return lambda names: {key: part(names) for key, part in parts.items()}
            case list():
                items = [self.filler(visible, item, (*at, i)) for i, item in enumerate(value)]
                return lambda names: [item(names) for item in items]
        return lambda names: value


def _identity(pipeline: Pipeline) -> str:
    """What a document is known by, in a chain of documents that include each other."""
    place = "/".join(map(str, pipeline.at))
    file = os.path.realpath(pipeline.document.file)
    return f"{file}#{place}" if place not in ("", "workflow") else file


def _result_names(step: Step, kind: StepType[Any]) -> Iterator[str]:
    """Yield what the step's result is called besides the step's name."""
    for name, info in kind.params.model_fields.items():
        value = step.keys.get(name)
        if isinstance(value, str) and any(isinstance(one, ResultName) for one in info.metadata):
            yield value


def _variables_set(steps: tuple[Step, ...]) -> frozenset[str]:
    """The variables that steps, however deep, say they set."""
    return frozenset(name for step in steps for name in _variables_in(step.keys))


def _variables_in(value: Any) -> Iterator[str]:
    match value:
        case {"type": "set_variable", "variables": dict(variables)}:
            yield from map(str, variables)
        case {"type": "set_variable", "variable": str(name)}:
            yield name
        case dict():
            for item in value.values():
                yield from _variables_in(item)
        case list():
            for item in value:
                yield from _variables_in(item)
