"""Calls: fallback, circuit, limits, sessions, cancellation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from otp_genesis.contracts.provider import Health, Limits, RegisteredProvider, Reply, Request
from otp_genesis.errors import NoProvider, ProviderError
from otp_genesis.model.event import ProviderHealth
from otp_genesis.model.outcome import Usage
from otp_genesis.providers.circuit import CircuitPolicy
from providers.fakes import TEXT, Fake, House, house, loop_time, run, until

BUSY = ProviderError("busy", retryable=True)
REFUSED = ProviderError("too long", retryable=False)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def limited(fake: Fake, **limits: Any) -> RegisteredProvider:
    return RegisteredProvider(fake, fake.capabilities, limits=Limits(**limits))


def in_flight(at: House) -> int:
    return sum(one.in_flight for one in at.pool.explain().providers)


def circuits(at: House) -> dict[str, str]:
    return {one.name: one.circuit for one in at.pool.explain().providers}


async def times(number: int, at: House, **options: Any) -> list[Reply]:
    return [await at.ask(**options) for _ in range(number)]


def test_each_hop_has_its_reasons() -> None:
    """The event says who was passed over, and with which failures the earlier hops ended."""
    at = house(
        Fake("a", BUSY),
        Fake("b", ZeroDivisionError("oh")),
        Fake("c", "fine"),
        Fake("d", capabilities=frozenset(("images",))),
        Fake("e", health=Health(False, "it is off")),
    )

    assert "fine" == run(at.ask()).text
    static = {"d": "cannot do text", "e": "it is off"}
    failed = {"a": "failed: busy"}
    assert [
        ("a", 0, static, "busy"),
        ("b", 1, {**static, **failed}, "ZeroDivisionError: oh"),
        ("c", 2, {**static, **failed, "b": "failed: ZeroDivisionError: oh"}, None),
    ] == [(call.provider, call.hop, call.passed_over, call.error) for call in at.told.calls]
    assert {("p/a", "priority")} == {(call.path, call.strategy) for call in at.told.calls}


def test_all_failed() -> None:
    """Each is named with its reason; it may be retried if one of them may."""
    at = house(Fake("a", BUSY), Fake("b", REFUSED))

    with pytest.raises(ProviderError, match=r"^a: busy; b: too long$") as caught:
        run(at.ask())
    assert caught.value.retryable
    with pytest.raises(ProviderError, match=r"^b: too long$") as caught:
        run(house(Fake("b", REFUSED)).ask())
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("does", "said", "retryable"),
    [
        (TimeoutError("slow"), "TimeoutError: slow", True),
        (ConnectionResetError("gone"), "ConnectionResetError: gone", True),
        (KeyError("x"), "KeyError: 'x'", False),
        (NoProvider(("text",), {}), "no provider offers text (no provider is registered)", False),
        (asyncio.CancelledError(), "it cancelled itself", True),
    ],
    ids=["timeout", "connection", "flaw", "ours", "cancelled"],
)
def test_whatever_a_provider_raises(does: BaseException, said: str, retryable: bool) -> None:
    """It becomes the provider's failure, counts for its circuit, and stops nobody."""
    at = house(Fake("a", does))

    for _ in range(5):
        with pytest.raises(ProviderError) as caught:
            run(at.ask())
        assert (f"a: {said}", retryable) == (str(caught.value), caught.value.retryable)
    assert {"a": "open"} == circuits(at)


def test_no_reply() -> None:
    """What is no reply is a failure, too."""

    async def wrong(request: Request) -> str:
        return "text"

    with pytest.raises(ProviderError, match="a: it returned str, no Reply"):
        run(house(Fake("a", wrong)).ask())


