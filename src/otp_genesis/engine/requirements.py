"""What a document says it needs, against what there is: engine and plugins by version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from otp_genesis.contracts.versions import satisfied
from otp_genesis.deferred import deferred
from otp_genesis.errors import did_you_mean
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.pipeline import Pipeline

if TYPE_CHECKING:
    from packaging import requirements as packages
else:
    packages = deferred("packaging.requirements")


def requirement_complaints(
    pipeline: Pipeline, known: Callable[[], Mapping[str, str]]
) -> list[Diagnostic]:
    """Return an error for each entry of `requires` that is not there in a fitting version.

    `known` gives the versions; it is asked only where the document requires something.
    """
    found = []
    versions = known() if pipeline.requires else {}
    for index, text in enumerate(pipeline.requires):
        if problem := _problem(text, versions):
            at = (*pipeline.at, "requires", index)
            found.append(pipeline.document.error(at, "requires", problem))
    return found


def _problem(text: str, versions: Mapping[str, str]) -> str | None:
    try:
        needed = packages.Requirement(text)
    except packages.InvalidRequirement:
        return f"{text!r} is no requirement; write 'otp-genesis>=0.1' or 'PLUGIN>=VERSION'"
    there = versions.get(needed.name)
    if there is None:
        return f"there is no plugin {needed.name!r}{did_you_mean(needed.name, versions)}"
    fits = satisfied(needed, there)
    return None if fits else f"the document needs {needed}, and there is {there}"
