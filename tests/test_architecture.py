"""The floors of the house, its sizes, and the names that are not to be."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import otp_genesis
from otp_genesis.contracts.step import Context
from otp_genesis.model import event as events

ROOT = Path(otp_genesis.__path__[0])
FLOORS = (
    {"errors", "deferred"},
    {"model"},
    {"expr", "languages"},
    {"contracts"},
    {
        "steps",
        "providers",
        "codebase",
        "durable",
        "engine",
        "compatibility",
        "telemetry",
        "loopback",
    },
    {
        "settings",
        "opening",
        "extension",
        "background",
        "history",
        "performing",
        "provider_tables",
        "requesting",
        "runtime",
        "spending",
        "testing",
        "__init__",
    },
    {"otp", "dspy"},
    {"cli", "web", "mcp_server", "__main__"},
)
FILES = sorted(ROOT.rglob("*.py"))
LIMITS = {"engine/attempt.py": 150, "engine/run.py": 200, "otp/syntax.py": 200}
VENDORS = (
    "claude",
    "anthropic",
    "gemini",
    "google",
    "openai",
    "mistral",
    "ollama",
    "gpt",
    "vertex",
)
MODEL_SDKS = (
    "aiohttp", "anthropic", "claude_agent_sdk", "dspy", "genai_prices", "google", "httpx", "httpx2",
    "keyring", "mcp", "openai", "pydantic_ai", "xllamacpp",
)  # fmt: skip
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return [node for node in ast.walk(tree(path)) if isinstance(node, kinds)]


def imported(nodes: Iterator[ast.AST] | list[ast.AST]) -> set[str]:
    """Return the modules of this package that `nodes` import."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "otp_genesis":
            found |= {f"otp_genesis.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith("otp_genesis.")}


def for_types_only(path: Path) -> list[ast.AST]:
    """Return the nodes below `if TYPE_CHECKING:`."""
    found: list[ast.AST] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            found += ast.walk(node)
    return found


@each_file
def test_no_import_goes_up(path: Path) -> None:
    """A file imports from lower floors and from its own room; rooms of a floor are strangers."""
    typed = for_types_only(path)
    names = imported([node for node in ast.walk(tree(path)) if node not in typed])
    if room(path) not in ("errors", "__init__"):
        names |= imported(typed)
    rooms = {name.split(".")[1] for name in names} - {"__version__", room(path)}
    # These two floors hold files, not rooms: what is on them is one room.
    for together in (FLOORS[5], FLOORS[7]):
        rooms -= together if room(path) in together else set()

    assert [name for name in rooms if floor(name) >= floor(room(path))] == []


@each_file
def test_a_file_fits_in_one_reading(path: Path) -> None:
    """400 lines a file, 60 a function, and less where everything would gather."""
    name = path.relative_to(ROOT).as_posix()
    long = [f.name for f in functions(path) if (f.end_lineno or 0) - f.lineno + 1 > 60]

    assert long == []
    assert path.read_text(encoding="utf-8").count("\n") <= LIMITS.get(name, 400)


@each_file
def test_late_imports_only_at_the_edge(path: Path) -> None:
    """Only the command line imports late, and who loads an optional SDK."""
    inner = [
        statement
        for function in functions(path)
        for statement in ast.walk(function)
        if isinstance(statement, ast.Import | ast.ImportFrom)
    ]

    assert room(path) in ("cli", "__init__", "web", "dspy") or imported(list(inner)) == set()


def test_every_room_has_its_floor() -> None:
    """A new folder is put on a floor, or the house has no shape."""
    assert [path for path in FILES if not any(room(path) in rooms for rooms in FLOORS)] == []


def test_no_name_says_nothing() -> None:
    """No module or folder is a drawer for whatever has no place."""
    vague = re.compile(r"utils?|common|helpers?|managers?|misc", re.IGNORECASE)
    parts = {p.removesuffix(".py") for path in FILES for p in path.relative_to(ROOT).parts}

    assert [part for part in parts if vague.fullmatch(part)] == []


def test_a_step_reaches_little() -> None:
    """`Context` has at most eight public members."""
    members = [name for name in vars(Context) if not name.startswith("_")]

    assert 5 <= len(members) <= 8, members


def test_the_gateway_names_no_vendor() -> None:
    """What is special about one vendor is in that vendor's file."""
    text = (ROOT / "providers" / "gateway.py").read_text(encoding="utf-8").lower()

    assert [vendor for vendor in VENDORS if vendor in text] == []


def test_every_event_is_read_somewhere() -> None:
    """An event that no fold and no view consumes is not kept."""
    kinds = [
        name
        for name, value in vars(events).items()
        if isinstance(value, type) and issubclass(value, events._Event) and name[0] != "_"
    ]
    folded = (ROOT / "model" / "run.py").read_text(encoding="utf-8")

    assert len(kinds) >= 8
    assert [name for name in kinds if f"ev.{name}(" not in folded] == []


def modules_after(code: str) -> set[str]:
    """Return the top-level modules that are loaded once `code` has run."""
    tail = "import sys, json; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tail}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import otp_genesis",
        "import sys\nfrom otp_genesis.cli.main import app, run_guarded\n"
        "sys.argv = ['genesis', '--help']\nrun_guarded(app, ['--help'])",
    ],
    ids=["import", "help"],
)
def test_the_start_is_light(code: str) -> None:
    """Neither the import nor `--help` pays for models, schemas or templates."""
    loaded = modules_after(code)

    assert "otp_genesis" in loaded
    assert set() == loaded & {"pydantic", "jinja2", "jsonschema", "yaml", *MODEL_SDKS}


def test_a_runtime_starts_with_names_only() -> None:
    """What takes long to import waits until it is used: templates, parsers, schemas, the loop."""
    loaded = modules_after("from otp_genesis.runtime import Runtime\nRuntime(discover=False)")

    assert "pydantic" in loaded
    late = {"asyncio", "jinja2", "jsonschema", "yaml", "packaging", "sqlite3", "tree_sitter"}
    assert set() == loaded & {*late, *MODEL_SDKS}


def test_the_whole_runtime_needs_no_model_sdk() -> None:
    """The base install runs pipelines without any vendor's package."""
    loaded = modules_after("from otp_genesis.runtime import Runtime\nRuntime.in_memory()")

    assert "pydantic" in loaded
    assert set() == loaded & set(MODEL_SDKS)


def test_the_public_names_are_there() -> None:
    """Everything that `from otp_genesis import …` promises can be had."""
    for name in otp_genesis.__all__:
        assert getattr(otp_genesis, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = otp_genesis.nothing
