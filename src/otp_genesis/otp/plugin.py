"""The OTP application as a plugin: it enters the engine by the same door as a stranger's.

Everything is named here and imported when it is asked for: a pipeline that has nothing to do with
Elixir does not pay for a parser of Elixir.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from otp_genesis.contracts.entry import Lazy, Named
from otp_genesis.contracts.plugin import Plugin, lazy
from otp_genesis.contracts.step_type import StepType
from otp_genesis.model.load import load_pipeline
from otp_genesis.steps.document import document_type

NAME = "otp"
PIPELINES = Path(__file__).parent / "pipelines"
MASTER = "package:otp_genesis.otp/pipelines/master_workflow.yaml"
PLAN = "package:otp_genesis.otp/pipelines/generate_refactor_plan.yaml"

STEPS = {
    "find_steps": {
        "otp.scan": "scan_project",
        "otp.plan": "plan_refactor",
        "otp.plan_documents": "write_documents",
        "otp.find": "find_again",
    },
    "repair_steps": {
        "otp.fix": "fix",
        "otp.format": "format_files",
        "otp.diff": "diff",
        "otp.generate_test": "generate_test",
        "otp.restore": "restore",
        "otp.commit": "commit",
    },
    "verify_steps": {
        "mix.check_format": "mix_check_format",
        "mix.compile": "mix_compile",
        "mix.test": "mix_test",
        "mix.credo": "mix_credo",
        "otp.verdict": "verdict",
        "otp.require_baseline": "require_baseline",
    },
    "report_steps": {"otp.report": "report"},
}
DOCUMENTS = {
    "find_anti_pattern": "atomic/find_anti_pattern.yaml",
    "refactor_file": "atomic/refactor_file.yaml",
    "generate_test": "atomic/generate_test.yaml",
    "run_verification": "atomic/run_verification.yaml",
    "generate_refactor_plan": "generate_refactor_plan.yaml",
}


def _steps() -> tuple[Lazy[StepType[Any]], ...]:
    return tuple(
        lazy(name, f"otp_genesis.otp.{module}:{attribute}", origin=NAME)
        for module, names in STEPS.items()
        for name, attribute in names.items()
    )


def _documents() -> tuple[Lazy[StepType[Any]], ...]:
    return tuple(
        Lazy(name, partial(_document, PIPELINES / file), origin=NAME)
        for name, file in DOCUMENTS.items()
    )


def _document(path: Path) -> StepType[Any]:
    return document_type(load_pipeline(path), origin=NAME)


def _rules() -> Iterable[Named]:
    rules: Iterable[Named] = import_module("otp_genesis.otp.rules").all_rules()
    return rules


def _projects() -> Any:
    return import_module("otp_genesis.otp.projects").Projects()


plugin = Plugin(
    name=NAME,
    version="1",
    requires="otp-genesis>=0.1",
    steps=_steps(),
    pipelines=_documents(),
    rules=_rules,
    services={"otp.projects": _projects},
)
