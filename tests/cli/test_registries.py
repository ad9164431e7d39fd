"""What is registered, as the command shows it: types, plugins, schema, providers in order."""

from __future__ import annotations

import json

from conftest import Genesis, Write
from jsonschema import Draft7Validator

PARROTS = """
from otp_genesis.contracts.provider import FunctionProvider, ModelFacts, RegisteredProvider
from otp_genesis.contracts.provider_registry import Strategy
from otp_genesis.errors import ProviderError

async def first(request):
    return f"first says {request.prompt}"

async def second(request):
    return f"second says {request.prompt}"

async def down(request):
    raise ProviderError("nobody at home", retryable=True)

TEXT = frozenset({"text"})
dear = RegisteredProvider(
    FunctionProvider("dear", TEXT, first), TEXT, priority=2,
    models=(ModelFacts(name="m", input_usd_per_million=9, output_usd_per_million=9),),
)
cheap = RegisteredProvider(
    FunctionProvider("cheap", TEXT, second), TEXT, priority=1,
    models=(ModelFacts(name="m", input_usd_per_million=1, output_usd_per_million=1),),
)
broken = RegisteredProvider(FunctionProvider("broken", TEXT, down), TEXT, priority=9)
last_first = Strategy("last_first", lambda candidates, request: list(reversed(candidates)))
"""
ASK = """
workflow:
  name: ask
  steps:
    - {name: a, type: prompt, prompt: hi}
    - {name: b, type: prompt, prompt: hi, provider_strategy: cheapest}
  outputs: {a: "{{ steps.a.text }}", b: "{{ steps.b.text }}"}
"""


def events_of(genesis: Genesis, run: str, kind: str) -> list[dict[str, object]]:
    lines = genesis("runs", "events", run).stdout.splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


def test_order_and_fallback(genesis: Genesis, write: Write) -> None:
    """The strategy of a step, of the run, of genesis.toml; each hop has its reason."""
    write("parrots.py", PARROTS)
    write("ask.yaml", ASK)
    paths = '[plugins]\npaths = ["parrots.py"]\n'
    write("genesis.toml", f"{paths}[providers.broken]\nenabled = false\n")

    assert genesis.json("run", "ask.yaml")["outputs"] == {
        "a": "first says hi", "b": "second says hi",
    }  # fmt: skip
    chosen = genesis.json("run", "ask.yaml", "--strategy", "cheapest", "--run-id", "two")
    assert chosen["outputs"]["a"] == "second says hi"
    calls = events_of(genesis, "two", "model_called")
    assert [(one["provider"], one["strategy"], one["hop"]) for one in calls] == [
        ("cheap", "cheapest", 0), ("cheap", "cheapest", 0),
    ]  # fmt: skip
    assert "it is switched off" in str(calls[0]["passed_over"])

    write(
        "genesis.toml", '[plugins]\npaths = ["parrots.py"]\n[providers]\nstrategy = "last_first"\n'
    )
    told = genesis("providers", "--explain").stdout
    assert "for text, by last_first:" in told

    write("genesis.toml", paths)
    fell = genesis.json("run", "ask.yaml", "--run-id", "three")
    assert fell["outputs"]["a"] == "first says hi"
    first, second = events_of(genesis, "three", "model_called")[:2]
    assert (first["provider"], first["error"]) == ("broken", "nobody at home")
    assert (second["provider"], second["hop"]) == ("dear", 1)
    assert "nobody at home" in str(second["passed_over"])


def test_health_is_seen_afterwards(genesis: Genesis, write: Write) -> None:
    """A circuit that opened in a run is told by its events, its metrics and `providers`."""
    write("parrots.py", PARROTS)
    write("genesis.toml", '[plugins]\npaths = ["parrots.py"]\n[providers.dear]\npriority = 5\n')
    steps = "\n".join(f"    - {{name: s{n}, type: prompt, prompt: hi}}" for n in range(8))
    write("many.yaml", f"workflow:\n  name: many\n  steps:\n{steps}\n")
    genesis.json("run", "many.yaml", "--run-id", "many")
    opened = events_of(genesis, "many", "provider_health")
    (broken,) = [one for one in genesis.json("providers") if one["name"] == "broken"]

    assert [(one["provider"], one["state"]) for one in opened] == [("broken", "open")]
    assert broken["seen_last"].startswith("open: ")
    assert "genesis_provider_calls_total{" in genesis("metrics").stdout
    asked = [one["provider"] for one in events_of(genesis, "many", "model_called")]
    assert asked.count("broken") == 5
    assert asked.count("dear") == 8


