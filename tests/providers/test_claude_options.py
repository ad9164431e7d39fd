"""What a step says of the agent, by its request or its `claude_options`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from otp_genesis.contracts.provider import Request
from otp_genesis.contracts.question import McpServer
from otp_genesis.contracts.tool import Tool, ToolFailed
from otp_genesis.errors import ProviderError
from otp_genesis.loopback.anthropic import error, text, tool_results, tool_use
from otp_genesis.loopback.server import Asked, LoopbackServer
from otp_genesis.providers.claude_request import UNMAPPED
from providers.claude_bench import KEY, MODEL, ClaudeBench

WORDS = Path(__file__).with_name("mcp_words.py")


@pytest.fixture
def bench(tmp_path: Path) -> ClaudeBench:
    """A provider with a project."""
    return ClaudeBench(tmp_path)


def test_hooks(bench: ClaudeBench) -> None:
    """Tools are noted, dangerous commands refused; what no hook is called is not minded."""
    groups = [
        {"matcher": "Bash", "hooks": ["validate_bash"]},
        {"hooks": ["log_tool_use", "no_such_hook"]},
    ]
    bench.run(
        [
            [tool_use("Bash", command="sudo touch a", description="d")],
            [tool_use("Bash", command="touch b", description="d")],
            "done",
        ],
        options={
            "allowed_tools": ["Bash"],
            "hooks": {"PreToolUse": groups, "PostToolUse": [{"hooks": ["audit_tool"]}]},
        },
    )

    assert [one.name for one in bench.project.iterdir()] == ["b"]
    assert "sudo" in bench.denials[0]
    assert [one.partition(" {")[0] for one in bench.notes] == [
        "log_tool_use: Bash", "log_tool_use: Bash", "audit_tool: Bash done",
    ]  # fmt: skip


def test_tools_of_the_codebase(bench: ClaudeBench) -> None:
    """They run in this process; those of the CLI's that are not named are not there."""
    heard: list[Mapping[str, Any]] = []

    async def weigh(arguments: Mapping[str, Any]) -> str:
        heard.append(arguments)
        if arguments["what"] == "nothing":
            raise ToolFailed("nothing weighs nothing")
        return "7 g"

    parameters = {"properties": {"what": {"type": "string"}}, "required": ["what"]}
    bench.toolbox = {
        "weigh": Tool("weigh", "Weigh it.", parameters, weigh),
        "paint": Tool("paint", "Paint it.", {}, weigh, writes=True),
    }
    name = "mcp__codebase__weigh"
    bench.run(
        [
            [tool_use(name, what="a feather"), tool_use(name, what="nothing"), tool_use(name)],
            "done",
        ],
        tools=("weigh",),
    )
    offered = [one["name"] for one in bench.server.asked[0].body["tools"]]

    assert offered == [name]
    assert heard == [{"what": "a feather"}, {"what": "nothing"}]
    assert bench.said()[0] == "7 g"
    assert bench.denials[0] == "nothing weighs nothing"
    assert "what" in bench.denials[1]
    assert bench.writes == 0
    bench.run([[tool_use("mcp__codebase__paint")], "done"], tools=("paint",))
    assert bench.writes == 1
    with pytest.raises(ProviderError, match="there is no tool 'fly'"):
        bench.run(["never"], tools=("fly",))


def test_a_server_of_tools(bench: ClaudeBench) -> None:
    """One that the request names is started, finds what it is given, and no credentials of ours."""
    bench.environ = {"OPENAI_API_KEY": "sk-another-key"}
    server = McpServer(command=sys.executable, args=(str(WORDS),), env={"MOOD": "merry"})
    bench.run(
        [
            [tool_use("mcp__words__shout", text="hey")],
            [tool_use("mcp__words__environment")],
            "done",
        ],
        mcp_servers={"words": server},
    )

    assert "HEY! merry" in bench.said()[0]
    assert "MOOD=merry" in bench.said()[1]
    for word in (KEY, "sk-another-key", "ANTHROPIC_"):
        assert word not in bench.said()[1], word
    assert bench.denials == []
    # It may change files, for all that is known.
    assert bench.writes == 2


