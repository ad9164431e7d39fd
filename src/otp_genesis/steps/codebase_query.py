"""The older step type that asks questions about a project: its keys; it cannot run yet."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Failed, Outcome


class FindFiles(Params):
    """Which files are asked for."""

    type: Literal["main", "test", "config", "source"] | None = None
    pattern: str | None = None
    """A glob pattern."""
    language: str | None = None
    extension: str | None = None
    contains: str | None = None
    """A part of the path."""
    exclude_tests: bool = False
    related_to: str | None = None
    modified_since: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}")
    """A date."""
    size_min: int | None = Field(default=None, ge=0)
    size_max: int | None = Field(default=None, ge=0)


class FindFunctions(Params):
    """Which functions are asked for."""

    name: str | None = None
    pattern: str | None = None
    """A regular expression."""
    type: str | None = None
    in_file: str | None = None
    in_files: tuple[str, ...] | None = None
    language: str | None = None


class FindDependencies(Params):
    """Whose dependencies are asked for."""

    for_file: str | None = None
    include_transitive: bool = False


class FindRelated(Params):
    """To which file others are asked for."""

    file: str
    types: tuple[Literal["test", "source", "similar", "directory"], ...] | None = None
    max_results: int = Field(default=20, ge=1)


class AnalyzeImpact(Params):
    """Which file's change is asked about."""

    file: str
    include_tests: bool = True
    max_depth: int = Field(default=3, ge=1)


def _joined(value: Any) -> Any:
    """Make one mapping of a list of mappings with a key each; the first of a key counts."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return value
    both: dict[str, Any] = {}
    for item in value:
        both = {**item, **both}
    return both


class Query(Params):
    """One question. What is asked for stands as a mapping, or as a list of mappings."""

    find_files: Annotated[FindFiles | None, BeforeValidator(_joined)] = None
    find_functions: Annotated[FindFunctions | None, BeforeValidator(_joined)] = None
    find_dependencies: Annotated[FindDependencies | None, BeforeValidator(_joined)] = None
    find_related: Annotated[FindRelated | None, BeforeValidator(_joined)] = None
    analyze_impact: Annotated[AnalyzeImpact | None, BeforeValidator(_joined)] = None


class CodebaseQuery(Params):
    """Parameters of `codebase_query`."""

    queries: dict[str, Query] = Field(min_length=1)
    """The questions, each under a name of its own."""
    workspace_dir: str | None = None
    """The folder that is asked about; the workspace without it."""


@step(
    "codebase_query",
    effects="reads",
    capabilities={"files"},
    examples=(
        "- {name: ask, type: codebase_query,"
        " queries: {tests: {find_files: [{type: test}, {extension: .exs}]}}}",
    ),
)
async def codebase_query(params: CodebaseQuery, ctx: Context) -> Outcome:
    """Ask about a project's files, functions and dependencies.

    This version checks the step and cannot run it: it fails.
    """
    return Failed(
        error="this version checks 'codebase_query' and cannot run it;"
        " use 'search' for text and 'command' for anything else"
    )


STEPS = (codebase_query,)
"""The module's types."""
