"""The rules that a scan holds code against: those of this program, and those of plugins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from otp_genesis.cli.opened import opened, warn_of_quarantined

if TYPE_CHECKING:
    from otp_genesis.otp.rule import Rule


def rules_in_use(plugin_files: list[Path] | None = None) -> tuple[Rule, ...]:
    """Return them by code. The engine is loaded only where there are plugins beside our own."""
    from otp_genesis.contracts.plugin import RULES, installed
    from otp_genesis.otp.plugin import NAME
    from otp_genesis.otp.rules import all_rules
    from otp_genesis.settings import load_settings

    strangers = [entry for entry in installed() if entry.name != NAME]
    if not (strangers or plugin_files or load_settings().plugins.paths):
        return all_rules()
    from otp_genesis.otp.projects import checked_rules

    runtime = opened(plugin_files)
    rules = checked_rules(runtime.extra(RULES))
    warn_of_quarantined(runtime)
    return rules
