"""Budgets of a step, a run and a day: asked before a call, counted after it, across processes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench, Genesis, Write
from hypothesis import given
from hypothesis import strategies as st
from support.served import served

from otp_genesis.contracts.provider import ModelFacts, Reply, Request
from otp_genesis.durable.sqlite import SqliteStore
from otp_genesis.errors import BudgetReached, ProviderError, UsageError
from otp_genesis.loopback.anthropic import AnthropicServer, tool_use
from otp_genesis.loopback.openai import OpenAIServer, Turn, calling
from otp_genesis.model.budget import Budget, Spent
from otp_genesis.model.event import ModelCalled, Warned
from otp_genesis.model.outcome import Usage
from otp_genesis.providers.budget import Ledger, Purse
from otp_genesis.providers.scripted import ScriptedProvider
from otp_genesis.runtime import Runtime
from otp_genesis.settings import load_settings

PRICED = ModelFacts(name="m", input_usd_per_million=1, output_usd_per_million=1)


def a_provider(bench: Bench, *, known: bool = True) -> ScriptedProvider:
    """Register a provider whose every answer costs 10 cents and 100 tokens."""

    def answer(request: Request) -> Reply:
        usage = Usage(input_tokens=60, output_tokens=40, cost_usd=0.1 if known else 0.0)
        return Reply(text=f"to {request.prompt}", model="m", usage=usage, cost_known=known)

    provider = ScriptedProvider(answer, name="paid")
    bench.runtime.providers.register(provider, models=[PRICED] if known else [])
    return provider


def ask(*names: str, extra: str = "") -> str:
    """Return a document whose steps ask a model."""
    steps = "".join(
        f"    - {{name: {name}, type: prompt, prompt: {name}, max_output_tokens: 10}}\n"
        for name in names
    )
    return f"workflow:\n  name: w\n{extra}  steps:\n{steps}"


def test_a_run_ends_where_its_budget_does(bench: Bench) -> None:
    """The call that would be one too many is not made, and the message says what was spent."""
    provider = a_provider(bench)

    report = bench.run(ask("a", "b", "c", extra="  budget: {calls: 2}\n"))

    assert report.error is not None
    assert (report.error.step, report.error.message) == (
        "c",
        "the run's budget is reached: 2 calls of 2 calls are spent, the next call may take 1 calls",
    )
    assert [one.prompt for one in provider.requests] == ["a", "b"]


@pytest.mark.parametrize(
    ("budget", "made"),
    [("tokens: 205", 2), ("cost_usd: 0.2", 2), ("cost_usd: 0.25", 3), ("calls: 1", 1)],
)
def test_each_limit(bench: Bench, budget: str, made: int) -> None:
    """Tokens, money and calls are each counted; what was spent counts, not what was estimated."""
    provider = a_provider(bench)

    report = bench.run(ask("a", "b", "c", "d", extra=f"  budget: {{{budget}}}\n"))

    assert report.status == "failed"
    assert len(provider.requests) == made


def test_time_is_counted(bench: Bench) -> None:
    """Once the calls have taken as long as they may, no other is made."""
    provider = a_provider(bench)

    report = bench.run(ask("a", "b", extra="  budget: {time_s: 0.000000001}\n"))

    assert report.error is not None
    assert "the run's budget is reached" in report.error.message
    assert len(provider.requests) == 1


def test_a_steps_budget_holds_for_the_steps_inside(bench: Bench) -> None:
    """A loop's budget is shared by its turns; another step has its own."""
    provider = a_provider(bench)

    failure = bench.failure(
        """
        - name: each
          type: for_loop
          iterator: it
          data_source: [1, 2, 3]
          budget: {calls: 2}
          steps:
            - {name: ask, type: prompt, prompt: "number {{ it }}"}
        """
    )

    assert "the budget of step 'each' is reached: 2 calls of 2 calls are spent" in failure
    assert len(provider.requests) == 2


def test_calls_side_by_side_share_it(bench: Bench) -> None:
    """What is under way is counted before it has ended: no more than the budget are ever made."""
    provider = a_provider(bench)

    bench.failure(
        """
        - name: each
          type: for_loop
          iterator: it
          parallel: true
          data_source: [1, 2, 3, 4, 5, 6, 7, 8]
          budget: {calls: 3}
          steps:
            - {name: ask, type: prompt, prompt: "number {{ it }}"}
        """
    )

    assert len(provider.requests) == 3


