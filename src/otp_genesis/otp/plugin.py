"""The OTP application as a plugin: it enters the engine by the same door as a stranger's."""

from __future__ import annotations

from pathlib import Path

from otp_genesis.contracts.plugin import Plugin
from otp_genesis.otp import find_steps, repair_steps, report_steps, verify_steps
from otp_genesis.otp.projects import RULES, SERVICE, Projects
from otp_genesis.otp.rules import all_rules

PIPELINES = Path(__file__).parent / "pipelines"
MASTER = "package:otp_genesis.otp/pipelines/master_workflow.yaml"
PLAN = "package:otp_genesis.otp/pipelines/generate_refactor_plan.yaml"

plugin = Plugin(
    name="otp",
    version="1",
    steps=(
        *find_steps.STEPS,
        *repair_steps.STEPS,
        *verify_steps.STEPS,
        *report_steps.STEPS,
    ),
    pipelines=(
        PIPELINES / "atomic" / "find_anti_pattern.yaml",
        PIPELINES / "atomic" / "refactor_file.yaml",
        PIPELINES / "atomic" / "generate_test.yaml",
        PIPELINES / "atomic" / "run_verification.yaml",
        PIPELINES / "generate_refactor_plan.yaml",
    ),
    extras={RULES: all_rules()},
    services={SERVICE: Projects},
)
