"""The page about providers does what it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from otp_genesis.providers import KINDS
from otp_genesis.providers.circuit import DEFAULT_POLICY
from otp_genesis.providers.configure import ProviderSettings
from otp_genesis.providers.estimate import OUTPUT_TOKENS
from otp_genesis.providers.pool import CHECK_INTERVAL_S, CHECK_LIMIT_S
from otp_genesis.providers.record import LATENCY_HALF_LIFE
from otp_genesis.providers.strategies import BUILT_IN

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_blocks_run(number: int, tmp_path: Path, environ: dict[str, str]) -> None:
    """Each as it stands, with the document that is shown; the first prints what is shown."""
    documents = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    (tmp_path / "hello.yaml").write_text(next(one for one in documents if "name: hello" in one))
    (tmp_path / "it.py").write_text(BLOCKS[number])
    command = [sys.executable, "-W", "error", "it.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    printed = re.findall(r"```text\n(.*?)```", PAGE, re.S)

    assert (printed[number] if number < len(printed) else "", "") == (done.stdout, done.stderr)


def test_a_provider_is_short() -> None:
    """A whole one, registered and asked, in at most 40 lines."""
    assert BLOCKS[0].count("\n") <= 40


def test_the_numbers_are_those_of_the_program() -> None:
    """Strategies, settings, and the numbers in the text."""
    policy = DEFAULT_POLICY

    tables = PAGE.partition("| strategy | asked first |")
    assert list(BUILT_IN) == re.findall(r"^\| `([a-z_]+)` \|", tables[2], re.M)
    assert [*KINDS, "scripted", "mock"] == re.findall(r"^\| `(\w+)` \|", tables[0], re.M)
    shown = re.findall(
        r"^(\w+) =", PAGE.partition("[providers.shout]\n")[2].partition("```")[0], re.M
    )
    assert set(ProviderSettings.model_fields) == set(shown)
    for said in (
        f"{policy.failures} failures one after the other",
        f"its last {policy.window} calls, once there were {policy.minimum}",
        f"passed over for {policy.cooldown_s:g} s",
        f"most\n  {policy.cooldown_max_s:g} s",
        f"{CHECK_LIMIT_S:g} s for each",
        f"every {CHECK_INTERVAL_S:g} s",
        f"`max_output_tokens`, or {OUTPUT_TOKENS:,}",
        f"0.5 ** (1 / {LATENCY_HALF_LIFE})",
    ):
        assert said in PAGE
    assert (0.5, 0.2, 1) == (policy.error_rate, policy.jitter, policy.trials)