def test_a_run_waits_for_a_person(bench: Bench) -> None:
    """Suspended, it goes on when as much again is allowed, and fails when nothing more is."""
    provider = a_provider(bench)
    document = ask("a", "b", "c", "d", extra="  budget: {calls: 1, on_reached: suspend}\n")
    path = bench.folder / "w.yaml"
    path.write_text(document)

    async def go(*answers: str) -> list[tuple[str, Any]]:
        runtime = bench.runtime
        report = await runtime.run(path, workspace=str(bench.folder))
        seen: list[tuple[str, Any]] = [(report.status, report.question)]
        for answer in answers:
            await runtime.answer(report.run_id, answer)
            report = await runtime.resume(report.run_id)
            seen.append((report.status, report.error and report.error.message))
        return seen

    first, more, end = asyncio.run(go("spend more", "stop"))

    assert first[0] == "suspended"
    assert first[1].startswith("the run's budget is reached: 1 calls of 1 calls are spent")
    assert first[1].endswith("as much again, or 'stop'. (spend more / stop)")
    assert more[0] == "suspended"
    assert end[0] == "failed"
    assert [one.prompt for one in provider.requests] == ["a", "b"]


def test_a_day_is_shared_by_all_runs(bench: Bench, tmp_path: Path) -> None:
    """What an earlier run has spent is found in the store, from another connection, too."""
    (bench.folder / "genesis.toml").write_text("[budget.day]\ncalls = 3\n")
    settings = load_settings(bench.folder, bench.runtime.settings.environ)
    (bench.folder / "two.yaml").write_text(ask("a", "b"))
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.prompt)
        return Reply(text="ok")

    async def one_run() -> str:
        store = SqliteStore(tmp_path / "runs.sqlite")
        async with Runtime(discover=False, store=store, settings=settings) as runtime:
            runtime.providers.register(ScriptedProvider(answer, name="p"))
            report = await runtime.run(bench.folder / "two.yaml")
            return report.error.message if report.error else report.status

    first, second = asyncio.run(one_run()), asyncio.run(one_run())

    assert first == "succeeded"
    assert second.startswith("the day's budget is reached: 3 calls of 3 calls are spent")
    assert asked == ["a", "b", "a"]


def test_an_unknown_price_is_told(bench: Bench) -> None:
    """Money that cannot be counted is no secret: one warning a provider and model."""
    a_provider(bench, known=False)

    bench.results(ask("a", "b", extra="  budget: {cost_usd: 1}\n"))

    warned = [event.message for event in bench.events if isinstance(event, Warned)]
    assert warned == [
        "paid: the price of 'm' is not known, so that no budget counts what it costs;"
        " give it in genesis.toml: [[providers.paid.models]]"
    ]


def test_settings_give_budgets(bench: Bench) -> None:
    """`[budget.step]` holds for each step that asks; a misspelt key is an error."""
    provider = a_provider(bench)
    (bench.folder / "genesis.toml").write_text("[budget.step]\ncalls = 1\n")
    settings = load_settings(bench.folder, bench.runtime.settings.environ)
    runtime = Runtime.in_memory(discover=False, settings=settings)
    runtime.providers.register(provider)
    bench.runtime = runtime

    assert bench.run(ask("a", "b", "c")).status == "succeeded"

    (bench.folder / "genesis.toml").write_text("[budget.run]\ncall = 1\n")
    settings = load_settings(bench.folder, bench.runtime.settings.environ)
    bench.runtime = Runtime.in_memory(discover=False, settings=settings)
    with pytest.raises(UsageError, match=r"\[budget\] run\.call"):
        bench.run(ask("a"))


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("{}", "a budget needs a limit"),
        ("{calls: 0}", "greater than 0"),
        ("{dollars: 3}", "'dollars'"),
        ("{calls: 1, on_reached: wait}", "'fail' or 'suspend'"),
    ],
)
def test_a_wrong_budget_is_found_by_check(bench: Bench, budget: str, message: str) -> None:
    """In a step and in the workflow."""
    of_workflow = bench.complaints(ask("a", extra=f"  budget: {budget}\n"))
    of_step = bench.complaints(f"- {{name: a, type: prompt, prompt: x, budget: {budget}}}")

    assert len(of_workflow) == len(of_step) == 1
    assert message in of_workflow[0]
    assert message in of_step[0]


