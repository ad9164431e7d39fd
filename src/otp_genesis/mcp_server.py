"""A project as tools for an agent elsewhere: an MCP server, by the official SDK.

The agent finds flaws, reads why they are flaws, and has them repaired and proved, one at a time, on
a branch of their own; it reads and searches the files and runs the tests. It gets no tool that
changes the user's own checkout.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

from pydantic import Field

from otp_genesis import __version__
from otp_genesis.cli.otp_render import rule_page
from otp_genesis.cli.refactor import refactor_json
from otp_genesis.codebase.folder import FolderCodebase
from otp_genesis.codebase.tools import codebase_tools
from otp_genesis.contracts.plugin import RULES
from otp_genesis.contracts.tool import Tool, ToolFailed
from otp_genesis.deferred import deferred
from otp_genesis.errors import EnvironmentLacks, GenesisError, NotAProject, UnknownName
from otp_genesis.history import new_run_id
from otp_genesis.model.environment import scrubbed_environment
from otp_genesis.otp.plugin import MASTER, PLAN
from otp_genesis.otp.project import Project
from otp_genesis.otp.projects import checked_rules
from otp_genesis.otp.rule import SEVERITIES, Rule
from otp_genesis.otp.scan import scan
from otp_genesis.otp.vocabulary import vocabulary_of
from otp_genesis.performing import test_command
from otp_genesis.runtime import Runtime
from otp_genesis.settings import Settings, load_settings

if TYPE_CHECKING:
    from mcp import server as mcp_servers
    from mcp.server.mcpserver import exceptions as mcp_exceptions
else:
    mcp_servers = deferred("mcp.server")
    mcp_exceptions = deferred("mcp.server.mcpserver.exceptions")

INSTRUCTIONS = (
    "Finds where an Elixir/OTP project is not fault-tolerant and repairs it, each repair proved by"
    " the project's own tests and committed on a branch of its own. Begin with `scan`; `explain`"
    " tells why a rule matters; `refactor_item` repairs one finding by its fingerprint."
)
P = ParamSpec("P")
T = TypeVar("T")

Only = Annotated[list[str], Field(description="Codes or names of rules; all with [].")]
Severity = Annotated[str, Field(description=f"The least grave one told: {', '.join(SEVERITIES)}.")]


def told(work: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Make what a user can be told an error of the tool; the SDK keeps all else to itself."""

    @wraps(work)
    async def call(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return await work(*arguments, **named)
        except (GenesisError, ToolFailed) as error:
            raise mcp_exceptions.ToolError(str(error)) from error

    return call


class ProjectServer:
    """The tools over one project."""

    def __init__(self, project: Path, rules: tuple[Rule, ...], settings: Settings):
        self.project, self.rules, self.settings = project, rules, settings
        self._tools: dict[str, Tool] = {}

    async def scan(self, only: Only = [], severity: Severity = "info") -> dict[str, Any]:  # noqa: B006
        """Find OTP flaws: each with its rule, place, message, evidence and fingerprint."""
        names = [name for rule in self.rules for name in (rule.code, rule.name)]
        for name in only:
            if name not in names:
                raise UnknownName("rule", name, names)
        if severity not in SEVERITIES:
            raise UnknownName("severity", severity, SEVERITIES)
        told_of = SEVERITIES[: SEVERITIES.index(severity) + 1]
        project = Project.read(self.project, 1, vocabulary_of(self.rules))
        report = scan(project, self.rules, only)
        kept = tuple(one for one in report.findings if one.severity in told_of)
        return report.model_copy(update={"findings": kept}).model_dump(mode="json")

    async def explain(self, rule: Annotated[str, Field(description="A code or name.")]) -> str:
        """Tell why a rule's flaw is one, what to use instead, with examples."""
        for one in self.rules:
            if rule.upper() == one.code or rule == one.name:
                return rule_page(one)
        names = [name for one in self.rules for name in (one.code, one.name)]
        raise UnknownName("rule", rule, names)

    async def plan(
        self,
        goal: Annotated[str, Field(description="What the refactor is for.")] = "",
        only: Only = [],  # noqa: B006
    ) -> dict[str, Any]:
        """Make the staged plan of a refactor: its items in order, and the five stage documents."""
        inputs: dict[str, Any] = {"only": only, **({"goal": goal} if goal else {})}
        async with Runtime(settings=self.settings) as runtime:
            report = await runtime.run(PLAN, inputs, workspace=str(self.project))
        if report.error is not None:
            raise ToolFailed(report.error.message)
        return dict(report.outputs)

    async def refactor_item(
        self,
        fingerprint: Annotated[str, Field(description="Of a finding, as `scan` tells it.")],
        max_attempts: Annotated[int, Field(ge=1, description="Repairs tried.")] = 3,
        branch: Annotated[str, Field(description="The branch for the commit.")] = "",
        provider: Annotated[str | None, Field(description="Ask this model provider.")] = None,
    ) -> dict[str, Any]:
        """Repair one finding in a worktree, prove it by the project's tests, commit it.

        The commit is on a branch of its own; the checkout is not touched.
        """
        run_id = new_run_id()
        inputs = {
            "project": str(self.project),
            "branch": branch,
            "fingerprints": [fingerprint],
            "max_attempts": max_attempts,
        }
        async with Runtime(settings=self.settings) as runtime:
            report = await runtime.run(MASTER, inputs, run_id=run_id, provider=provider)
        if report.error is not None:
            raise ToolFailed(f"{report.error.message} (run {report.run_id})")
        return refactor_json(report, str(self.project))

    async def read_file(
        self, path: str, first_line: int | None = None, last_line: int | None = None
    ) -> str:
        """Read a text file of the project, whole or from line to line; lines are numbered."""
        given = {"path": path, "first_line": first_line, "last_line": last_line}
        return await self._call("read_file", given)

    async def list_files(self, pattern: str = "**/*") -> str:
        """List the project's files that match a glob pattern such as lib/**/*.ex."""
        return await self._call("list_files", {"pattern": pattern})

    async def search(self, pattern: str, glob: str = "**/*") -> str:
        """Find the lines that match a regular expression, in the files that match a glob."""
        return await self._call("search", {"pattern": pattern, "glob": glob})

    async def run_tests(self, paths: list[str] = []) -> str:  # noqa: B006
        """Run the project's tests in its folder, all of them or those of the given files."""
        return await self._call("run_tests", {"paths": paths})

    async def _call(self, name: str, given: dict[str, Any]) -> str:
        if not self._tools:
            codebase = await FolderCodebase.open(
                self.project,
                self.settings.home / "runs",
                new_run_id(),
                commit_date=datetime.now(UTC),
                env=scrubbed_environment(self.settings.environ),
            )
            self._tools = dict(codebase_tools(codebase, test_command(self.settings)))
        return await self._tools[name].call({k: v for k, v in given.items() if v is not None})

    def tools(self) -> tuple[Callable[..., Awaitable[Any]], ...]:
        """Return the functions that are offered."""
        return (
            self.scan, self.explain, self.plan, self.refactor_item,
            self.read_file, self.list_files, self.search, self.run_tests,
        )  # fmt: skip


def project_server(project: Path) -> mcp_servers.MCPServer[Any]:
    """Return the server for a mix project.

    Raises `NotAProject`, and `EnvironmentLacks` where the package mcp is not installed.
    """
    if not (project / "mix.exs").is_file():
        why = "there is no mix.exs" if project.is_dir() else "no such folder"
        raise NotAProject(str(project), why)
    project = project.resolve()
    settings = load_settings(project)
    rules = checked_rules(Runtime(settings=settings).extra(RULES))
    offered = ProjectServer(project, rules, settings)
    try:
        server = mcp_servers.MCPServer(
            "otp-genesis", instructions=INSTRUCTIONS, version=__version__, log_level="ERROR"
        )
    except ModuleNotFoundError:
        message = "the MCP server needs the package mcp: pip install 'otp-genesis[mcp]'"
        raise EnvironmentLacks(message) from None
    for tool in offered.tools():
        server.add_tool(told(tool), name=tool.__name__)
    return server
