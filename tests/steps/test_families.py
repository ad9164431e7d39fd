"""The table of built-in step types against what the modules say; which of them are legacy."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import yaml
from conftest import Bench

from otp_genesis.steps import FAMILIES
from otp_genesis.testing import ECHO

LEGACY = (
    "claude", "claude_batch", "claude_extract", "claude_robust", "claude_session", "claude_smart",
    "gemini", "gemini_instructor", "parallel_claude", "set_variable",
)  # fmt: skip
OTHERS = (
    "for_loop", "while_loop", "data_transform", "file_ops", "pipeline", "codebase_query",
    "switch", "checkpoint", "test_echo", "bash",
)  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_says_what_the_module_has(family: str) -> None:
    """The names are known before the module is imported; they are those of its `STEPS`."""
    module = import_module(f"otp_genesis.steps.{family}")

    assert FAMILIES[family] == tuple(kind.name for kind in module.STEPS)


def test_no_name_is_there_twice() -> None:
    """Each type belongs to one family."""
    names = [name for names in FAMILIES.values() for name in names]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("name", LEGACY)
def test_older_types_say_so(bench: Bench, name: str) -> None:
    """All ten are registered at start, resolve by name, and tell since when they are legacy."""
    found = bench.runtime.steps.resolve(name)
    metadata = found.entry.metadata

    assert ("name", None) == (found.via, found.deprecation)
    assert ("0.1", "built-in") == (metadata.legacy_since, metadata.origin)
    assert metadata.description
    assert metadata.capabilities


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_types_are_there(bench: Bench, name: str) -> None:
    """What else pipeline_ex had or promised resolves, too."""
    assert name == bench.runtime.steps.get(name).name


def test_every_example_is_valid(bench: Bench) -> None:
    """An example of a type is a step of that type that passes the check."""
    shown = {kind.name: kind.metadata.examples for kind in bench.runtime.steps}

    assert {name for name in (*LEGACY, *OTHERS[2:4]) if not shown[name]} <= {"set_variable"}
    for name, examples in shown.items():
        for example in examples:
            assert [] == bench.complaints(example)
            assert name == yaml.safe_load(example)[0]["type"]


def test_the_start_imports_none_of_them() -> None:
    """A runtime that runs no older step pays for its name alone."""
    code = (
        "import sys\nfrom otp_genesis.runtime import Runtime\n"
        "Runtime.in_memory(discover=False)\n"
        "print([m for m in sys.modules if m.startswith('otp_genesis.steps.')"
        " or m == 'otp_genesis.model.prompt'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"otp_genesis.steps.document"} >= set(yaml.safe_load(done.stdout))


def test_echo(bench: Bench) -> None:
    """The step for tests gives back anything, and fails when it is told to."""
    assert ("test_echo", "built-in") == (ECHO.name, bench.runtime.steps.origin_of(ECHO.name))
    assert {"a": "default_echo", "b": {"n": [1]}} == bench.results(
        "- {name: a, type: test_echo}\n- {name: b, type: test_echo, value: {n: [1]}}"
    )
    assert "t/a: oh" == bench.failure("- {name: a, type: test_echo, fail: true, error_message: oh}")
    assert "t/a: Test step intentionally failed" == bench.failure(
        "- {name: a, type: test_echo, value: __FAIL__}"
    )