def test_a_life_of_a_circuit() -> None:
    """Five failures open it; it is passed over, tried again at its time, and closed."""
    bad = Fake("a", BUSY)
    at = house(bad, Fake("b"))
    run(times(5, at))
    assert ("open", 5) == (circuits(at)["a"], len(bad.asked))
    run(times(3, at))
    assert 5 == len(bad.asked)
    assert "after 5 failures: busy" in at.told.calls[-1].passed_over["a"]
    assert at.told.calls[-1].passed_over["a"].startswith("its circuit is open until ")
    at.clock.now += 10
    run(times(1, at))
    assert (6, "open") == (len(bad.asked), circuits(at)["a"])
    at.clock.now += 19
    run(times(1, at))
    assert 6 == len(bad.asked)
    bad.does = "well again"
    at.clock.now += 1
    assert "a" == run(at.ask()).provider
    assert [
        ("a", "open"), ("a", "half_open"), ("a", "open"), ("a", "half_open"), ("a", "closed"),
    ] == at.told.health  # fmt: skip
    opened = next(event for event in at.told.events if isinstance(event, ProviderHealth))
    assert "after 5 failures: busy" == opened.reason
    assert pytest.approx(10) == (opened.until or 0) - opened.at


def test_the_fault_of_a_request_opens_nothing() -> None:
    """A refusal for good says nothing of the provider; it neither counts nor mends."""
    at = house(Fake("a", REFUSED), Fake("b"))
    run(times(20, at))

    assert {"a": "closed", "b": "closed"} == circuits(at)
    assert 20 == next(one.failures for one in at.pool.explain().providers if one.name == "a")


def test_a_misfit_opens_nothing() -> None:
    """A provider whose answers do not fit the schema can be reached all the same."""
    at = house(Fake("a", "none"), Fake("b", '{"n": 1}'))

    assert [1] * 6 == [one.data["n"] for one in run(times(6, at, output_schema=SCHEMA))]
    assert "closed" == circuits(at)["a"]
    assert at.told.calls[3].passed_over["a"].startswith("failed: no answer that fits the schema")


def test_only_open_circuits_are_left() -> None:
    """Nobody is asked before it is time: the failure says so at once, and may be retried."""
    bad = Fake("a", BUSY)
    at = house(bad, Fake("b", health=Health(False, "it is off")))
    for _ in range(5):
        with pytest.raises(ProviderError):
            run(at.ask())
    at.clock.now += 4

    with pytest.raises(ProviderError) as caught:
        run(at.ask())
    assert str(caught.value).startswith("no provider can be asked now: a: its circuit is open")
    assert str(caught.value).endswith("after 5 failures: busy; b: it is off")
    assert (True, 6.0, 5) == (
        caught.value.retryable,
        caught.value.retry_after_s,
        len(bad.asked),
    )
    run(at.pool.require("a"))
    with pytest.raises(NoProvider, match="it is off"):
        run(at.pool.require("b"))


def test_one_trial_at_once() -> None:
    """While it is tried, the others go elsewhere; one that is cancelled leaves room for another."""
    gate = asyncio.Event()

    async def waits(request: Request) -> Reply:
        await gate.wait()
        return Reply(text="at last")

    bad = Fake("a", BUSY)
    at = house(bad, Fake("b"))

    async def go() -> None:
        await times(5, at)
        bad.does = waits
        at.clock.now += 10
        trial = asyncio.create_task(at.ask())
        await until(lambda: len(bad.asked) == 6)
        assert "b" == (await at.ask()).provider
        assert "half-open: a trial call is under way" in at.told.calls[-1].passed_over["a"]
        trial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trial
        again = asyncio.create_task(at.ask())
        await until(lambda: len(bad.asked) == 7)
        gate.set()
        assert "at last" == (await again).text

    run(go())
    assert ({"a": "closed", "b": "closed"}, 0) == (circuits(at), in_flight(at))


def test_what_waited_meets_the_circuit_that_opened() -> None:
    """A call that waited for its turn is not made where others have failed meanwhile."""
    fake = Fake("a", BUSY)
    at = house(limited(fake, concurrency=1), policy=CircuitPolicy(failures=2))

    async def go() -> list[BaseException | Reply]:
        return await asyncio.gather(*(at.ask() for _ in range(6)), return_exceptions=True)

    ended = [str(one) for one in run(go())]
    assert 2 == len(fake.asked)
    assert 2 == ended.count("a: busy")
    assert 4 == sum("its circuit is open until" in one for one in ended)
    assert 0 == in_flight(at)


