"""Plugins: loaded when needed, checked, started in order, and left out whole where bad."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import Write

from otp_genesis.contracts.entry import Deprecation
from otp_genesis.contracts.plugin import Host, Lifecycle, Plugin, lazy
from otp_genesis.contracts.provider_registry import Strategy
from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import step
from otp_genesis.errors import PluginError, UnknownName, UsageError
from otp_genesis.model.event import Event, PluginChanged
from otp_genesis.model.frozen import Frozen
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.providers import BUILT_IN
from otp_genesis.providers.scripted import ScriptedProvider
from otp_genesis.runtime import Runtime
from otp_genesis.settings import Settings, load_settings


class Nothing(Params):
    """No parameters."""


class Config(Frozen):
    """How often."""

    times: int = 1


@step("mine")
async def mine(params: Nothing, ctx: Context) -> Outcome:
    """Say how it is configured."""
    return Ok(output=ctx.facts["config"]["p"].times)


@step("other")
async def other(params: Nothing, ctx: Context) -> Outcome:
    """Be another."""
    return Ok(output="other")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "home")


def runtime_of(plugins: Sequence[Any], settings: Settings, **options: Any) -> Runtime:
    return Runtime.in_memory(plugins=plugins, discover=False, settings=settings, **options)


def reasons(runtime: Runtime) -> dict[str, str]:
    return {one.name: one.reason for one in runtime.quarantined}


BAD: list[tuple[list[Any], dict[str, str]]] = [
    (["no plugin"], {"str": "given is no Plugin value"}),
    ([Plugin("a b")], {"a b": "it has a bad name: 'a b'"}),
    (
        [Plugin("p", steps=(mine,)), Plugin("p", steps=(other,))],
        {"p": "a plugin named 'p' is loaded already, from given"},
    ),
    (
        [Plugin("p", requires="otp-genesis>=99")],
        {"p": "it needs otp-genesis>=99, and this is 0.1.0"},
    ),
    ([Plugin("p", requires="acme>=1")], {"p": "requires='acme>=1': it is to name otp-genesis"}),
    ([Plugin("p", requires="a b")], {"p": "'a b' is no requirement such as 'acme>=1.2'"}),
    ([Plugin("p", depends=("base",))], {"p": "it needs the plugin base, which is not there"}),
    (
        [Plugin("base", "1.4"), Plugin("p", depends=("base>=2",))],
        {"p": "it needs the plugin base>=2, and there is 1.4"},
    ),
    (
        [Plugin("base", "new"), Plugin("p", depends=("base>=2",))],
        {"p": "it needs the plugin base>=2, and there is new"},
    ),
    (
        [Plugin("base", requires="otp-genesis<0.1"), Plugin("p", depends=("base",))],
        {"base": "it needs otp-genesis<0.1", "p": "it needs the plugin base, which is quarantined"},
    ),
    (
        [
            Plugin("a", depends=("b",)),
            Plugin("b", depends=("c",)),
            Plugin("c", depends=("a",)),
        ],
        {
            "a": "plugins depend on each other in a circle: a → b → c → a",
            "b": "it needs the plugin c, which is quarantined",
            "c": "it needs the plugin a, which is quarantined: plugins depend on each other",
        },
    ),
    (
        [Plugin("p", steps=(mine,)), Plugin("q", steps=(other, mine))],
        {"q": "step type 'mine' is already registered (p)"},
    ),
    ([Plugin("p", steps=("x",))], {"p": "'x' is no step type"}),  # type: ignore[arg-type]
    (
        [Plugin("p", steps=(step("x", capabilities={"fyling"})(mine.run),))],
        {"p": "step type 'x': no capability 'fyling'"},
    ),
    (
        [Plugin("p", providers=(ScriptedProvider(name="y", capabilities=frozenset({"txt"})),))],
        {"p": "provider 'y': no capability 'txt'; did you mean 'text'?"},
    ),
    ([Plugin("p", providers=(7,))], {"p": "7 is no provider"}),  # type: ignore[arg-type]
    ([Plugin("p", functions={"steps": len})], {"p": "a function cannot be named 'steps'"}),
    ([Plugin("p", functions={"f": 7})], {"p": "function 'f' cannot be called"}),  # type: ignore[dict-item]
    (
        [Plugin("p", functions={"f": len}), Plugin("q", functions={"f": len})],
        {"q": "function 'f' is already registered (p)"},
    ),
    (
        [Plugin("p", strategies=(Strategy("s", lambda: []),))],  # type: ignore[misc,arg-type]
        {"p": "strategy 's': it takes (candidates, request)"},
    ),
    ([Plugin("p", aliases={"mine": "x"}, steps=(mine,)), Plugin("q", aliases={"mine": "y"})],
     {"q": "step type 'mine' is already registered"}),
    ([Plugin("p", rules=(mine,)), Plugin("q", rules=(mine,))],
     {"q": "rules: name 'mine' is there already"}),
    ([Plugin("p", services={"s": dict}), Plugin("q", services={"s": dict})],
     {"q": "a service 's' is there already"}),
    ([Plugin("p", steps=7)], {"p": "it is malformed: 'int' object is not iterable"}),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(("plugins", "said"), BAD)
def test_a_bad_plugin_is_left_out(
    plugins: list[Any], said: dict[str, str], settings: Settings
) -> None:
    """It is told by its name, with the reason; those that are good stay."""
    runtime = runtime_of([*plugins, Plugin("good", steps=(step("good")(other.run),))], settings)
    found = reasons(runtime)

    assert sorted(found) == sorted(said)
    for name, reason in said.items():
        assert reason in found[name], found
    assert runtime.steps.get("good").metadata.origin == "good"


def test_nothing_of_a_bad_one_is_left(settings: Settings, tmp_path: Path) -> None:
    """Whatever it had added before the part that cannot be added is taken back."""
    plugin = Plugin(
        "p",
        steps=(mine, lazy("late", "nowhere:at_all")),
        providers=(ScriptedProvider(name="q"),),
        strategies=(Strategy("s", lambda candidates, request: candidates),),
        functions={"f": len},
        capabilities={"new_one": "is new"},
        aliases={"my": "mine"},
        deprecated={"mine": Deprecation(use="other")},
        rules=(other,),
        services={"svc": dict},
        extras={"places": (other, other)},
    )
    runtime = runtime_of([plugin], settings)

    assert "places: name 'other' is there already" in reasons(runtime)["p"]
    assert "mine" not in runtime.steps
    assert "late" not in runtime.steps
    assert runtime.providers.names() == tuple(sorted(BUILT_IN))
    assert "s" not in runtime.strategies
    assert "f" not in runtime.functions
    assert "new_one" not in runtime.capabilities
    assert dict(runtime.steps.aliases()) == {}
    assert dict(runtime.steps.deprecations()) == {}
    assert runtime.services == {}
    assert runtime.extra("rules") == ()


def test_a_lazy_step_that_is_not_there(settings: Settings) -> None:
    """Its plugin is named by the check, with the place; other types are not touched."""
    runtime = runtime_of([Plugin("p", steps=(lazy("late", "nowhere:at_all"), other))], settings)

    with pytest.raises(PluginError, match="plugin 'p': 'late' cannot be loaded: ModuleNotFound"):
        runtime.steps.get("late")
    assert runtime.steps.get("other").metadata.origin == "p"


def order_of(told: list[str], name: str, *, fails: bool = False) -> Lifecycle:
    async def start(host: Host) -> None:
        told.append(f"start {name}")
        if fails:
            raise OSError("no port")

    async def stop(host: Host) -> None:
        told.append(f"stop {name}")
        if fails:
            raise OSError("no port")

    return Lifecycle(start, stop)


def test_order_of_start_and_stop(settings: Settings) -> None:
    """Dependencies first, and last to stop; given in whatever order."""
    told: list[str] = []
    plugins = [
        Plugin("web", depends=("db", "log"), lifecycle=order_of(told, "web")),
        Plugin("db", depends=("log",), lifecycle=order_of(told, "db")),
        Plugin("log", lifecycle=order_of(told, "log")),
    ]

    async def go() -> None:
        async with runtime_of(plugins, settings) as runtime:
            assert runtime.quarantined == ()
            told.append("runs")

    asyncio.run(go())
    assert told == [
        "start log", "start db", "start web", "runs", "stop web", "stop db", "stop log",
    ]  # fmt: skip


def test_one_that_does_not_start(settings: Settings) -> None:
    """It is left out with all it added, and who depends on it too; the runtime is well."""
    told: list[str] = []
    events: list[tuple[str, Event]] = []
    plugins = [
        Plugin("db", steps=(mine,), lifecycle=order_of(told, "db", fails=True)),
        Plugin("web", depends=("db",), steps=(other,), lifecycle=order_of(told, "web")),
        Plugin("log", lifecycle=order_of(told, "log")),
    ]

    async def go() -> None:
        runtime = runtime_of(plugins, settings)
        runtime.observe(lambda run, event: events.append((run, event)))
        async with runtime:
            assert reasons(runtime) == {
                "db": "it did not start: OSError: no port",
                "web": "it needs the plugin 'db', which did not start",
            }
            assert "mine" not in runtime.steps
            assert "other" not in runtime.steps

    asyncio.run(go())
    assert told == ["start db", "start log", "stop log"]
    changes = [(e.name, e.status) for _, e in events if isinstance(e, PluginChanged)]
    assert changes == [
        ("db", "quarantined"), ("web", "quarantined"), ("log", "started"), ("log", "stopped"),
    ]  # fmt: skip


def test_one_that_does_not_stop(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the others are stopped all the same."""
    told: list[str] = []

    async def fail(host: Host) -> None:
        raise SystemExit(1)

    plugins = [
        Plugin("a", lifecycle=order_of(told, "a")),
        Plugin("b", lifecycle=Lifecycle(stop=fail)),
    ]

    async def go() -> None:
        async with runtime_of(plugins, settings):
            pass

    asyncio.run(go())
    assert told == ["start a", "stop a"]
    assert "plugin 'b' did not stop: SystemExit: 1" in caplog.text


