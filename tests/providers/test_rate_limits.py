"""A provider that says it is asked too often slows everybody who asks it, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from otp_genesis.contracts.provider import FunctionProvider, Reply, Request
from otp_genesis.contracts.provider_registry import ProviderRegistry
from otp_genesis.errors import BadCredentials, ProviderError, RateLimited
from otp_genesis.providers.gateway import MAX_ROUNDS
from otp_genesis.providers.pool import Pool
from providers.fakes import TEXT, Told, loop_time, run


class Counted:
    """A provider that refuses so many calls, and notes when it was asked."""

    def __init__(self, name: str, refusals: int, retry_after_s: float | None = None):
        self.name, self.refusals, self.retry_after_s = name, refusals, retry_after_s
        self.asked: list[float] = []

    async def answer(self, request: Request) -> Reply:
        """Refuse, or answer after a second."""
        self.asked.append(loop_time())
        if len(self.asked) <= self.refusals:
            raise RateLimited("too many requests", retry_after_s=self.retry_after_s)
        await asyncio.sleep(1)
        return Reply(text=f"{self.name} {request.prompt}")


def pool_of(*providers: Counted) -> Pool:
    """Return a pool in which the first is asked first."""
    registry = ProviderRegistry()
    for place, one in enumerate(providers):
        registry.register(FunctionProvider(one.name, TEXT, one.answer), priority=-place)
    return Pool(registry, clock=loop_time)


def ask(pool: Pool, *prompts: str) -> list[str]:
    """Ask all at once, and return what is answered, or the error."""

    async def go() -> list[str]:
        models = pool.models("p", Told().emit)

        async def one(prompt: str) -> str:
            try:
                return (await models.complete(Request(prompt=prompt))).text
            except ProviderError as error:
                return f"{error} ({error.retry_after_s})"

        return list(await asyncio.gather(*map(one, prompts)))

    return run(go())


def test_it_is_asked_again_when_it_says() -> None:
    """With nobody else to ask, the same one is asked after the time that it named."""
    only = Counted("a", 1, retry_after_s=7)

    assert ask(pool_of(only), "x") == ["a x"]
    assert only.asked == [0.0, 7.0]


def test_everybody_waits() -> None:
    """One of five calls at once is refused: the others wait for as long, and are made once."""
    only = Counted("a", 1, retry_after_s=7)

    assert ask(pool_of(only), *"vwxyz") == [f"a {name}" for name in "vwxyz"]
    assert only.asked == [0.0] + [7.0] * 5


def test_after_a_pause_one_goes_first() -> None:
    """Where it refuses again, those behind have not been made in vain: they wait again."""
    only = Counted("a", 2, retry_after_s=7)

    assert ask(pool_of(only), *"vwxyz") == [f"a {name}" for name in "vwxyz"]
    assert only.asked == [0.0, 7.0] + [14.0] * 5


def test_another_is_asked_meanwhile() -> None:
    """The next one answers at once; the one that refused is left alone for as long as it says."""
    first, second = Counted("a", 1, retry_after_s=30), Counted("b", 0)
    pool = pool_of(first, second)

    async def go() -> list[str]:
        models = pool.models("p", Told().emit)
        said = []
        for prompt in "xyz":
            said.append((await models.complete(Request(prompt=prompt))).text)
        await asyncio.sleep(30)
        said.append((await models.complete(Request(prompt="w"))).text)
        return said

    assert run(go()) == ["b x", "b y", "b z", "a w"]
    assert first.asked == [0.0, 33.0]


def test_pauses_grow_where_it_does_not_say() -> None:
    """One second, two, four: and after the rounds there are it is given up, with the time left."""
    only = Counted("a", 99)

    (said,) = ask(pool_of(only), "x")

    assert only.asked == [0.0, 1.0, 3.0]
    assert len(only.asked) == MAX_ROUNDS
    assert said == "a: too many requests (4.0)"


def test_its_circuit_stays_closed() -> None:
    """It is well: nine refusals in a row do not take it out."""
    only = Counted("a", 9, retry_after_s=1)
    pool = pool_of(only)

    said = [ask(pool, "x")[0] for _ in range(4)]

    assert said[-1] == "a x"
    assert pool.record_of("a").circuit.state == "closed"


def test_a_bad_key_opens_the_circuit() -> None:
    """It is the provider's flaw, not the request's: after five it is not asked for a while."""
    registry, asked = ProviderRegistry(), []

    async def answer(request: Request) -> Reply:
        asked.append(request.prompt)
        raise BadCredentials("wrong key")

    registry.register("a", answer)
    pool = Pool(registry, clock=loop_time)
    said = [ask(pool, "x")[0] for _ in range(7)]

    assert len(asked) == 5
    assert "its circuit is open" in said[-1]


@pytest.mark.parametrize(
    ("prefers", "strategy", "first"),
    [
        ((), None, "a"),
        (("c", "b"), None, "c"),
        (("nobody", "b"), None, "b"),
        (("b",), "priority", "a"),
    ],
)
def test_who_is_preferred(prefers: tuple[str, ...], strategy: str | None, first: str) -> None:
    """A request's own wish goes before the order of the run, not before a strategy it names."""
    pool = pool_of(Counted("a", 0), Counted("b", 0), Counted("c", 0))

    async def go() -> str:
        models = pool.models("p", Told().emit)
        request = Request(prompt="x", prefers=prefers, strategy=strategy)
        return (await models.complete(request)).text

    assert run(go()) == f"{first} x"
