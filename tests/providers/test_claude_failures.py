"""How calls of the agent fail, and that each failure says what it is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from otp_genesis.contracts.provider import Health, Request
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
from otp_genesis.loopback.anthropic import Turn, cut_stream, error, text, tool_use
from otp_genesis.loopback.server import Fault
from providers.claude_bench import KEY, ClaudeBench


@pytest.fixture
def bench(tmp_path: Path) -> ClaudeBench:
    """A provider with a project."""
    return ClaudeBench(tmp_path)


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        (
            error(429, "rate_limit_error", "slow down", {"retry-after": "7"}),
            RateLimited,
            "429: slow down",
        ),
        (error(529, "overloaded_error", "too many"), Overloaded, "529: too many"),
        (error(500, "api_error", "oh no"), Overloaded, "500: oh no"),
        (Fault(503, "<html>down</html>"), Overloaded, "503: <html>down</html>"),
        (error(403, "permission_error", "not you"), BadCredentials, "403: not you"),
        (
            error(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
            ContextTooLong,
            "prompt is too long: 9 tokens > 8 maximum",
        ),
        (error(400, "invalid_request_error", "what?"), ProviderError, "400: what?"),
        (error(404, "not_found_error", "model: x"), ProviderError, "404: model: x"),
        (cut_stream("half an answer"), BrokenStream, "ended before the answer did"),
        (Turn("no", stop_reason="refusal"), ContentFiltered, "refused"),
    ],
    ids=["429", "529", "500", "503", "403", "long", "400", "404", "cut", "refusal"],
)
def test_the_vendors_errors(
    bench: ClaudeBench, fault: Fault, expected: type[ProviderError], words: str
) -> None:
    """Each is of its kind, in the vendor's own words; what may pass is not asked for again."""
    with pytest.raises(ProviderError) as told:
        bench.run([fault])

    assert type(told.value) is expected
    assert words in str(told.value)
    assert (told.value.retry_after_s == 7.0) is (expected is RateLimited)
    # The CLI looks whether a request that is refused for good passes in a plainer form.
    assert len(bench.server.asked) == 1 or not told.value.retryable


def test_a_wrong_key(bench: ClaudeBench) -> None:
    """The vendor's word for it, and not the key."""
    bench.environ = {"ANTHROPIC_API_KEY": "sk-ant-some-other-key"}
    with pytest.raises(BadCredentials, match="401: invalid x-api-key") as told:
        bench.run(["never"])

    assert "sk-ant" not in str(told.value)


def test_a_late_failure_keeps_what_was_said(bench: ClaudeBench) -> None:
    """The vendor fails at the second turn; the first is not lost."""
    calls = [text("Let me look."), tool_use("Glob", pattern="*")]
    with pytest.raises(Overloaded) as told:
        bench.run([calls, error(529, "overloaded_error", "too many")])

    assert told.value.output == "Let me look."


def test_failures_of_a_login(bench: ClaudeBench) -> None:
    """Where the CLI asks by itself, its own word for the status is what there is."""
    bench.environ = {"ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": KEY}
    with pytest.raises(RateLimited, match="slow down") as told:
        bench.run([error(429, "rate_limit_error", "slow down")])
    bench.environ |= {"CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat-of-another"}
    with pytest.raises(BadCredentials, match="401"):
        bench.run(["never"])

    assert told.value.retryable


def test_nobody_listens(bench: ClaudeBench) -> None:
    """A vendor that cannot be reached may be reached later."""
    bench.settings = {"base_url": "http://127.0.0.1:1"}
    with pytest.raises(ProviderError, match=r"127\.0\.0\.1:1 cannot be reached") as told:
        asyncio.run(bench.ask())

    assert (type(told.value), told.value.retryable) == (ProviderError, True)


def test_no_answer_in_time(bench: ClaudeBench) -> None:
    """A vendor that says nothing is not waited for for ever."""
    bench.settings = {"timeout_s": 4.0}
    with pytest.raises(NoAnswerInTime, match="within 4 s") as told:
        bench.run([[text("Let me look."), tool_use("Glob", pattern="*")], Fault(hang=True)])

    assert told.value.output == "Let me look."


def test_a_program_that_is_no_cli(bench: ClaudeBench) -> None:
    """What it writes to stderr is what there is to be told."""
    program = bench.folder / "cli"
    program.write_text("#!/bin/sh\necho this is no CLI >&2\nexit 3\n")
    program.chmod(0o755)
    bench.settings = {"cli_path": str(program)}
    with pytest.raises(ProviderError, match="this is no CLI") as told:
        bench.run(["never"])

    assert not told.value.retryable


