"""OTP020: a test that starts a server itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.in_tests import SETUPS, TESTS, block_of, fits, is_test_file
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Finding, Good, Rule, span_of
from otp_genesis.otp.syntax import arguments, at, code, inside, span, target, walk

START = b".start_link"
MODULE = re.compile(rb"(?<![\w.])[A-Z][\w.]*$")
BEHAVIOURS = frozenset({"GenServer", "Agent", "Supervisor", "DynamicSupervisor", "GenStage"})
MEANT = re.compile(
    r"trap_exit|:EXIT|:DOWN|Process\.(exit|unlink|monitor)|(?<!GenServer)\.stop\("
    r'|already_started|\btest "[^"\n]*\bstart(s|ed|ing|_link)?\b'
)
"""What a test does that is about the start or the end of the server, which a supervisor changes."""
OWN_NAME = re.compile(r"\bname: *(__MODULE__|[A-Z]\w*(\.[A-Z]\w*)*)(?![\w.(])")
GIVEN_NAME = re.compile(r"\bname: *((?!nil\b)\S[^\n,)\]]*)")
LITERAL = re.compile(r":\w+|[A-Z][\w.]*|__MODULE__")
PATH = "test/server_test.exs"
SERVER = (
    "lib/server.ex",
    "defmodule MyApp.Server do\n  use GenServer\n"
    "  def start_link(x), do: GenServer.start_link(__MODULE__, x, name: __MODULE__)\n"
    "  def init(x), do: {:ok, x}\nend\n",
)


def _case(body: str, head: str = "") -> str:
    return (
        f"defmodule MyApp.ServerTest do\n  use ExUnit.Case\n{head}\n"
        f'  test "serves" do\n{body}  end\nend\n'
    )


def _bad(body: str, head: str = "", fixed: str | None = None) -> Bad:
    after = _case(fixed, head) if fixed is not None else None
    return Bad(_case(body, head), fixed=after, path=PATH, files=(SERVER,))


def _good(body: str, head: str = "") -> Good:
    return Good(_case(body, head), path=PATH, files=(SERVER,))


ALIAS = "  alias MyApp.Server\n"
SETUP = "\n  setup do\n    {:ok, _} = MyApp.Server.start_link(1)\n    :ok\n  end\n"


@dataclass(frozen=True)
class _Start:
    """A call of `start_link` that the process of a test makes."""

    call: Node
    module: str
    block: Node


class StartLinkInTest(Rule):
    """A test starts a server of the project, which has a name, with `start_link`.

    ## Why is this bad?
    The server is linked to the test: it is told to end when the test does, and nobody waits for
    it. The next test may find it still there, under its name or with its tables
    (https://hexdocs.pm/ex_unit/ExUnit.Callbacks.html#start_supervised/2).

    ## Use instead
    `start_supervised!({MyApp.Server, argument})`: ExUnit ends it, and waits, before the next test.

    ## Fix safety
    Unsafe: the server gets another parent and is started again when it ends. The fix writes
    `start_supervised({MyApp.Server, argument})`, which returns `{:ok, pid}` too, where the test
    starts this server once. A test of `start_link` itself, or of how the server ends, is not
    reported, nor is a server without a name, or with one that the file mentions once.
    """

    code = "OTP020"
    name = "start-link-in-test"
    stage = 4
    severity = "info"
    safety = "unsafe"
    effort = "minutes"
    risk = "The server is started again when it ends during the test."
    kinds = TESTS
    examples = (
        _bad(
            "    {:ok, pid} = MyApp.Server.start_link(1)\n    assert pid\n",
            fixed="    {:ok, pid} = start_supervised({MyApp.Server, 1})\n    assert pid\n",
        ),
        _bad(
            "    {:ok, pid} = Server.start_link(name: :a)\n    assert pid # name: :a\n",
            ALIAS,
            fixed="    {:ok, pid} = start_supervised({Server, [name: :a]})\n"
            "    assert pid # name: :a\n",
        ),
        _bad(
            "    {:ok, pid} = Server.start_link(1)\n    on_exit(fn -> GenServer.stop(pid) end)\n",
            ALIAS,
            fixed="    {:ok, pid} = start_supervised({Server, 1})\n"
            "    on_exit(fn -> GenServer.stop(pid) end)\n",
        ),
        _bad("    for i <- 1..3, do: {:ok, _} = MyApp.Server.start_link(i)\n    assert true\n"),
        _bad("    1 |> Server.start_link()\n    assert true\n", ALIAS),
        _bad("    {:ok, _} =\n      MyApp.Server.start_link(\n        a: 1\n      )\n"),
        _bad("    {:ok, _} = MyApp.Server.start_link(1, [])\n    assert true\n"),
        Bad(
            _case("    {:ok, a} = MyApp.Server.start_link(1)\n" * 2),
            path=PATH,
            files=(SERVER,),
            count=2,
        ),
        Bad(
            _case("    {:ok, _} = MyApp.Server.start_link(2)\n", SETUP),
            path=PATH,
            files=(SERVER,),
            count=2,
        ),
        _good("    {:ok, pid} = start_supervised({MyApp.Server, 1})\n    assert pid\n"),
        _good("    assert {:ok, _} = MyApp.Server.start_link(1)\n"),
        _good("    assert MyApp.Server.start_link(-1) == {:error, :negative}\n"),
        _good(
            "    Process.flag(:trap_exit, true)\n    {:ok, pid} = MyApp.Server.start_link(1)\n"
            "    assert_receive {:EXIT, ^pid, _}\n"
        ),
        _good(
            "    {:ok, pid} = MyApp.Server.start_link(1)\n    ref = Process.monitor(pid)\n"
            "    MyApp.Server.end(pid)\n    assert_receive {:DOWN, ^ref, _, _, _}\n".replace(
                "Server.end", "Server.quit"
            )
        ),
        _good(
            "    {:ok, pid} = MyApp.Server.start_link(1)\n"
            "    {:error, {:already_started, ^pid}} = MyApp.Server.start_link(1)\n"
        ),
        _good("    {:ok, _} = MyApp.Server.start_link(name: :only_here)\n"),
        _good("    {:ok, _} = MyApp.Server.start_link(name: nil)\n"),
        _good('    {:ok, _} = MyApp.Server.start_link(name: unique_name("a"))\n'),
        Good(
            _case("    {:ok, _} = MyApp.Server.start_link(1)\n"),
            path=PATH,
            files=((SERVER[0], SERVER[1].replace(", name: __MODULE__", "")),),
        ),
        _good("    {:ok, pid} = Unknown.Server.start_link(1)\n"),
        _good("    run(fn -> MyApp.Server.start_link(1) end)\n"),
        _good("    run(&MyApp.Server.start_link/1)\n"),
        _good('    # MyApp.Server.start_link(1)\n    "MyApp.Server.start_link(1)"\n'),
        _good(
            "    start_supervised(Other)\n",
            "\n  defmodule Other do\n    use Agent\n    def start_link(_), do: "
            "MyApp.Server.start_link(1)\n  end\n",
        ),
        Good(_case("    {:ok, _} = MyApp.Server.start_link(1)\n"), path="test/support/a.ex"),
        Good("defmodule A do\n  def test, do: MyApp.Server.start_link(1)\nend\n", files=(SERVER,)),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each start of a server of the project whose end is not what the test is about."""
        for start in _starts(project, file):
            owner = file.module_at(start.call.start_byte)
            yield self.at(
                file,
                span(start.call),
                f"{start.module} is registered by a name and only linked to the test: the next one"
                " may find it still there",
                module=owner.name if owner else None,
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Start it under the test's supervisor, which returns the same."""
        file = project.files[finding.file]
        starts = _starts(project, file)
        offset = span_of(file, finding)[0]
        mine = next((start for start in starts if start.call.start_byte == offset), None)
        if mine is None:
            return Declined("the call is no longer there")
        piped = mine.call.parent is not None and "|>" in code(mine.call.parent).split("\n")[0]
        if len(arguments(mine.call)) != 1 or piped:
            return Declined("only a start with one argument can be written as a child by rule")
        looped = any(target(node) == "for" for node in _around(mine.call))
        if looped or len([start for start in starts if _meets(mine, start)]) > 1:
            return Declined("the test starts this server twice: each child needs an id of its own")
        edit = _supervised(mine.call)
        if not fits(file, edit):
            return Declined("the line would be too long; write start_supervised by hand")
        return ChangeSet(files=(file.change(edit),))


def _starts(project: Project, file: SourceFile) -> list[_Start]:
    """Return the starts that tests of a file make in their own process."""
    if not is_test_file(file):
        return []
    found = []
    for place, name in _places(file.text):
        last = name.rpartition(".")[2]
        if last not in _last_names(project) and f"as: {last}".encode() not in file.text:
            continue
        module = file.expand(name, place)
        if not _is_server(project, module):
            continue
        dot = at(file.root(), (place, place + len(name) + len(START)))
        call = dot.parent if dot.type == "dot" else None
        block = block_of(call) if call is not None and target(call) == code(dot) else None
        if call is None or block is None or _is_meant(call, block):
            continue
        start = _Start(call, module, block)
        if _is_named(project, file, start):
            found.append(start)
    return found


@once
def _last_names(project: Project) -> frozenset[str]:
    """Return how the servers of production code are called where they are aliased."""
    return frozenset(
        module.name.rpartition(".")[2]
        for file in project.files.values()
        if file.kind == "lib"
        for module in file.modules
        if project.behaviours(module) & BEHAVIOURS
    )


def _places(text: bytes) -> Iterator[tuple[int, str]]:
    """Yield where `Module.start_link` is written, and the module."""
    dot = text.find(START)
    while dot >= 0:
        line = text.rfind(b"\n", 0, dot) + 1
        match = MODULE.search(text, line, dot)
        if match is not None:
            yield match.start(), match[0].decode()
        dot = text.find(START, dot + len(START))


def _is_server(project: Project, name: str) -> bool:
    known = project.modules.get(name)
    return known is not None and bool(project.behaviours(known[1]) & BEHAVIOURS)


def _is_named(project: Project, file: SourceFile, start: _Start) -> bool:
    """Whether another test of the file starts a server by the same name, as far as is seen."""
    if "name:" in code(start.call):
        given = GIVEN_NAME.search(code(start.call))
        if given is None or not LITERAL.fullmatch(given[1]):
            return False
        return target(start.block) in SETUPS or file.text.count(given[0].encode()) > 1
    source, known = project.modules[start.module]
    return OWN_NAME.search(source.slice((known.start, known.end))) is not None


def _is_meant(call: Node, block: Node) -> bool:
    """Whether the test is about the start itself, or about how the server ends."""
    asserting = ("assert", "refute", "capture_", "with_log")
    if any(target(outer).startswith(asserting) for outer in _around(call)):
        return True
    text = code(block)
    for node in walk(block) if MEANT.search(text) else ():
        if target(node) == "on_exit":
            text = text.replace(code(node), "")
    return MEANT.search(text) is not None


def _around(call: Node) -> Iterator[Node]:
    """Yield the calls around a call, the nearest first."""
    outer = inside(call, "call")
    while outer is not None:
        yield outer
        outer = inside(outer, "call")


def _meets(one: _Start, other: _Start) -> bool:
    """Whether both start the same server below the same test's supervisor."""
    setups = target(one.block) in SETUPS or target(other.block) in SETUPS
    return one.module == other.module and (setups or one.block == other.block)


def _supervised(call: Node) -> Edit:
    given = arguments(call)[0]
    argument = f"[{code(given)}]" if given.type == "keywords" else code(given)
    module = target(call).removesuffix(".start_link")
    text = f"start_supervised({{{module}, {argument}}})"
    return Edit(start=call.start_byte, end=call.end_byte, text=text)