def test_started_again(settings: Settings) -> None:
    """A runtime that was stopped can be started again, in another loop too."""
    told: list[str] = []
    runtime = runtime_of([Plugin("a", lifecycle=order_of(told, "a"))], settings)

    async def go() -> None:
        async with runtime:
            pass

    asyncio.run(go())
    asyncio.run(go())
    assert told == ["start a", "stop a"] * 2


def configured(folder: Path, text: str) -> Settings:
    (folder / "genesis.toml").write_text(text)
    return load_settings(folder, {"GENESIS_HOME": str(folder / "home")})


def test_configuration(tmp_path: Path) -> None:
    """The table is checked by the plugin's model, and steps find it."""
    settings = configured(tmp_path, "[plugins.p]\ntimes = 3\n")
    runtime = runtime_of([Plugin("p", steps=(mine,), config=Config)], settings)
    path = tmp_path / "p.yaml"
    path.write_text("workflow: {name: p, steps: [{name: a, type: mine}]}")
    report = asyncio.run(runtime.run(path))

    assert report.results == {"a": 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[plugins.p]\ntims = 3\n", r"\[plugins.p\] tims: Extra inputs .*did you mean 'times'"),
        ("[plugins.p]\ntimes = 'x'\n", r"\[plugins.p\] times: Input should be a valid integer"),
        ("[plugins.q]\nx = 1\n", r"\[plugins.q\]: this plugin has nothing to configure"),
        ("[plugins]\nenable = ['p']\n", "unknown key 'enable'; did you mean 'enabled'"),
        ("[plugins]\nenabled = 'p'\n", "enabled must be a list of strings"),
    ],
)
def test_wrong_configuration(tmp_path: Path, text: str, said: str) -> None:
    """It is an error of whoever wrote the file, which is named."""
    with pytest.raises(UsageError, match=f"genesis.toml: .*{said}"):
        runtime_of([Plugin("p", config=Config), Plugin("q")], configured(tmp_path, text))


