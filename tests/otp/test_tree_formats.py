"""How a supervision tree is shown: text, Mermaid, SVG, a page, JSON, and the command itself."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from support.command import Genesis
from support.elixir import write

from otp_genesis.otp.conversations import conversations
from otp_genesis.otp.project import Project
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan
from otp_genesis.otp.tree import Tree
from otp_genesis.otp.tree_findings import with_findings
from otp_genesis.otp.tree_html import tree_page
from otp_genesis.otp.tree_json import tree_json
from otp_genesis.otp.tree_layout import layout
from otp_genesis.otp.tree_mermaid import tree_mermaid
from otp_genesis.otp.tree_reading import supervision_tree
from otp_genesis.otp.tree_svg import tree_svg
from otp_genesis.otp.tree_text import tree_text

FILES = {
    "mix.exs": "defmodule My.Mix do\n  def application, do: [mod: {My.App, []}]\nend\n",
    "lib/app.ex": """\
defmodule My.App do
  use Application

  def start(_type, _args) do
    children = [
      {DynamicSupervisor, name: My.Jobs},
      My.Store | more("<b>&\\"%%{x}|")
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: My.Supervisor)
  end

  defp more(text) do
    if text == "]", do: [My.Cache], else: Application.get_env(:my, :more, "<script>")
  end
end
""",
    "lib/store.ex": """\
defmodule My.Store do
  use GenServer, restart: :transient

  def init(arg), do: {:ok, arg}

  def go(job) do
    spawn(job)
    DynamicSupervisor.start_child(My.Jobs, {My.Job, job})
  end
end
""",
    "lib/job.ex": "defmodule My.Job do\n  use Task, restart: :temporary\nend\n",
    "lib/loose.ex": "defmodule My.Loose do\n  use GenServer\nend\n",
    "lib/plain.ex": "defmodule My.Plain do\n  def go(f) do\n    spawn(f)\n    :ok\n  end\nend\n",
    "lib/half.ex": "defmodule My.Half do\n",
}
PROJECT = Project.of(FILES)


def found() -> Tree:
    """Return the tree with the findings of the rule against `spawn`."""
    findings = scan(PROJECT, all_rules(), ["OTP001"]).findings
    return with_findings(supervision_tree(PROJECT), findings, PROJECT)


TEXT = """\
My.App  application  lib/app.ex:1:1
└─ My.Supervisor  supervisor, one_for_one, 3 in 5 s  lib/app.ex:10:5
   ├─ My.Jobs  dynamic supervisor, one_for_one, 3 in 5 s  lib/app.ex:6:7
   │  └╌ My.Job  task, temporary  lib/store.ex:8:5
   ├─ My.Store  genserver, transient  lib/app.ex:7:7  ! 1 critical
   ├─ My.Cache  library  [if text == "]"]  lib/app.ex:14:26
   └─ Application.get_env(:my, :more, "<script>")  unknown  [unless text == "]"]\
  [it is configuration]  lib/app.ex:14:43

not in the tree:
└─ My.Loose  genserver  lib/loose.ex:1:1

findings in modules that are no process here: 1 critical
lib/half.ex: not read: syntax error near line 2"""


def test_text() -> None:
    """A line a node in box drawing; dynamic children are dashed; nothing is left out."""
    assert TEXT == tree_text(found(), colour=False)


def test_colour() -> None:
    """With colours the text is the same but for them."""
    coloured = tree_text(found(), colour=True)

    assert "\x1b[31m! 1 critical\x1b[0m" in coloured
    assert TEXT == re.sub(r"\x1b\[\d+m", "", coloured)


def test_mermaid() -> None:
    """A flowchart from top to bottom, each node and edge on a line, all text escaped."""
    lines = tree_mermaid(found()).splitlines()
    node = re.compile(r'\s+n\d+\["[^"]*"\]:::(supervisor|worker|unknown)')
    edge = re.compile(r'\s+n\d+ -?-\.?->(\|"[^"]*"\|)? n\d+')
    other = re.compile(
        r'\s+(subgraph g\d+\["[^"]*"\]|end|class n\d+ \w+|classDef \w+ [\w#:,\- ]+|%% [^{}]*)'
    )

    assert "flowchart TD" == lines[0]
    assert [] == [
        one for one in lines[1:] if not any(r.fullmatch(one) for r in (node, edge, other))
    ]
    assert (8, 6) == (
        sum(map(bool, map(node.match, lines))),
        sum(map(bool, map(edge.match, lines))),
    )
    assert '  n6["My.Cache<br/>library"]:::worker' in lines
    assert '  n2 -.->|"if text == #quot;]#quot;"| n6' in lines


def test_svg() -> None:
    """The drawing is XML that asks for nothing outside, with every label, box below box."""
    text = tree_svg(found())
    root = ElementTree.fromstring(text)
    shown = {"".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")}

    assert {"My.App", "My.Supervisor", "My.Jobs", "My.Job", "My.Store", "My.Loose"} <= shown
    assert 'Application.get_env(:my, :more, "<script>")' in shown
    assert [] == re.findall(r"(?:href|src|url|@import)\W", text)
    assert ["http://www.w3.org/2000/svg"] == re.findall(r"https?://[^\s\"]+", text)


def test_layout() -> None:
    """No two boxes of a hundred overlap, and all stand inside the drawing."""
    children = ", ".join(f"S{n}" for n in range(98))
    app = (
        "defmodule My.App do\n  use Application\n"
        f"  def start(_, _), do: Supervisor.start_link([{children}], strategy: :one_for_one)\nend\n"
    )
    project = Project.of({"mix.exs": FILES["mix.exs"], "lib/app.ex": app})
    drawn = layout(supervision_tree(project))
    tops = [box.y for box in drawn.boxes]

    assert 100 == len(drawn.boxes)
    assert all(after - before > 40 for before, after in pairwise(tops))
    assert all(box.x + box.width < drawn.width for box in drawn.boxes)
    assert tops[-1] + 40 < drawn.height


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_html() -> None:
    """One page that loads nothing, with the drawing, whose links lead to the findings."""
    text = tree_page(found(), PROJECT, "<my>")
    page = _Page()
    page.feed(text)
    links = [given["href"] for tag, given in page.tags if tag == "a"]
    targets = {given.get("id") for tag, given in page.tags if tag == "section"}

    assert ["#My.Store"] == links
    assert {"My.Store", None} == targets
    assert "<script" not in text
    assert [] == [given for _, given in page.tags if "src" in given]
    assert "Supervision tree of &lt;my&gt;" in text
    assert "    spawn(job)" in text


def test_json() -> None:
    """Version 1 of the document, with the keys that are promised."""
    data: dict[str, Any] = json.loads(tree_json(found()))
    (app,) = data["apps"]
    jobs, store, cache, more = app["tree"]["children"][0]["children"]

    assert {"version", "apps", "unparsed"} == set(data)
    assert (1, "", "My.App", None) == (
        data["version"], app["folder"], app["application"], app["note"],
    )  # fmt: skip
    assert [{"file": "lib/half.ex", "reason": "syntax error near line 2"}] == data["unparsed"]
    (finding,) = store.pop("findings")
    assert ("OTP001", "lib/store.ex", 7) == (finding["rule"], finding["file"], finding["line"])
    assert store == {
        "label": "My.Store",
        "module": "My.Store",
        "kind": "genserver",
        "name": None,
        "id": "My.Store",
        "strategy": None,
        "max_restarts": None,
        "max_seconds": None,
        "restart": "transient",
        "shutdown": "5000",
        "function": None,
        "started_by": None,
        "at": [{"file": "lib/app.ex", "line": 7, "column": 7}],
        "defined": {"file": "lib/store.ex", "line": 1, "column": 1},
        "conditions": [],
        "repeated": None,
        "dynamic": False,
        "under": None,
        "unsaid": [],
        "children": [],
    }
    assert [("My.Job", True)] == [(one["module"], one["dynamic"]) for one in jobs["children"]]
    assert ['if text == "]"'] == cache["conditions"]
    code = 'Application.get_env(:my, :more, "<script>")'
    assert [{"what": "children", "why": "it is configuration", "code": code}] == more["unsaid"]
    assert ["My.Loose"] == [one["node"]["module"] for one in app["outside"]]
    assert ["My.Plain"] == [one["module"] for one in app["findings_elsewhere"]]


@pytest.fixture
def genesis(tmp_path: Path) -> Genesis:
    """The command."""
    return Genesis(tmp_path)


@pytest.mark.parametrize("output", ["text", "mermaid", "svg", "html", "json"])
def test_command(genesis: Genesis, tmp_path: Path, output: str) -> None:
    """Each format is printed, twice the same, with no colour where there is no terminal."""
    project = write(tmp_path / "my", FILES)
    first, second = (genesis("otp", "tree", project, "--format", output) for _ in range(2))

    assert (0, "") == (first.returncode, first.stderr)
    assert first.stdout == second.stdout
    assert "My.Store" in first.stdout
    assert "\x1b" not in first.stdout


def test_wrong_input(genesis: Genesis, tmp_path: Path) -> None:
    """What is no project, and a format that is none, are told; the exit code is 2."""
    nothing = genesis("otp", "tree", tmp_path / "nothing")
    wrong = genesis("otp", "tree", tmp_path, "--format", "dot")

    assert (2, "") == (nothing.returncode, nothing.stdout)
    assert (
        f"error: {tmp_path}/nothing: no folder; name the folder that holds the project's mix.exs\n"
    ) == nothing.stderr
    assert (2, "") == (wrong.returncode, wrong.stdout)
    assert "'mermaid'" in wrong.stderr


def test_no_application(genesis: Genesis, tmp_path: Path) -> None:
    """A project without an application is no error: it is said, and its processes are listed."""
    mix = "defmodule My.Mix do\n  use Mix.Project\nend\n"
    project = write(tmp_path / "my", {"mix.exs": mix, "lib/loose.ex": FILES["lib/loose.ex"]})
    done = genesis("otp", "tree", project)

    assert (0, "") == (done.returncode, done.stderr)
    assert [
        "no application callback: mix.exs has no `mod:`, so nothing is started with it",
        "",
        "not in the tree:",
        "└─ My.Loose  genserver  lib/loose.ex:1:1",
    ] == done.stdout.splitlines()


def test_json_with_conversations() -> None:
    """With what is said in the project, the document tells who talks to whom."""
    server = (
        "defmodule My.Told do\n  use GenServer\n"
        "  def start_link(_), do: GenServer.start_link(__MODULE__, 1, name: __MODULE__)\n"
        "  def tell(x), do: GenServer.cast(__MODULE__, {:tell, x})\n"
        "  def ask(who, x), do: GenServer.call(who, x)\n"
        "  def init(x), do: {:ok, x}\n"
        "  def handle_cast({:tell, _}, s), do: {:noreply, s}\nend\n"
    )
    project = Project.of({"mix.exs": "# none\n", "lib/told.ex": server})
    data = json.loads(tree_json(supervision_tree(project), conversations(project)))
    said = data["conversations"]

    (told,) = said["servers"]
    assert ("My.Told", ["My.Told"], ["{:tell, _}"]) == (
        told["module"], told["names"], told["takes"]["cast"],
    )  # fmt: skip
    assert [("cast", 4, "My.Told", "{:tell, _}"), ("call", 5, None, None)] == [
        (one["manner"], one["line"], one["to"], one["message"]) for one in said["sent"]
    ]
