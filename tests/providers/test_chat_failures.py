"""How every provider that answers by conversation fails, is lacking, and is given up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from otp_genesis.contracts.call_site import CallSite
from otp_genesis.contracts.provider import Health, Request
from otp_genesis.contracts.tool import Tool
from otp_genesis.errors import (
    BadCredentials,
    BrokenStream,
    ContentFiltered,
    ContextTooLong,
    NoAnswerInTime,
    Overloaded,
    ProviderError,
    RateLimited,
)
from otp_genesis.loopback.server import Fault
from providers.vendors import (
    KEY,
    VENDORS,
    Vendor,
    ended,
    made,
    nothing_left,
    refused,
)

of_each = pytest.mark.parametrize("vendor", VENDORS, ids=str)
EMPTY = {"type": "object", "properties": {}}
SHORT = 0.2


@of_each
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (429, RateLimited, True),
        (500, Overloaded, True),
        (502, Overloaded, True),
        (503, Overloaded, True),
        (504, Overloaded, True),
        (529, Overloaded, True),
        (401, BadCredentials, False),
        (403, BadCredentials, False),
        (400, ProviderError, False),
        (404, ProviderError, False),
        (413, ContextTooLong, False),
        (422, ProviderError, False),
    ],
)
def test_an_error_of_the_vendor(
    vendor: Vendor, stream: bool, status: int, kind: type[ProviderError], retryable: bool
) -> None:
    """It becomes the error of its sort, with what the vendor said; it is asked once."""
    error = refused(
        vendor, vendor.error(status, "the sky is falling"), Request(prompt="x", stream=stream)
    )

    assert type(error) is kind
    assert error.retryable is retryable
    assert "the sky is falling" in str(error)
    assert str(status) in str(error)


@of_each
@pytest.mark.parametrize("status", [429, 503])
def test_a_vendor_that_says_how_long_to_wait(vendor: Vendor, status: int) -> None:
    """That is passed on."""
    error = refused(
        vendor, vendor.error(status, "later", headers={"retry-after": "17"}), Request(prompt="x")
    )

    assert error.retry_after_s == 17.0


@of_each
def test_nobody_asks_again_by_itself(vendor: Vendor) -> None:
    """Neither the package of the vendor nor the provider: the gateway decides."""

    async def go() -> int:
        async with vendor.server([vendor.error(503, "no")]) as server:
            provider = vendor.made(server.url)
            with pytest.raises(Overloaded):
                await provider.complete(Request(prompt="x"))
            await provider.close()
            return len(server.requests)

    assert ended(go()) == 1


@of_each
def test_a_request_that_is_too_long(vendor: Vendor) -> None:
    """It is not asked again."""
    error = refused(vendor, vendor.too_long, Request(prompt="x"))

    assert type(error) is ContextTooLong


@of_each
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_that_the_vendor_filters(vendor: Vendor, stream: bool) -> None:
    """It is no answer."""
    error = refused(vendor, vendor.filtered, Request(prompt="x", stream=stream))

    assert type(error) is ContentFiltered


@of_each
def test_a_key_that_is_refused_is_not_repeated(vendor: Vendor) -> None:
    """Though the vendor does."""
    environ = {f"{vendor.kind.upper()}_API_KEY": KEY}
    error = refused(
        vendor,
        vendor.bad_key,
        Request(prompt="x"),
        environ=environ,
        api_key=f"env:{vendor.kind.upper()}_API_KEY",
    )

    assert type(error) is BadCredentials
    assert KEY not in str(error)
    assert "API_KEY]" in str(error)


@of_each
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_vendor_that_says_nothing(vendor: Vendor, stream: bool) -> None:
    """It is given up after the time that the settings allow."""
    error = refused(vendor, Fault(hang=True), Request(prompt="x", stream=stream), timeout_s=SHORT)

    assert type(error) is NoAnswerInTime
    assert str(error) == "no answer within 0.2 s (timeout_s)"


@of_each
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "fault",
    [Fault(body="<html>bad gateway</html>"), Fault(body='{"id": "x', cut=True)],
    ids=["no JSON", "cut"],
)
def test_an_answer_that_is_none(vendor: Vendor, stream: bool, fault: Fault) -> None:
    """Another attempt may help."""
    error = refused(vendor, fault, Request(prompt="x", stream=stream))

    assert type(error) is BrokenStream
    assert error.retryable


@of_each
def test_a_stream_that_breaks_off(vendor: Vendor) -> None:
    """What had come by then is kept."""
    said = "a beginning that has no end, for the line is cut"

    error = refused(vendor, vendor.cut(said), Request(prompt="x", stream=True))

    assert type(error) is BrokenStream
    assert error.output
    assert said.startswith(error.output)


@of_each
def test_an_answer_that_is_cut_before_its_first_word(vendor: Vendor) -> None:
    """Thoughts may use up all that was allowed; that is said."""
    error = refused(vendor, vendor.cut_short(""), Request(prompt="x"))

    assert not error.retryable
    assert "max_output_tokens" in str(error)


@of_each
def test_nobody_at_the_address(vendor: Vendor) -> None:
    """It may be there later."""

    async def go() -> ProviderError:
        async with vendor.server(["ok"]) as server:
            url = server.url
        provider = vendor.made(url)
        with pytest.raises(ProviderError) as caught:
            await provider.complete(Request(prompt="x"))
        await provider.close()
        return caught.value

    error = ended(go())
    assert (type(error), error.retryable) == (ProviderError, True)
    assert "127.0.0.1" in str(error)


@of_each
def test_redirects_are_not_followed_with_the_key(vendor: Vendor) -> None:
    """Another server would get it."""

    async def go() -> tuple[ProviderError, int]:
        async with vendor.server(["ok"]) as other:
            there = Fault(307, headers={"location": f"{other.url}/elsewhere"})
            async with vendor.server([there]) as server:
                provider = vendor.made(server.url)
                with pytest.raises(ProviderError) as caught:
                    await provider.complete(Request(prompt="x"))
                await provider.close()
            return caught.value, len(other.requests)

    error, followed = ended(go())
    assert followed == 0
    assert not error.retryable
    assert "307" in str(error)


@of_each
def test_without_a_key(vendor: Vendor) -> None:
    """It says that it cannot be asked, why, and what helps; asked all the same it says it, too."""
    provider = made(vendor.kind, environ={}, base_url="https://example.invalid")

    health = asyncio.run(provider.check())
    with pytest.raises(BadCredentials) as caught:
        asyncio.run(provider.complete(Request(prompt="x")))

    name = f"{vendor.kind.upper()}_API_KEY"
    assert not health.available
    assert f"env:{name}" in health.reason
    assert health.remedy.startswith(f"set {name} or ") or health.remedy.startswith(f"set {name},")
    assert f"[providers.{vendor.kind}] api_key" in health.remedy
    assert name in str(caught.value)


@of_each
def test_without_a_model(vendor: Vendor) -> None:
    """None is chosen for the user."""
    provider = made(vendor.kind, model=None)

    assert asyncio.run(provider.check()) == Health(
        False, "no model is named", f"name one in genesis.toml: [providers.{vendor.kind}] model = …"
    )
    with pytest.raises(ProviderError, match="no model is named"):
        asyncio.run(provider.complete(Request(prompt="x")))


@of_each
def test_an_address_that_is_none(vendor: Vendor) -> None:
    """It is shown, with where to mend it."""
    assert asyncio.run(made(vendor.kind, base_url="nonsense").check()).reason.endswith(
        "is no address"
    )


@of_each
def test_a_call_that_is_cancelled_while_a_tool_works(vendor: Vendor) -> None:
    """The tool is ended, too."""
    working, over = asyncio.Event(), []

    async def work(arguments: object) -> str:
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            over.append("ended")
        return ""

    site = CallSite(toolbox={"work": Tool("work", "Work.", EMPTY, work)})

    async def go() -> None:
        async with vendor.server([vendor.calling(("work", {}))]) as server:
            provider = vendor.made(server.url)
            request = Request(prompt="x", tools=("work",), site=site)
            task = asyncio.create_task(provider.complete(request))
            await working.wait()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            await provider.close()

    ended(go())
    assert over == ["ended"]


@of_each
def test_its_check_asks_nobody(vendor: Vendor) -> None:
    """It looks at keys and addresses only."""

    async def go() -> tuple[Health, int]:
        async with vendor.server(["ok"]) as server:
            provider = vendor.made(server.url)
            return await provider.check(), len(server.requests)

    assert ended(go()) == (Health(True), 0)


@of_each
def test_a_tool_that_is_not_here(vendor: Vendor) -> None:
    """It is a mistake of the step's, told before anybody is asked."""
    with pytest.raises(ProviderError, match="there is no tool 'read_file'; there are none"):
        asyncio.run(made(vendor.kind).complete(Request(prompt="x", tools=("read_file",))))