def test_a_replayed_call_is_spent_once(bench: Bench) -> None:
    """A resumed run counts what its events tell, and does not ask again what is journalled."""
    a_provider(bench)
    bench.results(ask("a", "b", extra="  budget: {calls: 2}\n"))

    calls = [event for event in bench.events if isinstance(event, ModelCalled)]
    assert [event.requests for event in calls] == [1, 1]


AMOUNTS = st.builds(Spent, st.just(0.0), st.integers(0, 50), st.integers(1, 3), st.just(0.0))


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), max_size=30), st.integers(1, 100))
def test_reservations_are_given_back(calls: list[tuple[Spent, Spent]], tokens: int) -> None:
    """After any sequence of calls nothing is reserved, and what is spent is the sum of the uses."""
    ledger = Ledger("it", Budget(tokens=tokens))
    purse = Purse([ledger])

    async def go() -> int:
        spent = 0
        for estimate, used in calls:
            try:
                await purse.take(estimate)
            except BudgetReached:
                continue
            assert spent + estimate.tokens <= tokens
            purse.give_back(estimate, used)
            spent += used.tokens
        return spent

    assert asyncio.run(go()) == ledger.spent.tokens
    assert ledger.reserved == Spent()


def test_a_failed_call_is_counted(bench: Bench) -> None:
    """What a call used before it failed is spent, where the provider says it."""

    async def fails(request: Request) -> Reply:
        error = ProviderError("it gave up after an hour", retryable=False)
        error.usage = Usage(input_tokens=900, output_tokens=100, cost_usd=0.4)
        raise error

    bench.runtime.providers.register("worker", fails)
    document = ask("a", "b", extra="  budget: {tokens: 1005}\n").replace(
        "prompt: a,", "prompt: a, on_error: continue,"
    )
    report = bench.run(document)

    assert report.error is not None
    assert "1000 tokens of 1005 tokens are spent" in report.error.message
    assert report.usage.cost_usd == 0.4


LOOPING = """
workflow:
  name: w
  steps:
    - name: work
      type: agent
      provider: {provider}
      prompt: go on for ever
      tools: [list_files]
      budget: {{{budget}, on_reached: suspend}}
"""


@pytest.mark.parametrize("budget", ["calls: 3", "tokens: 2200"])
def test_a_model_that_calls_tools_is_stopped_in_the_middle(
    genesis: Genesis, write: Write, budget: str
) -> None:
    """Each further request is asked for: the run waits, and says what was spent."""
    write("w.yaml", LOOPING.format(provider="near", budget=budget))
    turns = [Turn(calling(("list_files", {})), prompt_tokens=600, completion_tokens=100)]
    with served(OpenAIServer(turns)) as near:
        table = f'[providers.near]\nkind = "openai"\nbase_url = "{near.url}/v1"\nmodel = "m"\n'
        write("genesis.toml", table)
        report = genesis.json("run", "w.yaml")
        asked = len(near.requests)
    shown = genesis("runs", "show", report["run_id"]).stdout

    assert report["status"] == "suspended"
    assert "the budget of step 'work' is reached" in shown
    assert asked in (3, 4)
    assert report["usage"]["input_tokens"] == 600 * asked


def test_an_agent_of_its_own_is_stopped_in_the_middle(genesis: Genesis, write: Write) -> None:
    """Its own limits are no wider than what is left; what it spent is counted all the same."""
    write("w.yaml", LOOPING.format(provider="claude", budget="calls: 2"))
    turns = lambda asked: [tool_use("mcp__codebase__list_files")]  # noqa: E731
    with served(AnthropicServer(turns, key="key-of-a-test")) as server:
        table = f'[providers.claude]\nbase_url = "{server.url}"\nmodel = "claude-opus-5-5"\n'
        write("genesis.toml", table)
        report = genesis.json("run", "w.yaml", ANTHROPIC_API_KEY="key-of-a-test")
        asked = [one for one in server.requests if one.path.endswith("/messages")]

    assert len(asked) in (2, 3)
    assert report["usage"]["output_tokens"] > 0
    assert report["status"] == "suspended", report["error"]