@pytest.mark.parametrize("limit", [1, 3, 8])
def test_never_more_at_once_than_allowed(limit: int) -> None:
    """Whatever many ask, the limit is reached and never passed; also in a second event loop."""
    now = most = 0

    async def works(request: Request) -> Reply:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(int(request.prompt) % 5)
        now -= 1
        return Reply(text="yes")

    at = house(limited(Fake("a", works), concurrency=limit))

    async def go() -> int:
        replies = await asyncio.gather(*(at.ask(str(number)) for number in range(40)))
        return len(replies)

    assert [40, 40] == [run(go()), run(go())]
    assert (limit, 0) == (most, in_flight(at))


@pytest.mark.parametrize("strategy", ["least_loaded", "round_robin", "weighted", "fastest"])
def test_calls_at_once_are_spread(strategy: str) -> None:
    """What is chosen counts at once: those that are chosen next see it."""
    gate = asyncio.Event()

    async def waits(request: Request) -> Reply:
        await gate.wait()
        return Reply(text="yes")

    fakes = [Fake(name, waits) for name in "abc"]
    at = house(*fakes, strategy=strategy)

    async def go() -> list[int]:
        calls = [asyncio.create_task(at.ask()) for _ in range(9)]
        await until(lambda: sum(len(fake.asked) for fake in fakes) == 9)
        gate.set()
        await asyncio.gather(*calls)
        return [len(fake.asked) for fake in fakes]

    assert [3, 3, 3] == run(go())


def test_requests_a_minute() -> None:
    """A minute's worth at once, then one at a time as the minute goes on."""
    at = house(limited(Fake("a"), requests_per_minute=6))

    async def go() -> list[float]:
        ended = []
        for _ in range(9):
            await at.ask()
            ended.append(loop_time())
        return ended

    assert [0] * 6 + [10, 20, 30] == pytest.approx(run(go()))
    assert [0] * 6 == pytest.approx(run(go())[:6])


def test_less_than_one_request_a_minute() -> None:
    """It is one in longer."""
    at = house(limited(Fake("a"), requests_per_minute=0.5))

    async def go() -> float:
        await times(2, at)
        return loop_time()

    assert 120 == pytest.approx(run(go()))


def test_tokens_a_minute() -> None:
    """They are estimated before a call and corrected after it, either way."""
    used = [10, 1500, 1]

    async def answers(request: Request) -> Reply:
        return Reply(text="yes", usage=Usage(output_tokens=used.pop(0)))

    at = house(limited(Fake("a", answers), tokens_per_minute=1200))

    async def go() -> list[float]:
        ended = []
        for _ in range(3):
            await at.ask("", max_output_tokens=999)
            ended.append(loop_time())
        return ended

    # 10 used of 1200; then 1000 more fit; 1510 used, and 1000 fit again once 200 are left.
    assert [0, 0, (1510 - 200) / 20] == pytest.approx(run(go()))


def test_a_long_prompt_is_not_overtaken() -> None:
    """It is served in its turn, even if it takes more than a minute may."""
    order: list[str] = []

    async def answers(request: Request) -> Reply:
        order.append(request.prompt[:1])
        return Reply(text="yes")

    at = house(limited(Fake("a", answers), tokens_per_minute=100))

    async def go() -> float:
        await at.models().available("text")
        prompts = ["x" * 200, "l" * 4000, "s", "t"]
        await asyncio.gather(*(at.ask(one, max_output_tokens=1) for one in prompts))
        return loop_time()

    assert run(go()) > 570
    assert ["x", "l", "s", "t"] == order


