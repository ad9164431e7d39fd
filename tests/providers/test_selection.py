"""Who is asked, in which order, and why the others are not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from otp_genesis.contracts.entry import Lazy
from otp_genesis.contracts.provider import (
    Health,
    Limits,
    ModelFacts,
    RegisteredProvider,
    Reply,
    Request,
)
from otp_genesis.contracts.provider_registry import Candidate, ProviderRegistry
from otp_genesis.errors import NoProvider, ProviderError, UsageError
from otp_genesis.providers.pool import Pool
from otp_genesis.providers.strategies import BUILT_IN
from providers.fakes import TEXT, Fake, House, house, names, run

ASK = Request(prompt="hi")


def chosen(at: House, **options: Any) -> list[str]:
    return names(run(at.pool.chosen(ASK, **options)).chosen)


def test_why_each_is_not_asked() -> None:
    """Every provider that is not asked has its reason."""
    at = house(
        Fake("able"),
        Fake("deaf", capabilities=frozenset(("embeddings",))),
        Fake("away", health=Health(False, "it is not installed", "install it")),
        Fake("sick", health=ValueError("oh")),
        Fake("odd", health="well"),  # type: ignore[arg-type]
        Fake("shy"),
    )
    selection = run(at.pool.chosen(ASK, only=lambda entry: entry.name != "shy"))

    assert ["able"] == names(selection.chosen)
    assert {
        "deaf": "cannot do text",
        "away": "it is not installed — install it",
        "sick": "its check failed: ValueError: oh",
        "odd": "its check failed: it returned str, no Health",
        "shy": "this run may not ask it",
    } == selection.passed_over


def test_one_is_asked_for_by_name() -> None:
    """It is the only one, and must be there; the error names the nearest."""
    at = house(Fake("alpha"), Fake("beta"))

    assert ["beta"] == chosen(at, prefer="beta")
    asked = ASK.model_copy(update={"provider": "alpha"})
    selection = run(at.pool.chosen(asked, prefer="beta"))
    assert (["alpha"], {"beta": "'alpha' was asked for"}) == (
        names(selection.chosen),
        selection.passed_over,
    )
    with pytest.raises(NoProvider, match=r"alpah: it is not registered; did you mean 'alpha'\?"):
        run(at.pool.require("alpah"))
    run(at.pool.require("alpha"))


def test_another_name_leads_to_it() -> None:
    """Aliases and resolvers lead to providers as they do to everything that is registered."""
    at = house(Fake("alpha"))
    at.registry.alias("a", "alpha")
    made = RegisteredProvider(Fake("made"), TEXT)
    assert [] == chosen(at, prefer="made-up")
    at.registry.add_resolver(lambda name: made if name == "made-up" else None)

    assert ["alpha"] == chosen(at, prefer="a")
    assert ["made"] == chosen(at, prefer="made-up")


def test_what_does_not_exist() -> None:
    """A misspelt capability or strategy is an error that names the nearest."""
    at = house(Fake("a"))

    with pytest.raises(UsageError, match=r"no capability 'tex'; did you mean 'text'\?"):
        run(at.models().available("tex"))
    with pytest.raises(UsageError, match=r"no strategy named 'fast'; did you mean 'fastest'\?"):
        run(at.ask(strategy="fast"))


def test_the_strategy_that_is_named_nearest_holds() -> None:
    """The request's before the step's before the run's."""
    at = house(Fake("a"), Fake("b"), strategy="round_robin")
    at.pool.strategies.register("backwards", lambda them, request: them[::-1])
    asked = ASK.model_copy(update={"strategy": "priority"})

    assert "round_robin" == run(at.pool.chosen(ASK)).strategy
    assert ["b", "a"] == chosen(at, strategy="backwards")
    assert ["a", "b"] == names(run(at.pool.chosen(asked, strategy="backwards")).chosen)


def _like_cheapest(them: Sequence[Candidate], request: Request) -> Sequence[Candidate]:
    return BUILT_IN["cheapest"](them, request)


def test_the_cheapest_for_this_request() -> None:
    """Which is cheapest depends on how long question and answer are, and on the model."""

    def priced(name: str, into: float, out: float) -> RegisteredProvider:
        facts = ModelFacts(name="m", input_usd_per_million=into, output_usd_per_million=out)
        return RegisteredProvider(Fake(name), TEXT, (facts,))

    at = house(priced("talker", 1, 10), priced("reader", 5, 1), RegisteredProvider(Fake("a"), TEXT))
    long = Request(prompt="x" * 40_000, max_output_tokens=10)
    short = Request(prompt="x", max_output_tokens=4000)

    for request, order in ((long, ["talker", "reader", "a"]), (short, ["reader", "talker", "a"])):
        assert order == names(at.pool.select(request, strategy="cheapest").chosen)
        at.pool.strategies.register("same", _like_cheapest, replace=True)
        assert order == names(at.pool.select(request, strategy="same").chosen)
    other = short.model_copy(update={"model": "unknown"})
    assert ["talker", "reader", "a"] == names(at.pool.select(other, strategy="cheapest").chosen)
    assert ["a", "b"] == names(
        house(Fake("a"), Fake("b")).pool.select(short, strategy="cheapest").chosen
    )