@of_each
def test_one_event_loop_after_another(vendor: Vendor) -> None:
    """Connections belong to a loop, and are closed with it, though nobody calls `close`."""
    provider: list[Any] = []

    async def go() -> str:
        async with vendor.server(["ok"]) as server:
            # The address changes with the server; what is kept for a loop must not.
            provider[:] = [vendor.made(server.url)]
            reply = await provider[0].complete(Request(prompt="x"))
            return str(reply.text)

    async def again() -> str:
        reply = await provider[0].complete(Request(prompt="x"))
        return str(reply.text)

    asyncio.run(go())
    with nothing_left():
        assert [asyncio.run(go()) for _ in range(3)] == ["ok"] * 3
        for _ in range(2):
            with pytest.raises(ProviderError):
                asyncio.run(again())


@of_each
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_call_that_is_cancelled(vendor: Vendor, stream: bool) -> None:
    """It ends at once and leaves nothing; the provider can be asked again."""

    async def go() -> str:
        hang, arrived = True, asyncio.Event()

        def script(one: Any) -> Any:
            arrived.set()
            return Fault(hang=True) if hang else "here"

        async with vendor.server(script) as server:
            provider = vendor.made(server.url)
            task = asyncio.create_task(provider.complete(Request(prompt="x", stream=stream)))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            hang = False
            reply = await provider.complete(Request(prompt="x"))
            await provider.close()
            return reply.text

    assert ended(go()) == "here"