def test_wrong_words(genesis: Genesis, write: Write) -> None:
    """Each is one message with the nearest, and the exit code of wrong usage."""
    write("ask.yaml", ASK)
    cases = {
        ("providers", "nobody"): "error: no provider named 'nobody'; known: anthropic, claude",
        ("providers", "--explain", "--needs", "tool"): "no capability 'tool'; did you mean 'tools'",
        ("providers", "--explain", "--strategy", "x"): "error: no strategy named 'x'; known: ",
        ("run", "ask.yaml", "--strategy", "cheap"): "did you mean 'cheapest'?",
        ("steps", "--capability", "txt"): "error: no capability 'txt'; did you mean 'text'?",
        ("steps", "set_varable"): "no step type named 'set_varable'; did you mean 'set_variable'",
        ("check", "ask.yaml", "--plugin", "no.py"): "no.py: there is no such file",
    }
    for words, said in cases.items():
        done = genesis(*words)
        assert done.returncode == 2, words
        assert said in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
    for text, said in {
        "[providers.nobody]\npriority = 1\n": "[providers.nobody] no provider 'nobody'",
        "[providers.scripted]\nprio = 1\n": "[providers.scripted] prio: ",
        "[providers]\nstrat = 'x'\n": "[providers] 'strat' is no table and no strategy",
        "[telemetry]\nlog = 'loud'\n": "[telemetry] log: ",
    }.items():
        write("genesis.toml", text)
        done = genesis("run", "ask.yaml")
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_the_schema(genesis: Genesis, write: Write) -> None:
    """It holds every type, a plugin's too, and an editor can use it."""
    write(
        "parrots.py",
        "from otp_genesis import Ok, Params, step\nclass P(Params):\n    n: int\n"
        "@step('parrot')\nasync def run(params: P, ctx):\n    '''Say.'''\n    return Ok()\n",
    )
    schema = json.loads(genesis("schema", "--plugin", "parrots.py").stdout)
    genesis("schema", "--output", "s.json")

    Draft7Validator.check_schema(schema)
    assert "step.parrot" in schema["definitions"]
    assert "step.parrot" not in json.loads((genesis.folder / "s.json").read_text())["definitions"]
    assert genesis("schema", "--output", "no/such/folder.json").returncode == 4


def test_warnings_are_seen(genesis: Genesis, write: Write) -> None:
    """A deprecated type is told by `check` and by `run`, and stops neither."""
    write(
        "old.py",
        "from otp_genesis import Ok, Params, Plugin, step\n"
        "from otp_genesis.contracts.entry import Deprecation\n"
        "class P(Params):\n    pass\n"
        "@step('older')\nasync def run(params: P, ctx):\n    '''Be old.'''\n    return Ok()\n"
        "plugin = Plugin('old', steps=(run,), deprecated={'older': Deprecation(use='newer')})\n",
    )
    write("p.yaml", "workflow: {name: p, steps: [{name: a, type: older}]}")
    checked = genesis("check", "p.yaml", "--plugin", "old.py")
    ran = genesis("run", "p.yaml", "--plugin", "old.py")
    listed = genesis("steps", "--plugin", "old.py").stdout
    told = "warning[deprecated]: step type 'older' is deprecated; use 'newer'"

    assert (checked.returncode, ran.returncode) == (0, 0)
    assert f"p.yaml:1:45: {told}" in checked.stderr
    assert told in ran.stderr
    assert "Be old. (deprecated: use newer)" in listed


def test_plugins(genesis: Genesis, write: Write) -> None:
    """Each with its state and what it adds; a bad one with the reason."""
    write("bad.py", "raise OSError('no')")
    write("genesis.toml", '[plugins]\npaths = ["bad.py"]\n')
    listed = {one["name"]: one for one in genesis.json("plugins")}

    assert listed["otp"]["status"] == "loaded"
    assert "OTP001" in listed["otp"]["adds"]["rules"]
    assert (listed["bad"]["status"], listed["bad"]["reason"]) == ("quarantined", "OSError: no")
    assert "quarantined  OSError: no" in genesis("plugins").stdout