def _strange(them: Sequence[Candidate], request: Request) -> Any:
    return [Candidate(them[0].entry), *them[1:]]


FAULTS: dict[str, Any] = {
    "it raised ZeroDivisionError: division by zero": lambda them, request: 1 / 0,
    "it raised TypeError: 'NoneType' object is not iterable": lambda them, request: None,
    "it returned what it was not given, or one candidate twice": lambda them, request: [
        them[0],
        *them,
    ],
    "it left out every candidate": lambda them, request: [],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_strategy_stops_nobody(fault: str) -> None:
    """The providers are asked by priority instead, and that is told once."""
    at = house(Fake("a"), Fake("b"), strategy="own")
    at.pool.strategies.register("own", FAULTS[fault])

    async def twice() -> list[str]:
        return [(await at.ask()).provider, (await at.ask()).provider]

    assert ["a", "a"] == run(twice())
    assert [f"the strategy 'own': {fault}; the providers are asked by priority instead"] == (
        at.told.warnings
    )


def test_a_strategy_may_not_make_up_candidates() -> None:
    """Not even one that looks like what it was given."""
    at = house(Fake("a"), Fake("b"), strategy="own")
    at.pool.strategies.register("own", _strange)

    assert "was not given" in (at.pool.select(ASK).fault or "")


def test_a_strategy_may_leave_some_out() -> None:
    """They are not asked, and it is told why."""
    at = house(Fake("a"), Fake("b"), strategy="own")
    at.pool.strategies.register("own", lambda them, request: them[1:])
    selection = at.pool.select(ASK)

    assert (["b"], {"a": "the strategy 'own' left it out"}, None) == (
        names(selection.chosen),
        selection.passed_over,
        selection.fault,
    )


def test_what_is_registered_while_it_runs() -> None:
    """Those that come later are checked, too; one that is replaced begins anew."""
    first = Fake("a", health=Health(False, "it is down"))
    at = house(first)

    async def go() -> None:
        with pytest.raises(NoProvider, match="it is down"):
            await at.ask()
        at.registry.register(Fake("b"), priority=-1)
        assert "b" == (await at.ask()).provider
        at.registry.register(Fake("a"), replace=True)
        assert "a" == (await at.ask()).provider
        at.registry.unregister("a")
        assert "b" == (await at.ask()).provider
        assert {"b": 2} == {one.name: one.calls for one in at.pool.explain().providers}

    run(go())
    assert 1 == first.checks


def test_each_is_checked_once_before_it_is_first_asked() -> None:
    """However many ask at once; and only those that have what is needed."""
    fakes = [Fake(f"p{number}") for number in range(5)]
    other = Fake("other", capabilities=frozenset(("embeddings",)))
    at = house(*fakes, other)

    async def go() -> None:
        await asyncio.gather(*(at.ask() for _ in range(20)))

    run(go())
    run(go())
    assert ([1] * 5, 0) == ([fake.checks for fake in fakes], other.checks)


def test_before_nobody_is_found_they_are_checked_again() -> None:
    """What was not there a while ago may have come."""
    fake = Fake("a", health=Health(False, "it is down"))
    at = house(fake)
    assert not run(at.models().available("text"))
    fake.health = Health(True)

    assert not run(at.models().available("text"))
    at.clock.now += 1
    assert run(at.models().available("text"))
    assert [("a", "closed")] == at.told.health


def test_a_check_that_hangs() -> None:
    """It has its time, and the others are not held up by more than that."""

    class Hanging(Fake):
        async def check(self) -> Health:
            await asyncio.Event().wait()
            return Health(True)

    at = house(Hanging("a"), Fake("b"))

    assert {"a": "its check said nothing within 5 s"} == dict(run(at.pool.chosen(ASK)).passed_over)


def test_a_check_that_cancels_itself() -> None:
    """It is its own flaw, and not taken for the user's wish to stop."""
    at = house(Fake("a", health=asyncio.CancelledError()), Fake("b"))

    assert "b" == run(at.ask()).provider


def test_a_plugin_that_cannot_be_loaded() -> None:
    """Its provider is passed over with the reason, and the others are asked."""
    at = house(Fake("a"))

    def load() -> RegisteredProvider:
        raise ImportError("no module named nothing")

    at.registry.add_lazy(Lazy("broken", load, origin="thing"))
    explanation = run(_explained(at))

    assert [("a", 1, ""), ("broken", None)] == [
        (explanation[0]["name"], explanation[0]["place"], explanation[0]["reason"]),
        (explanation[1]["name"], explanation[1]["place"]),
    ]
    assert "no module named nothing" in explanation[1]["reason"]


async def _explained(at: House, **options: Any) -> list[dict[str, Any]]:
    await at.pool.check_all()
    rows: list[dict[str, Any]] = at.pool.explain(**options).model_dump(mode="json")["providers"]
    return rows


def test_everything_is_explained() -> None:
    """Place or reason, health, circuit, latency, counts, limits and prices of each."""

    async def slowly(request: Request) -> Reply:
        at.clock.now += 2
        return Reply(text="yes")

    facts = ModelFacts(name="m", input_usd_per_million=1, output_usd_per_million=2)
    at = house(
        RegisteredProvider(
            Fake("slow", slowly), TEXT, (facts,), Limits(concurrency=2), priority=3, weight=2.0
        ),
        RegisteredProvider(Fake("bad", ConnectionError("refused")), TEXT, priority=9),
        RegisteredProvider(Fake("away", health=Health(False, "gone", "call it")), TEXT),
    )

    async def go() -> list[dict[str, Any]]:
        for _ in range(6):
            await at.ask()
        at.clock.now += 1
        return await _explained(at)

    slow, away, bad = run(go())
    assert ("slow", 1, "", "available", "closed", 2.0, 6, 0) == tuple(
        slow[key]
        for key in (
            "name", "place", "reason", "health", "circuit", "latency_s", "calls", "failures",
        )
    )  # fmt: skip
    assert (2, 1.0, 0.0) == (
        slow["limits"]["concurrency"],
        slow["models"][0]["input_usd_per_million"],
        slow["checked_s_ago"],
    )
    assert pytest.approx(0.002001) == slow["cost_usd"]
    assert ("away", None, "gone — call it", "unavailable", "call it") == tuple(
        away[key] for key in ("name", "place", "reason", "health", "remedy")
    )
    assert ("bad", None, "open", 5, "ConnectionError: refused") == tuple(
        bad[key] for key in ("name", "place", "circuit", "failures", "last_failure")
    )
    assert bad["reason"].endswith(", after 5 failures: ConnectionError: refused")
    assert 5.0 == bad["opens_in_s"]


def test_explained_before_anything_was_asked() -> None:
    """Nobody is checked by it, and that is said."""
    at = house(Fake("a"))
    explanation = at.pool.explain(("text",), strategy="fastest")

    assert ("fastest", ("text",), "unknown", 1) == (
        explanation.strategy,
        explanation.needs,
        explanation.providers[0].health,
        explanation.providers[0].place,
    )
    with pytest.raises(UsageError, match="no capability 'txt'"):
        at.pool.explain(("txt",))


def test_new_ones_and_those_that_were_away_are_not_flooded() -> None:
    """By turns, one that comes late gets its share from then on, not all calls until it is even."""
    failing = Fake("a", ProviderError("busy", retryable=True))
    at = house(failing, Fake("b"), Fake("c"), strategy="round_robin")

    async def asked(times: int) -> dict[str, int]:
        before = {one.name: one.calls for one in at.pool.explain().providers}
        for _ in range(times):
            await at.ask()
        return {one.name: one.calls - before.get(one.name, 0) for one in _rows(at)}

    assert 5 == run(asked(60))["a"]
    failing.does = "well again"
    at.clock.now += 1000
    assert {"a": 10, "b": 10, "c": 10} == run(asked(30))
    at.registry.register(Fake("d"))
    assert {"a": 10, "b": 10, "c": 10, "d": 10} == run(asked(40))


def test_weights_hold_for_those_that_come_late() -> None:
    """A new one has its share of the calls from then on."""
    at = house(
        RegisteredProvider(Fake("a"), TEXT, weight=3),
        RegisteredProvider(Fake("b"), TEXT, weight=1),
        strategy="weighted",
    )

    async def go(times: int) -> None:
        for _ in range(times):
            await at.ask()

    run(go(40))
    assert {"a": 30, "b": 10} == {one.name: one.calls for one in _rows(at)}
    at.registry.register(RegisteredProvider(Fake("c"), TEXT, weight=4))
    run(go(80))
    assert {"a": 60, "b": 20, "c": 40} == {one.name: one.calls for one in _rows(at)}


def _rows(at: House) -> Sequence[Any]:
    return at.pool.explain().providers


def test_plans_are_not_kept_for_ever() -> None:
    """A caller who brings a new function each time fills no memory, and gets the same answer."""
    at = house(Fake("a"))

    for number in range(600):
        selection = at.pool.select(ASK, only=_only(number % 2 == 0))
        assert (["a"] if number % 2 == 0 else []) == names(selection.chosen)
    assert len(at.pool._roster.refresh().plans) <= 512


def _only(whether: bool) -> Callable[[RegisteredProvider], bool]:
    return lambda entry: whether


def test_an_empty_house() -> None:
    """Without any provider that is what the error says."""
    with pytest.raises(NoProvider, match="no provider is registered"):
        run(house().ask())
    assert not Pool(ProviderRegistry()).explain().providers