def test_cancelled_while_it_waits_for_a_limit() -> None:
    """Nothing was asked, nothing is told, and nothing is held."""
    gate = asyncio.Event()

    async def waits(request: Request) -> Reply:
        await gate.wait()
        return Reply(text="yes")

    fake = Fake("a", waits)
    at = house(limited(fake, concurrency=1, requests_per_minute=60, tokens_per_minute=9000))

    async def go() -> None:
        first = asyncio.create_task(at.ask())
        await until(lambda: fake.asked)
        others = [asyncio.create_task(at.ask()) for _ in range(5)]
        await until(lambda: in_flight(at) == 6)
        for other in others:
            other.cancel()
        await asyncio.wait(others)
        assert (1, 1) == (in_flight(at), len(fake.asked))
        gate.set()
        await first
        await at.ask()

    run(go())
    assert (2, 0) == (len(at.told.calls), in_flight(at))


def test_cancelled_in_a_call() -> None:
    """It is passed on and told of; what it held is free, and its circuit as before."""

    async def hangs(request: Request) -> Reply:
        await asyncio.Event().wait()
        return Reply(text="never")

    fake = Fake("a", hangs)
    at = house(limited(fake, concurrency=1), Fake("b"), clock=loop_time)

    async def go() -> None:
        for _ in range(10):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(7):
                    await at.ask()
        (row,) = [one for one in at.pool.explain().providers if one.name == "a"]
        assert (0, "closed", 10, 0, 7.0) == (
            row.in_flight, row.circuit, row.calls, row.failures, row.latency_s,
        )  # fmt: skip

    run(go())
    assert {("a", "cancelled", 7.0)} == {
        (call.provider, call.error, call.duration_s) for call in at.told.calls
    }


@pytest.mark.parametrize("ends", ["raises", "answers"])
def test_a_provider_may_not_swallow_a_cancellation(ends: str) -> None:
    """The step is over when its time is, and no other provider is asked."""

    async def stubborn(request: Request) -> Reply:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if ends == "raises":
                raise ProviderError("interrupted", retryable=True) from None
        return Reply(text="late")

    other = Fake("b")
    at = house(Fake("a", stubborn), other)

    async def go() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await at.ask()

    run(go())
    assert ([], 0) == (other.asked, in_flight(at))


def test_a_listener_that_fails_leaves_nothing_behind() -> None:
    """Where an event cannot be kept the run ends, and the provider is not to blame."""

    async def full(event: object) -> None:
        raise OSError("no room")

    fake = Fake("a", BUSY)
    at = house(fake, policy=CircuitPolicy(failures=1))
    with pytest.raises(ProviderError):
        run(at.ask())
    at.clock.now += 10

    with pytest.raises(OSError, match="no room"):
        run(at.pool.models("p", full).complete(Request(prompt="hi")))
    assert (0, "half_open", 1) == (in_flight(at), circuits(at)["a"], len(fake.asked))
    fake.does = "fine"
    assert "fine" == run(at.ask()).text


def test_a_conversation_stays_where_it_is() -> None:
    """Whoever has it goes on with it, and nobody else; until it cannot be asked."""

    async def talks(request: Request) -> Reply:
        return Reply(text="yes", session=request.session or "s1")

    second = Fake("b", talks)
    at = house(Fake("a", BUSY), second, Fake("c", talks))
    assert "b" == run(at.ask()).provider
    assert {"s1": "b"} == at.sessions
    run(at.ask(session="s1"))
    last = at.told.calls[-1]
    assert ("b", 0, "s1") == (last.provider, last.hop, last.session)
    assert {name: "session 's1' is with 'b'" for name in "ac"} == last.passed_over

    second.does = BUSY
    with pytest.raises(ProviderError, match=r"^b: busy$"):
        run(at.ask(session="s1"))
    assert {"s1": "b"} == at.sessions
    second.health = Health(False, "it is off")
    run(at.pool.check_all())
    assert "c" == run(at.ask(session="s1")).provider
    assert "it is off" == at.told.calls[-1].passed_over["b"]
    assert {"s1": "c"} == at.sessions


