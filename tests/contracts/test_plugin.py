"""Plugins as they are installed: good ones add, bad ones are left out and stop nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Genesis, Write

from otp_genesis.contracts.plugin import Plugin
from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.providers import BUILT_IN
from otp_genesis.providers.scripted import ScriptedProvider
from otp_genesis.runtime import Runtime
from otp_genesis.settings import Settings

GOOD = """
from otp_genesis import Ok, Params, Plugin, step

class Text(Params):
    text: str

@step("shout")
async def shout(params: Text, ctx):
    '''Say it loud.'''
    return Ok(output=params.text.upper())

plugin = Plugin(name="NAME", steps=(shout,))
"""
BAD = {
    "raises": ("raise ValueError('broken')", "ValueError: broken"),
    "exits": ("import sys; sys.exit('bye')", "SystemExit: bye"),
    "missing": ("other = 1", "AttributeError: module"),
    "no_plugin": ("plugin = {'name': 'x'}", "is no Plugin value"),
    "syntax": ("def", "SyntaxError: "),
    "imports": ("import nothing_of_the_sort", "ModuleNotFoundError: No module named"),
    "twice": (GOOD.replace("NAME", "good"), "a plugin named 'good' is loaded already"),
    "clashes": (
        GOOD.replace("NAME", "clashes").replace("shout", "prompt"),
        "step type 'prompt' is already registered",
    ),
    "malformed": (
        "from otp_genesis import Plugin\nplugin = Plugin(name='malformed', steps=('shout',))",
        "'shout' is no step type; declare it with @step",
    ),
}


def install(folder: Path, **modules: str) -> dict[str, str]:
    """Install modules as distributions of their own; return the environment that has them."""
    for name, text in modules.items():
        metadata = folder / f"{name}-1.dist-info"
        metadata.mkdir(parents=True)
        (folder / f"{name}.py").write_text(text)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        entry = f"[otp_genesis.plugins]\n{name} = {name}:plugin\n"
        (metadata / "entry_points.txt").write_text(entry)
    return {"PYTHONPATH": str(folder)}


def test_an_installed_plugin_is_used(genesis: Genesis, write: Write, tmp_path: Path) -> None:
    """Its step types run, and are listed under its name."""
    environ = install(tmp_path / "site", good=GOOD.replace("NAME", "good"))
    write("p.yaml", "workflow: {name: p, steps: [{name: a, type: shout, text: hi}]}")

    assert genesis.json("run", "p.yaml", **environ)["results"] == {"a": "HI"}
    assert "shout                  good       Say it loud." in genesis("steps", **environ).stdout


def test_bad_plugins_stop_nobody(genesis: Genesis, tmp_path: Path) -> None:
    """Each is left out with its reason; the good one and the built-in types are there."""
    modules = {name: text for name, (text, _) in BAD.items()}
    environ = install(tmp_path / "site", good=GOOD.replace("NAME", "good"), **modules)
    done = genesis("steps", **environ)
    warnings = done.stderr.splitlines()

    assert done.returncode == 0
    assert "shout " in done.stdout
    assert "for_loop " in done.stdout
    assert len(warnings) == len(BAD), done.stderr
    for name, (_, reason) in BAD.items():
        (line,) = [one for one in warnings if one.startswith(f"warning: plugin '{name}' is")]
        assert reason in line


class Word(Params):
    """A word."""

    word: str = "w"


@step("mine")
async def mine(params: Word, ctx: Context) -> Outcome:
    """Give back what the service says."""
    return Ok(output=f"{params.word} {ctx.facts['service']} {ctx.facts['places'][0]}")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "home")


def test_all_that_a_plugin_adds(settings: Settings, write: Write) -> None:
    """Step types, providers, documents as step types, services and extras."""
    document = write(
        "greet.yaml",
        """
        workflow:
          name: greet
          description: Greets.
          inputs: {who: {type: string, description: whom}, often: {type: integer, default: 1}}
          steps: [{name: a, type: mine, word: "{{ inputs.who }}{{ inputs.often }}"}]
          outputs: {said: "{{ steps.a }}"}
        """,
    )
    plugin = Plugin(
        name="p", steps=(mine,), providers=(ScriptedProvider(["x"], name="q"),),
        pipelines=(document,), services={"service": lambda: "served"},
        extras={"places": (mine,)},
    )  # fmt: skip
    runtime = Runtime.in_memory(plugins=[plugin], discover=False, settings=settings)
    greet = runtime.steps.get("greet")

    assert runtime.quarantined == ()
    assert (greet.required_fields, greet.optional_fields) == (("who",), ("often",))
    assert (greet.metadata.description, greet.metadata.origin) == ("Greets.", "p")
    assert runtime.providers.find(capability="text") == sorted(["q", *BUILT_IN])


def test_a_plugin_is_added_whole_or_not_at_all(settings: Settings, tmp_path: Path) -> None:
    """Where a part cannot be added, nothing of it is left."""
    plugin = Plugin(
        name="p", steps=(mine,), providers=(ScriptedProvider(name="q"),),
        pipelines=(tmp_path / "missing.yaml",), services={"s": dict},
    )  # fmt: skip
    runtime = Runtime.in_memory(plugins=[plugin], discover=False, settings=settings)

    assert [one.name for one in runtime.quarantined] == ["p"]
    assert "missing.yaml: No such file" in runtime.quarantined[0].reason
    assert "mine" not in runtime.steps
    assert runtime.providers.names() == tuple(sorted(BUILT_IN))
    assert runtime.services == {}


@pytest.mark.parametrize("name", ["name", "type", "body", "condition"])
def test_inputs_that_no_step_can_have(settings: Settings, write: Write, name: str) -> None:
    """A document whose input would be hidden by a step's own key is no step type."""
    step = "{name: a, type: gate, question: q}"
    text = f"workflow: {{name: d, inputs: {{{name}: {{}}}}, steps: [{step}]}}"
    plugin = Plugin(name="p", pipelines=(write("d.yaml", text),))
    runtime = Runtime.in_memory(plugins=[plugin], discover=False, settings=settings)

    assert f"an input cannot be named '{name}'" in runtime.quarantined[0].reason