class ToolServer(LoopbackServer):
    """A server of one tool over HTTP."""

    async def respond(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """Answer as the protocol says."""
        if asked.method != "POST":
            return web.Response(status=405)
        method, number = asked.body["method"], asked.body.get("id")
        if number is None:
            return web.Response(status=202)
        tool = {"name": "weigh", "description": "Weigh it.", "inputSchema": {"type": "object"}}
        results: dict[str, Any] = {
            "initialize": {
                "protocolVersion": asked.body.get("params", {}).get("protocolVersion"),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "scales", "version": "1"},
            },
            "tools/list": {"tools": [tool]},
            "tools/call": {"content": [{"type": "text", "text": "7 g"}]},
        }
        return web.json_response(
            {"jsonrpc": "2.0", "id": number, "result": results.get(method, {})}
        )


def test_a_server_of_tools_elsewhere(bench: ClaudeBench) -> None:
    """It is called with the headers that are given for it, which no process list shows."""
    seen: list[list[str]] = []

    async def look() -> None:
        lines = [one.read_bytes() for one in Path("/proc").glob("[0-9]*/cmdline")]
        seen.append([str(line) for line in lines if b"the-word" in line])

    bench.about_to_write = look

    async def main() -> set[str]:
        bench.server.script = [[tool_use("mcp__scales__weigh")], "done"]
        async with bench.server, ToolServer() as scales:
            headers = {"Authorization": "Bearer the-word"}
            server = McpServer(type="http", url=scales.url, headers=headers)
            await bench.ask(mcp_servers={"scales": server})
            return {one.headers.get("Authorization", "") for one in scales.requests}

    assert asyncio.run(main()) == {"Bearer the-word"}
    assert bench.said() == ["7 g"]
    assert seen == [[]]


def test_a_tool_that_permits(bench: ClaudeBench) -> None:
    """`permission_prompt_tool` is asked for what nothing else permits."""
    server = {"command": sys.executable, "args": [str(WORDS)]}
    file = str(bench.project / "a.txt")
    bench.run(
        [[tool_use("Write", file_path=file, content="x")], "done"],
        options={
            "mcp_servers": {"words": server},
            "permission_prompt_tool": "mcp__words__permit",
        },
    )

    assert Path(file).read_text() == "x"


@pytest.mark.parametrize("how", ["mcp_servers", "file", "text"])
def test_servers_of_the_options(bench: ClaudeBench, how: str) -> None:
    """They are named in the options, in a file of the project, or as JSON."""
    server = {"command": sys.executable, "args": [str(WORDS)], "env": {"MOOD": "merry"}}
    config = json.dumps({"mcpServers": {"words": server}})
    (bench.project / "mcp.json").write_text(config)
    given = {
        "mcp_servers": {"mcp_servers": {"words": {"type": "stdio", **server}}},
        "file": {"mcp_config": "mcp.json"},
        "text": {"mcp_config": config},
    }[how]
    bench.run([[tool_use("mcp__words__shout", text="hey")], "done"], options=given)

    assert ["HEY! merry" in one for one in bench.said()] == [True]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mcp_config": "../mcp.json"}, "mcp_config"),
        ({"mcp_config": "none.json"}, "mcp_config"),
        ({"mcp_config": "{}"}, "mcp_config"),
        ({"cwd": "../outside"}, "cwd"),
        ({"cwd": "/etc"}, "cwd"),
        ({"cwd": "nowhere"}, "no folder 'nowhere'"),
        ({"add_dir": ["/etc"]}, "add_dir"),
        ({"add_dir": ["out"]}, "add_dir"),
    ],
)
def test_places_outside_are_refused(
    bench: ClaudeBench, options: dict[str, Any], words: str
) -> None:
    """It is said which option is wrong, and nothing is asked."""
    (bench.project / "out").symlink_to(bench.folder)
    with pytest.raises(ProviderError, match=words) as told:
        bench.run(["never"], options=options)

    assert not told.value.retryable
    assert bench.server.requests == []


def test_places_inside(bench: ClaudeBench) -> None:
    """A folder of the project to begin in; paths and commands are relative to it."""
    (bench.project / "lib").mkdir()
    (bench.project / "lib" / "a.txt").write_text("plover")
    options: dict[str, Any] = {"cwd": "lib", "add_dir": ["lib", str(bench.project)]}
    options["permission_mode"] = "bypass_permissions"
    calls = [[tool_use("Read", file_path="a.txt")], [tool_use("Bash", command="cat a.txt")]]
    bench.run([*calls, "ok"], options=options)

    assert ["plover" in one for one in bench.said()] == [True, True]


