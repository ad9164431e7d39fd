"""What a model changes in the files: kept like a step's own changes, undone where it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from conftest import Bench

from otp_genesis.contracts.provider import Reply, Request
from otp_genesis.contracts.tool import ToolFailed
from otp_genesis.errors import CodebaseError, ProviderError
from otp_genesis.model.event import StepFinished
from otp_genesis.runtime import Runtime

Does = Callable[[Request], Awaitable[str]]
CLAUDE = "{{name: {0}, type: claude, prompt: [{{type: static, content: {0}}}]}}"


def agent(bench: Bench, does: Does) -> None:
    """Register a provider that does something where it is asked from."""

    async def answer(request: Request) -> Reply:
        return Reply(text=await does(request))

    bench.runtime.providers.register("worker", answer, {"text", "tools", "sessions"})


async def writes(request: Request) -> str:
    """Write a file named after the prompt, as an agent with tools of its own does."""
    assert request.site is not None
    assert request.site.codebase is not None
    try:
        await request.site.about_to_write()
    except CodebaseError as error:
        return f"refused: {error}"
    Path(request.site.codebase.root, f"{request.prompt.split()[0]}.txt").write_text("by a model")
    if "fail" in request.prompt:
        raise ProviderError("it broke in the middle", retryable=False)
    return "written"


def files(bench: Bench) -> list[str]:
    """Return what is in the workspace."""
    return sorted(path.name for path in (bench.folder / "ws").iterdir())


def test_what_an_older_step_s_agent_writes_is_kept(bench: Bench) -> None:
    """The files stay, and the steps after it find them."""
    agent(bench, writes)

    results = bench.results(f"""
        - {CLAUDE.format("one")}
        - {{name: look, type: read_file, path: one.txt}}
        - {CLAUDE.format("two")}
        """)

    assert results["look"]["content"] == "by a model"
    assert files(bench) == ["one.txt", "two.txt"]


def test_what_a_failed_agent_wrote_is_undone(bench: Bench) -> None:
    """Another step begins with the files as they were before, though nobody kept them before."""
    agent(bench, writes)
    (bench.folder / "ws").mkdir()
    (bench.folder / "ws" / "mine.txt").write_text("as it was")

    bench.results("""
        - {name: a, type: claude, on_error: continue, prompt: [{type: static, content: fail}]}
        - {name: look, type: read_file, path: mine.txt}
        """)

    assert files(bench) == ["mine.txt"]


def test_side_by_side_an_agent_may_only_read(bench: Bench) -> None:
    """Turns of a parallel loop work in the same files: a write is refused, with the reason."""
    agent(bench, writes)

    results = bench.results("""
        - name: each
          type: for_loop
          iterator: it
          parallel: true
          data_source: [1, 2]
          steps:
            - {name: ask, type: claude, prompt: [{type: static, content: "n{{ it }}"}]}
        """)

    assert "other steps work beside this one: it may read, but change nothing" in str(results)
    assert files(bench) == []


def test_a_step_without_files_has_none(bench: Bench) -> None:
    """A `prompt` step gives its provider no files, though the run has some."""

    async def looks(request: Request) -> str:
        assert request.site is not None
        try:
            await request.site.about_to_write()
        except CodebaseError as error:
            return f"{request.site.codebase} {dict(request.site.toolbox)} {error}"
        return "it may"

    agent(bench, looks)
    results = bench.results("""
        - {name: w, type: write_file, path: a.txt, content: x}
        - {name: p, type: prompt, prompt: go}
        """)

    assert results["p"]["text"] == "None {} this step does not work on files"


def test_an_agent_step_offers_tools(bench: Bench) -> None:
    """The model reads, edits and is told why it cannot; its change is a change of the step."""

    async def works(request: Request) -> str:
        assert request.site is not None
        said = []
        for tool, arguments in (
            ("read_file", {"path": "a.txt"}),
            ("edit_file", {"path": "a.txt", "old": "x", "new": "y"}),
            ("write_file", {"path": "../b.txt", "text": "out"}),
        ):
            (found,) = request.site.tools([tool])
            if found.writes:
                await request.site.about_to_write()
            try:
                said.append(await found.call(arguments))
            except ToolFailed as error:
                said.append(f"no: {error}")
        return "; ".join([*request.tools, *said])

    agent(bench, works)
    results = bench.results("""
        - {name: w, type: write_file, path: a.txt, content: x}
        - {name: g, type: agent, prompt: go, tools: [read_file, edit_file, write_file]}
        - {name: r, type: read_file, path: a.txt}
        """)

    told = results["g"]["text"]
    assert told.startswith(
        "read_file; edit_file; write_file; 1\tx; a.txt is changed; no: '../b.txt'"
    )
    assert "y" in str(results["r"])


def test_an_agent_step_may_not_run_beside_others(bench: Bench) -> None:
    """`check` refuses it in a parallel loop, and knows the names of the tools."""
    beside = bench.complaints("""
        - name: each
          type: for_loop
          iterator: it
          parallel: true
          data_source: [1]
          steps: [{name: g, type: agent, prompt: go}]
        """)
    unknown = bench.complaints("- {name: g, type: agent, prompt: go, tools: [rm]}")

    assert "steps that run side by side may not write to the codebase" in beside[0]
    assert "'read_file'" in unknown[0]


def test_a_resumed_run_begins_where_the_agent_began(bench: Bench) -> None:
    """The state before the first write is in the journal: a resume finds it and restores it."""
    agent(bench, writes)
    path = bench.folder / "w.yaml"
    path.write_text(f"workflow:\n  name: w\n  steps:\n    - {CLAUDE.format('fail')}\n")
    (bench.folder / "ws").mkdir()
    (bench.folder / "ws" / "mine.txt").write_text("as it was")

    async def go() -> tuple[list[str], list[str]]:
        runtime: Runtime = bench.runtime
        report = await runtime.run(path, workspace=str(bench.folder / "ws"))
        between = files(bench)
        (bench.folder / "ws" / "fail.txt").write_text("left by a process that was killed")
        runtime.providers.unregister("worker")

        async def calm(request: Request) -> str:
            assert request.site is not None
            assert request.site.codebase is not None
            return ",".join(await request.site.codebase.list())

        agent(bench, calm)
        again = await runtime.resume(report.run_id)
        return between, [again.status, again.results["fail"]["text"]]

    between, again = asyncio.run(go())

    assert between == ["fail.txt", "mine.txt"]
    assert again == ["succeeded", "mine.txt"]
    assert [e.status for e in bench.events if isinstance(e, StepFinished)] == ["failed", "ok"]
