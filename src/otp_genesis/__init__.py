"""OTP-Genesis: reliable AI pipelines, and the OTP application built on them.

The public names are loaded when they are asked for: the command line must not pay for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otp_genesis.contracts.plugin import Plugin
    from otp_genesis.contracts.step import Context, Params
    from otp_genesis.contracts.step_type import step
    from otp_genesis.model.load import load_pipeline
    from otp_genesis.model.outcome import Failed, Ok
    from otp_genesis.model.pipeline import Pipeline
    from otp_genesis.runtime import Runtime, run

__version__ = "0.1.0"
__all__ = (
    "Context",
    "Failed",
    "Ok",
    "Params",
    "Pipeline",
    "Plugin",
    "Runtime",
    "load_pipeline",
    "run",
    "step",
)

_HOMES = {
    "Context": "contracts.step",
    "Failed": "model.outcome",
    "Ok": "model.outcome",
    "Params": "contracts.step",
    "Pipeline": "model.pipeline",
    "Plugin": "contracts.plugin",
    "Runtime": "runtime",
    "load_pipeline": "model.load",
    "run": "runtime",
    "step": "contracts.step_type",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"otp_genesis.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'otp_genesis' has no attribute {name!r}")