def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    """Names in genesis.toml that no plugin has are told by the check."""
    runtime = runtime_of([Plugin("acme")], configured(tmp_path, "[plugins]\ndisabled = ['acne']"))

    with pytest.raises(UsageError, match="no plugin 'acne'; did you mean 'acme'"):
        runtime.catalog()


def test_disabled(tmp_path: Path) -> None:
    """A plugin that is not wanted adds nothing, and who needs it is told so."""
    plugins = [Plugin("p", steps=(mine,)), Plugin("q", depends=("p",))]
    runtime = runtime_of(plugins, configured(tmp_path, "[plugins]\ndisabled = ['p']"))

    assert "mine" not in runtime.steps
    assert reasons(runtime) == {
        "q": "it needs the plugin p, which is disabled: genesis.toml says so"
    }
    only = runtime_of(plugins, configured(tmp_path, "[plugins]\nenabled = ['p']"))
    assert "mine" in only.steps
    assert reasons(only) == {}


FILES = [
    ("a.py", "plugin = 7", "its 'plugin' is no Plugin value"),
    ("a.py", "x = 1", "it declares no step type"),
    ("a.py", "raise ValueError('broken')", "ValueError: broken"),
    ("a.py", "import sys; sys.exit(2)", "SystemExit: 2"),
    ("a.py", "def", "SyntaxError: "),
    ("a.txt", "", "a plugin is a .py file or a pipeline document"),
    ("a.yaml", "workflow: {name: a}", "a pipeline needs at least one step"),
]


