"""The loop: steps in order, each seeing what those before it returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from otp_genesis.contracts.codebase import Codebase
from otp_genesis.contracts.provider import Models
from otp_genesis.contracts.step import Block
from otp_genesis.engine.attempt import attempt
from otp_genesis.engine.missed import tell_begun, tell_missed
from otp_genesis.engine.program import BoundStep, Program
from otp_genesis.engine.shared import Listener as Listener
from otp_genesis.engine.shared import Observer as Observer
from otp_genesis.engine.shared import Run as Run
from otp_genesis.errors import CodebaseError, EnvironmentLacks, ExpressionError
from otp_genesis.expr.language import language
from otp_genesis.expr.scope import Scope
from otp_genesis.model.event import Event
from otp_genesis.model.json_schema import misfits
from otp_genesis.model.outcome import Failed, Ok, Outcome, Skipped, Suspended
from otp_genesis.model.pipeline import Pipeline


class Around(NamedTuple):
    """What the steps of one block share."""

    outer: Place | None = None
    """The step that the block is in."""
    beside: bool = False
    """Whether other blocks may run beside this one."""


class Place:
    """`Context` of one step: the run, and where in it the step stands."""

    __slots__ = ("_blocks", "_models", "around", "bound", "path", "run", "scope")

    def __init__(self, run: Run, path: str, scope: Scope, bound: BoundStep, around: Around):
        self.run, self.path, self.scope, self.bound, self.around = run, path, scope, bound, around
        self._blocks = 0
        self._models: Models | None = None

    @property
    def models(self) -> Models:
        """All providers together."""
        if self._models is None:
            self._models = self.run.models(self)
        return self._models

    @property
    def codebase(self) -> Codebase:
        """The project, or the run's workspace."""
        if self.run.ground is None:
            raise EnvironmentLacks("this run has no codebase; give it a workspace")
        return self.run.ground.codebase

    async def about_to_write(self) -> None:
        """Let a model change the files; raise `CodebaseError` where this step's may not."""
        ground, effects = self.run.ground, self.bound.kind.effects
        if ground is None or effects == "none":
            raise CodebaseError(f"a {self.bound.type!r} step does not work on files")
        if self.around.beside:
            raise CodebaseError("other steps work beside this one: it may read, but change nothing")
        if effects == "reads":
            # Kept before it is said: another call of this step waits for it, too.
            await ground.keep_first(self.scope.revision)
            ground.touched.add(self.path)

    @property
    def answer(self) -> str | None:
        """What was answered to this step's question."""
        return self.run.answers.get(self.path) or ("approve" if self.run.approve else None)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What plugins and the caller brought."""
        return self.run.facts

    async def emit(self, event: Event) -> None:
        """Add an event to the run's stream."""
        await self.run.emit(event)

    async def run_block(
        self,
        block: Block,
        key: str | None = None,
        *,
        after: Ok | None = None,
        inputs: Mapping[str, Any] | None = None,
        local: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Run nested steps; see `contracts.step.Context`."""
        program: Program = block.program
        key = key if key is not None else str(self._blocks)
        self._blocks += 1
        scope = self.scope
        if after is not None:
            scope = scope.after(after.variables, after.revision)
        if program.own_scope:
            scope = inner_scope(program.pipeline, scope, inputs or {})
        else:
            scope = scope.inside(local or {})
        # A branch may be called `a/b`; in a path it is one word.
        key = key.replace("%", "%25").replace("/", "%2F")
        return await run_program(self.run, program, scope, f"{self.path}/{key}", self)


def inner_scope(pipeline: Pipeline, outer: Scope, inputs: Mapping[str, Any]) -> Scope:
    """Return the scope in which a document's steps begin: its inputs, and the code as it is."""
    known = {"name": pipeline.name, "version": pipeline.version, "strict": pipeline.strict}
    workflow = {**pipeline.older, **known}
    facts = {**outer.facts, "workflow": workflow}
    if "global_vars" in pipeline.older:
        facts["global_vars"] = pipeline.older["global_vars"]
    scope = Scope(inputs=inputs, facts=facts, revision=outer.revision, functions=outer.functions)
    names = scope.names()
    filled = language(strict=pipeline.strict).fill(pipeline.variables, names)
    return replace(scope, state=filled, unresolved=tuple(names.missed))


async def run_program(
    run: Run, program: Program, scope: Scope, path: str, outer: Place | None = None
) -> Outcome:
    """Run the steps in order; the first that fails or waits ends the block.

    The output maps each step to its result (or is what the document declares as its outputs), the
    variables are those that changed, the revision is the code after the last step.
    """
    results: dict[str, Any] = {}
    changed: dict[str, Any] = {}
    scope = scope.opened()
    beside = program.beside or (outer is not None and outer.around.beside)
    around = Around(outer, beside)
    if program.own_scope:
        await tell_begun(run, program.pipeline, scope, path)
    for bound in program.steps:
        place = Place(run, f"{path}/{bound.name}", scope, bound, around)
        outcome = await attempt(place)
        match outcome:
            case Ok(output=output, variables=variables, revision=revision):
                changed.update(variables)
            case Skipped(reason=reason):
                output = {"success": True, "skipped": True, "reason": reason}
                variables, revision = {}, None
            case Failed(error=error) if bound.settings.on_error == "continue":
                output = {"success": False, "error": error, "output": outcome.output}
                variables, revision = {}, None
            case Failed() | Suspended():
                if outcome.path is None:
                    return outcome.model_copy(update={"path": place.path})
                return outcome
        results[bound.name] = output
        scope = scope.grow(bound.name, output, variables, revision)
    if program.own_scope:
        return await ended(run, program, scope, path, results)
    return Ok(output=results, variables=changed, revision=scope.revision)


async def ended(
    run: Run, program: Program, scope: Scope, path: str, results: dict[str, Any]
) -> Outcome:
    """Return what a document gives: its declared outputs, or else the results of its steps."""
    names = scope.names()
    try:
        declared = {name: filled(names) for name, filled in program.outputs.items()}
    except ExpressionError as error:
        return Failed(error=f"the outputs: {error}", path=path)
    if names.missed:
        await tell_missed(run, path, names)
    schema = program.pipeline.output_schema
    if schema is not None and (errors := misfits(declared or results, schema)):
        return Failed(error=f"the outputs do not fit output_schema: {errors[0]}", path=path)
    return Ok(output=declared or results, revision=scope.revision)