def test_a_program_that_is_killed(bench: ClaudeBench) -> None:
    """The kernel ends what takes too much memory; another time there may be enough."""
    program = bench.folder / "cli"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    bench.settings = {"cli_path": str(program)}
    with pytest.raises(ProviderError, match="ended without an answer") as told:
        bench.run(["never"])

    assert told.value.retryable


def test_without_a_key(bench: ClaudeBench) -> None:
    """It says where one is looked for, and that a login helps; a call says the same."""
    bench.environ = {"ANTHROPIC_API_KEY": ""}
    provider = bench.provider()
    health = asyncio.run(provider.check())

    assert not health.available
    assert "env:ANTHROPIC_API_KEY" in health.reason
    assert "claude setup-token" in health.remedy
    with pytest.raises(BadCredentials, match="ANTHROPIC_API_KEY"):
        asyncio.run(provider.complete(Request(prompt="hi")))


def test_what_one_can_log_in_with(bench: ClaudeBench) -> None:
    """A key in the environment or a file, a token, the CLI's own login while it is good."""
    home = bench.folder / "user" / ".claude"
    home.mkdir(parents=True)
    login = home / ".credentials.json"
    nothing = {"ANTHROPIC_API_KEY": ""}

    def health(environ: dict[str, str], **settings: str) -> bool:
        bench.environ, bench.settings = environ, settings
        return asyncio.run(bench.provider().check()).available

    assert health({})
    assert not health(nothing)
    assert health({**nothing, "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat-token"})
    (bench.folder / "key").write_text("sk-ant-in-a-file\n")
    assert health(nothing, api_key=f"file:{bench.folder / 'key'}")
    assert not health({}, api_key="env:ANOTHER")
    assert not health({}, cli_path=str(bench.folder / "none"))
    assert not health({}, api_key=f"file:{bench.folder / 'none'}")
    for expires, good in ((1, False), (9_999_999_999_999, True)):
        login.write_text(f'{{"claudeAiOauth": {{"accessToken": "t", "expiresAt": {expires}}}}}')
        assert health(nothing) is good
    login.write_text("[]")
    assert not health(nothing)


def test_without_the_sdk(bench: ClaudeBench) -> None:
    """It says what to install."""
    provider = bench.provider(installed=lambda: False)
    health = asyncio.run(provider.check())
    with pytest.raises(ProviderError, match="otp-genesis"):
        asyncio.run(provider.complete(Request(prompt="hi")))

    assert health == Health(
        False, "the package claude-agent-sdk is not installed", "pip install 'otp-genesis[claude]'"
    )


CHECKS = """
import asyncio, sys
from pathlib import Path
from otp_genesis.providers.kind import kind_named
from otp_genesis.providers.kind import Surroundings
from otp_genesis.providers.secrets import Secrets
environ = {"ANTHROPIC_API_KEY": "sk-ant-0123456789"}
around = Surroundings(Secrets(environ), Path("nowhere"), environ)
kind = kind_named("claude")
print(asyncio.run(kind.make("claude", kind.settings(), around).check()).available)
print(sorted({"claude_agent_sdk", "aiohttp", "mcp", "anyio"} & set(sys.modules)))
"""
MISSING = """
import sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        wanted = name != "claude_agent_sdk"
        return PathFinder.find_spec(name, path, target) if wanted else None

sys.meta_path = [Finder if one is PathFinder else one for one in sys.meta_path]
"""


@pytest.mark.parametrize(
    ("code", "expected"), [(CHECKS, "True"), (MISSING + CHECKS, "False")], ids=["there", "missing"]
)
def test_a_check_imports_nothing(code: str, expected: str) -> None:
    """Neither the SDK nor a web server is loaded to say whether there is a key and the SDK."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == f"{expected}\n[]\n"


def test_no_key_in_any_message(bench: ClaudeBench) -> None:
    """A vendor that repeats the key in its error is not repeated."""
    with pytest.raises(ProviderError) as told:
        bench.run(
            [
                [text(f"Your key is {KEY}."), tool_use("Glob", pattern="*")],
                error(400, "invalid_request_error", f"bad key {KEY}"),
            ]
        )

    assert KEY not in f"{told.value} {told.value.output} {bench.events}"
    assert "[env:ANTHROPIC_API_KEY]" in str(told.value)