@pytest.mark.parametrize(("name", "text", "said"), FILES)
def test_a_bad_file(tmp_path: Path, settings: Settings, name: str, text: str, said: str) -> None:
    """Given to a runtime it is left out; named by a user it is an error."""
    path = tmp_path / name
    path.write_text(text)
    runtime = runtime_of([], settings, plugin_files=[path])

    assert said in reasons(runtime)["a"]
    with pytest.raises(PluginError, match="plugin 'a': "):
        runtime.use([path])
    with pytest.raises(PluginError, match="there is no such file"):
        runtime.use([tmp_path / "missing.py"])


def test_good_files(tmp_path: Path, settings: Settings, write: Write) -> None:
    """Step types, providers and strategies in a file are a plugin; a document is one too."""
    code = tmp_path / "mine.py"
    code.write_text(
        "from otp_genesis import Ok, Params, step\n"
        "from otp_genesis.contracts.provider import FunctionProvider\n"
        "from otp_genesis.contracts.provider_registry import Strategy\n"
        "class P(Params):\n    x: int = 1\n"
        "@step('from_file')\nasync def run(params: P, ctx):\n    '''Run.'''\n"
        "    return Ok(output=params.x)\n"
        "async def say(request):\n    return 'hi'\n"
        "echo = FunctionProvider('echo', frozenset({'text'}), say)\n"
        "backwards = Strategy('backwards', lambda c, r: list(reversed(c)))\n"
    )
    document = write("doc.yaml", "workflow: {name: doc, steps: [{name: a, type: from_file}]}")
    runtime = runtime_of([], settings, plugin_files=[code, document])

    assert runtime.quarantined == ()
    assert runtime.steps.get("from_file").metadata.origin == "mine"
    assert runtime.steps.get("doc").metadata.origin == "doc"
    assert "echo" in runtime.providers
    assert "backwards" in runtime.strategies
    runtime.use([code])
    assert len(runtime.plugins.records) == 2


def test_a_file_is_remembered_for_resuming(tmp_path: Path, settings: Settings) -> None:
    """The run's request names the file, so that another process has its types."""
    code = tmp_path / "mine.py"
    code.write_text(
        "from otp_genesis import Ok, Params, step\n"
        "class P(Params):\n    pass\n"
        "@step('from_file')\nasync def run(params: P, ctx):\n    '''Run.'''\n    return Ok()\n"
    )
    path = tmp_path / "p.yaml"
    steps = "[{name: q, type: gate, question: Go?}, {name: a, type: from_file}]"
    path.write_text(f"workflow: {{name: p, steps: {steps}}}")

    async def begun() -> str:
        async with Runtime(plugin_files=[code], discover=False, settings=settings) as runtime:
            return (await runtime.run(path, run_id="r")).status

    async def resumed() -> str:
        async with Runtime(discover=False, settings=settings) as runtime:
            await runtime.answer("r", "approve")
            return (await runtime.resume("r")).status

    assert asyncio.run(begun()) == "suspended"
    assert asyncio.run(resumed()) == "succeeded"


def test_installed_ones_are_loaded_when_needed(settings: Settings) -> None:
    """Built-in types load no plugin; an unknown name loads it, and its types by the way."""
    runtime = Runtime.in_memory(settings=settings)

    runtime.steps.get("set_variable")
    assert runtime.plugins.records == {}
    runtime.steps.get("otp.scan")
    assert runtime.plugins.records["otp"].status == "loaded"
    with pytest.raises(UnknownName, match=r"did you mean 'otp\.scan'"):
        runtime.steps.get("otp.scam")