def test_a_conversation_that_nobody_has() -> None:
    """It is begun with whoever comes first, and stays there."""
    at = house(Fake("a"), Fake("b"), strategy="round_robin")

    assert ["a"] * 3 == [one.provider for one in run(times(3, at, session="mine"))]
    assert {"mine": "a"} == at.sessions


def test_the_fastest_is_found() -> None:
    """Each is asked once; then the fastest, until it is so no more."""
    seconds = {"a": 3.0, "b": 1.0, "c": 2.0}

    def taking(name: str) -> Fake:
        async def answers(request: Request) -> Reply:
            await asyncio.sleep(seconds[name])
            return Reply(text="yes")

        return Fake(name, answers)

    at = house(*map(taking, seconds), strategy="fastest", clock=loop_time)

    async def go() -> list[str]:
        asked = [one.provider for one in await times(6, at)]
        seconds["b"] = 9.0
        return asked + [one.provider for one in await times(3, at)]

    assert ["a", "b", "c", "b", "b", "b", "b", "c", "c"] == run(go())


def test_the_moving_average() -> None:
    """After five calls the new value has the same weight as all that was before."""
    at = house(Fake("a"))

    async def takes(seconds: float, number: int) -> float | None:
        async def answers(request: Request) -> Reply:
            at.clock.now += seconds
            return Reply(text="yes")

        at.registry.get("a").provider.does = answers  # type: ignore[attr-defined]
        await times(number, at)
        return at.pool.explain().providers[0].latency_s

    assert 4 == run(takes(4, 3))
    assert 3 == pytest.approx(run(takes(2, 5)))


def test_checks_go_on_while_it_runs() -> None:
    """Whoever was checked before is checked on; changes are told, each once."""
    fake = Fake("a")
    unused = Fake("unused", capabilities=frozenset(("embeddings",)))
    at = house(fake, unused, Fake("b"))

    async def go() -> None:
        watching = asyncio.create_task(at.pool.watch(30))
        assert "a" == (await at.ask()).provider
        fake.health = Health(False, "it went away")
        await asyncio.sleep(100)
        assert "b" == (await at.ask()).provider
        fake.health = Health(True)
        await asyncio.sleep(30)
        assert "a" == (await at.ask()).provider
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching

    run(go())
    assert (5, 0) == (fake.checks, unused.checks)
    assert [("a", "unavailable"), ("a", "closed")] == at.told.health


def test_mock_mode_asks_only_whom_it_may() -> None:
    """The others are not even checked."""
    real, script = Fake("real"), Fake("script")
    at = house(real, script)
    models = at.models(only=lambda entry: entry.name == "script")

    assert "script" == run(models.complete(Request(prompt="hi"))).provider
    assert 0 == real.checks
    with pytest.raises(NoProvider, match="real: this run may not ask it"):
        run(at.models(only=lambda entry: False).complete(Request(prompt="hi")))


def test_rest_of_a_provider_that_is_gone() -> None:
    """What is unregistered during a call is answered all the same, and is nobody's any more."""
    gate = asyncio.Event()

    async def waits(request: Request) -> Reply:
        await gate.wait()
        return Reply(text="old")

    fake = Fake("a", waits)
    at = house(fake)

    async def go() -> str:
        call = asyncio.create_task(at.ask())
        await until(lambda: fake.asked)
        at.registry.register(Fake("a", "new"), replace=True)
        assert "new" == (await at.ask()).text
        gate.set()
        return (await call).text

    assert "old" == run(go())
    assert {"a": 1} == {one.name: one.calls for one in at.pool.explain().providers}


def test_texts_are_kept_short() -> None:
    """What a vendor says at length is not repeated with every call."""
    at = house(Fake("a", ProviderError("x" * 5000, retryable=True)), Fake("b"))
    run(times(6, at))

    assert all(len(call.passed_over.get("a", "")) < 300 for call in at.told.calls)
    assert TEXT == at.registry.get("a").capabilities