def test_models(bench: ClaudeBench) -> None:
    """The request's before the options', before the settings'."""
    bench.run(["ok"], model="claude-sonnet-5", options={"model": "claude-haiku-4-5"})
    first = bench.server.asked[0].body["model"]
    bench.run(["ok"], options={"model": "claude-haiku-4-5"})
    second = bench.server.asked[0].body["model"]
    bench.run(["ok"], max_output_tokens=777)
    third = bench.server.asked[0].body

    assert (first, second) == ("claude-sonnet-5", "claude-haiku-4-5")
    assert (third["model"], third["max_tokens"]) == (MODEL, 777)


def test_another_model_where_one_is_overloaded(bench: ClaudeBench) -> None:
    """`fallback_model` is asked then, and the reply says which one has answered."""

    def script(asked: Asked) -> Any:
        busy = asked.body["model"] == MODEL
        return error(529, "overloaded_error", "too many") if busy else "here"

    reply = bench.run(script, options={"fallback_model": "claude-haiku-4-5"})

    assert (reply.text, reply.model) == ("here", "claude-haiku-4-5")


def test_an_agent_of_the_options(bench: ClaudeBench) -> None:
    """Work is handed to it; its tools are guarded like all."""
    (bench.folder / "secret.txt").write_text("plover")

    def script(asked: Asked) -> Any:
        system = json.dumps(asked.body.get("system"))
        if "You look things up." in system:
            done = tool_results(asked)
            return "I may not." if done else [
                tool_use("Read", file_path=str(bench.folder / "secret.txt"))
            ]  # fmt: skip
        if tool_results(asked):
            return "It may not."
        call = {"description": "look", "prompt": "read it", "subagent_type": "looker"}
        return [text("Handing over."), tool_use("Task", **call)]

    agent = {"description": "Looks things up.", "prompt": "You look things up.", "tools": ["Read"]}
    reply = bench.run(script, options={"agents": {"looker": agent}})

    assert reply.text == "It may not."
    assert ["outside the project" in one for one in bench.denials] == [True]
    assert len(bench.server.asked) == 4


def test_who_answers(bench: ClaudeBench) -> None:
    """`agent` makes one of the agents speak for all."""
    agent = {"description": "A poet.", "prompt": "You speak in rhymes."}
    bench.run(["ok"], options={"agents": {"poet": agent}, "agent": "poet"})

    assert "You speak in rhymes." in json.dumps(bench.server.asked[0].body["system"])


def test_plans_change_nothing(bench: ClaudeBench) -> None:
    """In the mode `plan` nothing is written and nothing run."""
    calls = [
        tool_use("Write", file_path=str(bench.project / "a.txt"), content="x"),
        tool_use("Bash", command="touch b.txt", description="d"),
    ]
    bench.run([calls, "a plan"], options={"permission_mode": "plan"})

    assert list(bench.project.iterdir()) == []
    assert len(bench.denials) == 2


def test_what_has_no_effect_is_told_once(bench: ClaudeBench) -> None:
    """By option, with the reason; what is switched off is not missed."""
    bench.server.script = ["ok"]
    options = {"temperature": 0.5, "enable_skills": True}

    async def main() -> None:
        async with bench.server:
            provider, site = bench.provider(), await bench.site()
            for given in ({"enable_skills": False}, options, options):
                await provider.complete(Request(prompt="hi", site=site, options=given))

    asyncio.run(main())

    assert bench.warnings == [
        f"claude_options: {name!r} has no effect: {why}" for name, why in UNMAPPED.items()
    ]


def test_settings_of_the_project_are_not_read(bench: ClaudeBench) -> None:
    """Hooks in the project's own settings run nothing, and its servers are not started."""
    folder = bench.project / ".claude"
    folder.mkdir()
    hook = {"hooks": [{"type": "command", "command": f"touch {bench.folder}/hooked"}]}
    settings = {"hooks": {"UserPromptSubmit": [hook], "SessionStart": [hook]}}
    (folder / "settings.json").write_text(json.dumps(settings))
    server = {"command": "touch", "args": [f"{bench.folder}/served"]}
    (bench.project / ".mcp.json").write_text(json.dumps({"mcpServers": {"x": server}}))
    bench.run(["ok"])

    assert not (bench.folder / "hooked").exists()
    assert not (bench.folder / "served").exists()
