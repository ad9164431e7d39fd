"""The older step type that asks questions about a project."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import Field, model_validator

from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.errors import CodebaseError, EnvironmentLacks, GenesisError
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.steps import codebase_query_about as about
from otp_genesis.steps import codebase_query_code as code
from otp_genesis.steps import codebase_query_files as files
from otp_genesis.steps import codebase_query_git as git
from otp_genesis.steps import codebase_query_links as links
from otp_genesis.steps.codebase_query_params import Query
from otp_genesis.steps.codebase_query_project import Project
from otp_genesis.steps.warning import warn
from otp_genesis.steps.workspace_paths import relative

Answer = Callable[[Any, Project], Awaitable[dict[str, Any]]]
_CONTEXT = "codebase_context"
_ANSWERS: dict[str, Answer] = {
    answer.__name__: answer
    for answer in (
        files.find_files, files.find_entry_points, files.find_code, files.find_related,
        code.find_functions, code.find_classes, code.find_modules, code.find_interfaces,
        code.find_exports, code.find_references,
        links.find_imports, links.find_dependencies, links.find_dependents,
        links.find_circular_dependencies, links.analyze_impact,
        about.get_project_type, about.get_language, about.get_framework, about.get_structure,
        about.get_dependencies,
        git.get_git_status, git.get_git_info, git.get_recent_commits, git.get_changed_files,
        git.get_contributors, git.get_change_frequency,
    )
}  # fmt: skip


class CodebaseQuery(Params):
    """Parameters of `codebase_query`."""

    queries: dict[str, Query] = Field(min_length=1)
    """The questions, each under a name of its own; see the page on `codebase_query`."""
    workspace_dir: str | None = None
    """The folder that is asked about; the workspace without it."""
    codebase_context: bool = False
    """Whether the result also holds the project in short, under this name."""

    @model_validator(mode="after")
    def _has_room(self) -> CodebaseQuery:
        if self.codebase_context and _CONTEXT in self.queries:
            raise ValueError(f"no query can be called {_CONTEXT!r} beside {_CONTEXT!r}")
        return self


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
    """Ask about a project's files, functions, dependencies and history.

    The result holds an answer under the name of each query; one that fails is `{error: …}`, and
    the others go on.
    """
    project = Project(ctx, await _top(params, ctx), _names(params))
    output: dict[str, Any] = {}
    for name, query in params.queries.items():
        output[name] = await _answered(name, query, project)
    if params.codebase_context:
        output[_CONTEXT] = await about.codebase_context(project)
    return Ok(output=output)


async def _top(params: CodebaseQuery, ctx: Context) -> str:
    """Return the folder that is asked about; raise `CodebaseError` where there is none."""
    if params.workspace_dir is None:
        return "."
    path = relative(params.workspace_dir, ctx)
    facts = None if path == "." else await ctx.codebase.describe(path)
    if path != "." and (facts is None or not facts.folder):
        raise CodebaseError(f"{path}: there is no such folder")
    return path


def _names(params: CodebaseQuery) -> list[str]:
    """Return the names whose places are asked for: files are read once, for all questions."""
    asked = (query.find_references for query in params.queries.values())
    return [one.wanted for one in asked if one is not None]


async def _answered(name: str, query: Query, project: Project) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for question, asked in query.asked().items():
        try:
            answers |= await _ANSWERS[question](asked, project)
        except EnvironmentLacks:
            raise
        except GenesisError as error:
            answers["error"] = str(error)
            await warn(project.ctx, "query-failed", f"{name}: {question}: {error}")
    return answers


STEPS = (codebase_query,)
"""The module's types."""
