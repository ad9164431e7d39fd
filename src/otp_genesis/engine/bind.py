"""One step of a document against its type: keys, values, templates, blocks; all complaints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from otp_genesis.contracts import step as contract
from otp_genesis.contracts.ineffective import ineffective
from otp_genesis.contracts.step import Block, PipelineFile, PipelineRef, deferred_kind
from otp_genesis.contracts.step_type import StepType
from otp_genesis.engine.older import remedy, translated
from otp_genesis.engine.program import BoundStep, Program
from otp_genesis.engine.references import Visible, expression_complaint
from otp_genesis.engine.validating import judged
from otp_genesis.errors import ExpressionError, did_you_mean
from otp_genesis.expr.language import STRICT
from otp_genesis.expr.template import Condition, Names, conditions_in, has_template
from otp_genesis.model.document import Path
from otp_genesis.model.json_schema import schema_problem
from otp_genesis.model.load import model_complaints
from otp_genesis.model.pipeline import Step, StepSettings

if TYPE_CHECKING:
    from otp_genesis.engine.check import Checker


class Binder:
    """Binds one step. Its complaints go to the checker."""

    def __init__(self, checker: Checker, visible: Visible, step: Step, kind: StepType[Any]):
        self.checker, self.visible, self.kind = checker, visible, kind
        self.document = visible.pipeline.document
        self.step, told = translated(visible.pipeline, step, kind)
        checker.complaints += told
        self.values: dict[str, Any] = {}
        self.fills: dict[str, Callable[[Names], Any]] = {}

    def bind(self) -> BoundStep | None:
        """Return the step that can run, or nothing where it cannot."""
        settings = self._settings()
        gate = self._gate()
        self._unknown_keys()
        before = len(self.checker.complaints)
        for name, info in self.kind.params.model_fields.items():
            if name in self.step.keys or (name == "body" and self.kind.pipeline):
                self._field(name, info)
        constant = self._validate()
        self._ineffective()
        found = self.checker.complaints[before:]
        if settings is None or any(one.severity == "error" for one in found):
            return None
        facts = {"name": self.step.name, "type": self.step.type}
        return BoundStep(
            self.step, self.kind, settings, gate, self.values, self.fills, constant, facts,
            self.visible.pipeline.strict,
        )  # fmt: skip

    def _settings(self) -> StepSettings | None:
        names = StepSettings.model_fields
        given = {key: self.step.keys[key] for key in names if key in self.step.keys}
        given.pop("condition", None)
        if isinstance(schema := given.get("output_schema"), dict):
            self._check_schema(schema)
        try:
            settings = StepSettings.model_validate(given)
        except ValidationError as error:
            self._invalid(error.errors(), tuple(names), StepSettings)
            return None
        if settings.provider_strategy is not None:
            at = (*self.step.at, "provider_strategy")
            self.checker.strategy(self.visible.pipeline, settings.provider_strategy, at)
        if settings.output_to_file and has_template(settings.output_to_file):
            at = (*self.step.at, "output_to_file")
            self.checker.template(self.visible, settings.output_to_file, at)
        return settings

    def _check_schema(self, schema: dict[str, Any]) -> None:
        if problem := schema_problem(schema):
            message, place = problem
            self._complain((*self.step.at, "output_schema", *place), "schema", message)

    def _gate(self) -> Condition | bool | None:
        if "condition" not in self.step.keys or self.kind.owns("condition"):
            return None
        return self._condition(self.step.keys["condition"], "condition", self.visible)

    def _condition(self, value: Any, key: str, visible: Visible) -> Condition | bool | None:
        at = (*self.step.at, key)
        if value is None or isinstance(value, bool):
            return value
        if not isinstance(value, str) and (
            visible.language.strict or isinstance(value, int | float)
        ):
            message = "a condition is an expression, or true or false"
            self.checker.complaints.append(self.document.error(at, "wrong-type", message))
            return None
        sound = [self._part(one, (*at, *place), visible) for place, one in conditions_in(value)]
        if not all(sound):
            return None
        try:
            return visible.language.condition(value)
        except ExpressionError as error:
            self._complain(at, "expression", error.reason)
            return None

    def _part(self, source: str, at: Path, visible: Visible) -> bool:
        """Complain of one expression of a condition; return whether it can be asked."""
        try:
            compiled = visible.language.condition(source)
        except ExpressionError as error:
            self.checker.complaints.append(expression_complaint(visible.pipeline, at, error))
            return False
        self.checker.complaints += visible.complaints(compiled, at)
        return True

    def _unknown_keys(self) -> None:
        known = self.kind.keys()
        for key in self.step.keys:
            if key not in known or (key == "body" and self.kind.pipeline):
                known_here = [name for name in known if name != "body"]
                near = remedy(self.step.type, key) or did_you_mean(key, known_here)
                message = f"{self.step.type!r} has no key {key!r}{near}"
                at = (*self.step.at, key)
                self.checker.complaints.append(
                    self.document.error(at, "unknown-key", message, key=True)
                )

    def _ineffective(self) -> None:
        for place, why in ineffective(self.kind.params, self.step.keys):
            message = f"{place[-1]!r} has no effect: {why}"
            span = self.document.at((*self.step.at, *place), key=True)
            told = self.document.diagnose(span, "no-effect", message, warning=True)
            self.checker.complaints.append(told)

    def _field(self, name: str, info: FieldInfo) -> None:
        deferred, mapped = deferred_kind(info.annotation)
        value, at = self.step.keys.get(name), (*self.step.at, name)
        if name == "body" and self.kind.pipeline is not None:
            value = self.kind.pipeline
        if deferred is not None:
            self.values[name] = self._deferred(deferred, mapped, value, at, info)
            return
        if any(isinstance(mark, contract.Bare) for mark in info.metadata):
            value = _braced(value)
        self.values[name] = value
        if has_template(value):
            self.fills[name] = self.checker.filler(self.visible, value, at)
        else:
            self._names(value, at, info)
        for mark in info.metadata:
            if isinstance(mark, contract.StepNames):
                self._step_names(mark, value, at)

    def _step_names(self, mark: contract.StepNames, value: Any, at: Path) -> None:
        for place, name in mark.within(value):
            complaint = self.visible.step_complaint(name, (*at, *place))
            if complaint is not None and not has_template(name):
                self.checker.complaints.append(complaint)

    def _names(self, value: Any, at: Path, info: FieldInfo) -> None:
        """Complain of capabilities and strategies that are not there."""
        marks = {type(mark) for mark in info.metadata}
        if contract.StrategyName in marks and isinstance(value, str):
            self.checker.strategy(self.visible.pipeline, value, at)
        if contract.CapabilityNames not in marks or not isinstance(value, list):
            return
        catalog = self.checker.catalog
        for index, name in enumerate(value):
            if isinstance(name, str) and not catalog.has_capability(name):
                message = f"no capability {name!r}{did_you_mean(name, catalog.capabilities)}"
                self._complain((*at, index), "unknown-capability", message)

    def _deferred(
        self, kind: type[Any], mapped: bool, value: Any, at: Path, info: FieldInfo
    ) -> Any:
        visible = self.visible.inside(self.visible.later, self._brought(info))
        if not mapped or value is None:
            return self._one(kind, value, at, visible, info)
        if not isinstance(value, dict):
            message = "this must be a mapping of names to lists of steps"
            self.checker.complaints.append(self.document.error(at, "wrong-type", message))
            return None
        return {
            name: self._one(kind, item, (*at, name), visible, info) for name, item in value.items()
        }

    def _one(self, kind: type[Any], value: Any, at: Path, visible: Visible, info: FieldInfo) -> Any:
        if value is None:
            return None
        if kind is contract.Condition:
            compiled = self._condition(value, str(at[-1]), visible)
            if isinstance(compiled, bool):
                compiled = STRICT.condition("true" if compiled else "false")
            return None if compiled is None else contract.Condition(compiled)
        if issubclass(kind, PipelineFile):
            if kind is PipelineRef:
                value = self.checker.document_called(visible.pipeline, value, at)
            included = value and self.checker.included(visible.pipeline, value, at)
            return kind(included) if included else None
        program = self.checker.block(visible.pipeline, value, at, visible)
        marks = [mark for mark in info.metadata if isinstance(mark, contract.Concurrent)]
        if any(not mark.when or self.step.keys.get(mark.when) for mark in marks):
            self._refuse_concurrent_writes(program, at)
            program = replace(program, beside=True)
        return Block(program)

    def _brought(self, info: FieldInfo) -> set[str]:
        names: set[str] = set()
        for mark in info.metadata:
            if isinstance(mark, contract.Brings):
                names.update(mark.names)
                for field in mark.fields:
                    default = self.kind.params.model_fields[field].default
                    names.add(str(self.step.keys.get(field, default)))
                for field in mark.blocks:
                    names.update(_step_names(self.step.keys.get(field)))
        return names

    def _refuse_concurrent_writes(self, program: Program, at: Path) -> None:
        if program.writes:
            message = "steps that run side by side may not write to the codebase"
            error = self.document.error(at, "concurrent-write", message, key=True)
            self.checker.complaints.append(error)

    def _validate(self) -> Any:
        """Complain of the params' types as far as they are known; return them if they are fixed."""
        try:
            params = self.kind.params.model_validate(self.values)
        except ValidationError as error:
            closed = [detail for detail in error.errors() if not self._open(detail["loc"])]
            self._invalid(closed, self.kind.keys())
            return None
        if self.fills:
            return None
        return self._validated(params)

    def _validated(self, params: Any) -> Any:
        verdict = judged(self.kind, params)
        if verdict.problem is None:
            return verdict.params
        code = "validator-flaw" if verdict.flaw else "validator"
        self._complain(self.step.at, code, verdict.problem)
        return None

    def _complain(self, at: Path, code: str, message: str) -> None:
        self.checker.complaints.append(self.document.error(at, code, message))

    def _invalid(
        self, details: Iterable[Any], known: tuple[str, ...], model: type[BaseModel] | None = None
    ) -> None:
        for detail in details:
            near = _keys_at(model or self.kind.params, detail["loc"]) or known
            found = model_complaints(self.document, self.step.at, [detail], near)
            self.checker.complaints += found

    def _open(self, location: tuple[str | int, ...]) -> bool:
        """Whether the value there will come from a template, or is a block complained of before."""
        if not location:
            given = (name for name in self.values if self.step.keys.get(name) is not None)
            return bool(self.fills) or any(self.values[name] is None for name in given)
        info = self.kind.params.model_fields.get(str(location[0]))
        if info and deferred_kind(info.annotation)[0] and location[0] in self.step.keys:
            return True
        value: Any = self.values
        for key in location:
            if isinstance(value, str):
                break
            try:
                value = value[key]
            except (LookupError, TypeError):
                break
        return isinstance(value, str) and has_template(value)


def _keys_at(model: Any, location: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the keys that are known at `location`, where it is in a model within the params."""
    models = [model]
    for key in location[:-1]:
        fields = [one.model_fields[str(key)] for one in models if key in one.model_fields]
        models = [inner for field in fields for inner in _models(field.annotation)] or models
    if models == [model]:
        return ()
    return tuple(name for one in models for name in one.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _step_names(value: Any) -> Iterator[str]:
    """Yield the names of the steps in a block as it is written."""
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            yield one["name"]


def _braced(value: Any) -> Any:
    return f"{{{{ {value} }}}}" if isinstance(value, str) and not has_template(value) else value
