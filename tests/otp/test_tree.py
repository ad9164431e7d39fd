"""Supervision trees as the source says them: every form of a child, and what is not said."""

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from otp_genesis.otp.project import Project
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan
from otp_genesis.otp.tree import App, Node, Tree
from otp_genesis.otp.tree_findings import with_findings
from otp_genesis.otp.tree_reading import supervision_tree
from otp_genesis.otp.tree_words import circumstances

MIX = "defmodule My.Mix do\n  def application, do: [mod: {My.App, []}]\nend\n"
SERVER = "defmodule {} do\n  use GenServer\n  def init(x), do: {{:ok, x}}\nend\n"
SERVERS = "".join(SERVER.format(name) for name in ("A", "B", "C"))


def read(files: Mapping[str, str]) -> App:
    """Return the one application of a project."""
    tree = supervision_tree(Project.of({"mix.exs": MIX, "lib/abc.ex": SERVERS, **files}))
    assert 1 == len(tree.apps)
    return tree.apps[0]


def started(children: str, before: str = "", more: str = "") -> App:
    """Return the application whose `start/2` gives these children to its supervisor."""
    return read(
        {
            "lib/app.ex": "defmodule My.App do\n  use Application\n"
            f"  def start(_type, args) do\n{before}\n"
            f"    Supervisor.start_link({children}, strategy: :one_for_one, name: My.Sup)\n"
            f"  end\n{more}\nend\n"
        }
    )


def top(app: App) -> Node:
    """Return the supervisor that `start/2` starts."""
    assert app.root is not None
    (node,) = app.root.children
    return node


def outline(nodes: tuple[Node, ...], indent: str = "") -> Iterator[str]:
    """Yield a line a node: the label, the kind, the conditions."""
    for node in nodes:
        told = [f"[{text}]" for text in circumstances(node)]
        mark = "~" if node.dynamic else ""
        yield " ".join([f"{indent}{mark}{node.label}", node.kind, *told])
        yield from outline(node.children, f"{indent}  ")


ABC = ["A genserver", "B genserver", "C genserver"]
FORMS = {
    "modules": ("[A, B, C]", "", "", ABC),
    "tuples": ("[{A, 1}, {B, []}, {C, name: X}]", "", "", ABC),
    "variable": ("children", "    children = [A, B, C]", "", ABC),
    "rebound": ("all", "    all = [B]\n    all = [A | all]\n    all = all ++ [C]", "", ABC),
    "attribute": ("@all", "", "  @all [A, B, C]", ABC),
    "function": ("all()", "", "  defp all, do: [A] ++ rest([C])\n  defp rest(x), do: [B | x]", ABC),
    "often": (
        f"[{', '.join(['one()'] * 12)}]",
        "",
        "  defp one, do: A",
        ["A genserver"] * 12,
    ),
    "default": ("all()", "", "  defp all(x \\\\ [A]), do: x ++ [B, C]", ABC),
    "piped": ("[A] |> more()", "", "  defp more(x) do\n    x ++ [B, C]\n  end", ABC),
    "map": (
        "[%{id: A, start: {A, :start_link, [1]}}, %{:id => 1, :start => {B, :start_link, []}}, C]",
        "",
        "",
        ABC,
    ),
    "child_spec": ("[Supervisor.child_spec({A, 1}, id: 1), B.child_spec([]), C]", "", "", ABC),
    "update": ("[%{x | id: 1}, B, C]", "    x = y = A.child_spec([])\n    y", "", ABC),
    "put": ("[Map.put(A.child_spec(1), :id, 2), B, C]", "", "", ABC),
    "old": (
        "[worker(A, [1]), Supervisor.Spec.worker(B, []), supervisor(C, [])]",
        "    import Supervisor.Spec",
        "",
        ABC,
    ),
    "erlang": ("[{A, {A, :start_link, []}, :permanent, 5000, :worker, [A]}, B, C]", "", "", ABC),
    "alias": ("[Short, __MODULE__.Inner]", "    alias A, as: Short", "", ["A genserver"]),
    "sifted": ("Enum.reject([A, nil, B, false, C], &is_nil/1)", "", "", ABC),
    "flat": ("List.flatten([A, [B, [C]]])", "", "", ABC),
    "if": (
        "x",
        "    x = if on?(), do: [A], else: [B]",
        "",
        ["A genserver [if on?()]", "B genserver [unless on?()]"],
    ),
    "in both": (
        "x",
        "    y = [A]\n    x = if on?() do\n      y ++ [B]\n    else\n      y\n    end",
        "",
        ["A genserver", "B genserver [if on?()]"],
    ),
    "case": (
        "x",
        "    x =\n      case args do\n        :a -> [A]\n        _ -> []\n      end",
        "",
        ["A genserver [case args: :a]"],
    ),
    "cond": (
        "x",
        "    x =\n      cond do\n        a?() -> [A]\n        true -> [B]\n      end",
        "",
        ["A genserver [if a?()]", "B genserver [otherwise]"],
    ),
    "and": ("[A, on?() && B]", "", "", ["A genserver", "B genserver [if on?()]"]),
    "clauses": (
        "more([A], args)",
        "",
        "  defp more(x, :b), do: x ++ [B]\n  defp more(x, _), do: x",
        ["A genserver", "B genserver [when called as more(x, :b)]"],
    ),
    "for": ("for i <- 1..3, do: {A, i}", "", "", ["A genserver [for each of i <- 1..3]"]),
    "mapped": ("Enum.map(args, &{A, &1})", "", "", ["A genserver [for each of args]"]),
    "configured": (
        "[A | Application.get_env(:my, :children)]",
        "",
        "",
        ["A genserver", "Application.get_env(:my, :children) unknown"],
    ),
    "parameter": ("[A, args]", "", "", ["A genserver", "args unknown"]),
    "circle": ("one()", "", "  defp one, do: one()", ["one() unknown"]),
}


@pytest.mark.parametrize(("given", "before", "more", "expected"), FORMS.values(), ids=FORMS)
def test_forms(given: str, before: str, more: str, expected: list[str]) -> None:
    """Children in each form that Elixir has for them, in order."""
    found = list(outline(top(started(given, before, more)).children))

    assert [one for one in found if "Inner" not in one] == expected


def test_what_is_not_said() -> None:
    """A child that configuration gives is marked as such, with the code; nothing is guessed."""
    node = top(started("[A, Application.get_env(:my, :more), {args, 1}]"))
    found = [(one.what, one.why, one.code) for child in node.children for one in child.unsaid]

    assert found == [
        ("children", "it is configuration", "Application.get_env(:my, :more)"),
        ("module", "it is a parameter or taken from a pattern", "args"),
    ]


def test_supervisor_options() -> None:
    """Strategy, intensity and name stand on the supervisor, with OTP's defaults."""
    node = top(started("[A]"))
    told = (node.name, node.strategy, node.max_restarts, node.max_seconds)

    assert told == ("My.Sup", "one_for_one", 3, 5)
    assert ["lib/app.ex:5:5"] == [str(place) for place in node.at]


SPECS = {
    "default": ("use GenServer", "{S, 1}", ("S", "permanent", "5000")),
    "use": ("use GenServer, restart: :transient, shutdown: 9", "S", ("S", "transient", "9")),
    "override": (
        "use GenServer, restart: :transient",
        "Supervisor.child_spec(S, id: :x, restart: :temporary)",
        (":x", "temporary", "5000"),
    ),
    "own": (
        "use GenServer\n  def child_spec(a),"
        " do: %{id: {S, 1}, start: {S, :start_link, [a]}, shutdown: :brutal_kill}",
        "S",
        (None, "permanent", "brutal_kill"),
    ),
    "super": (
        "use GenServer, restart: :transient\n  def child_spec(a), do: %{super(a) | id: a[:name]}",
        "{S, name: X}",
        ("X", "transient", "5000"),
    ),
    "supervisor": ("use Supervisor", "S", ("S", "permanent", "infinity")),
    "task": ("use Task", "S", ("S", "temporary", "5000")),
    "map": ("use GenServer, restart: :transient", "%{id: 1, start: {S, :start_link, []}}",
            ("1", "permanent", "5000")),
}  # fmt: skip


@pytest.mark.parametrize(("module", "child", "expected"), SPECS.values(), ids=SPECS)
def test_child_specs(module: str, child: str, expected: tuple[str | None, str, str]) -> None:
    """Id, restart and shutdown are what the spec, `child_spec/1` and `use` say, else defaults."""
    node = top(started(f"[{child}]", more=f"end\ndefmodule S do\n  {module}")).children[0]

    assert (node.id, node.restart, node.shutdown) == expected


NAMES = {
    "own": ("def start_link(o), do: GenServer.start_link(__MODULE__, o, name: __MODULE__)", "S"),
    "given": ("def start_link(o), do: GenServer.start_link(__MODULE__, o, name: o[:name])", "X"),
    "fetched": (
        "def start_link(o) do\n    n = Keyword.fetch!(o, :name)\n"
        "    GenServer.start_link(__MODULE__, o, name: n)\n  end",
        "X",
    ),
    "options": ("def start_link(o), do: GenServer.start_link(__MODULE__, o, o)", "X"),
    "default": (
        "def start_link(o),"
        " do: GenServer.start_link(__MODULE__, o, name: Keyword.get(o, :other, :y))",
        ":y",
    ),
    "via": ("def start_link(o), do: GenServer.start_link(__MODULE__, o, name: via(o))", None),
    "atom": ('def start_link(o), do: GenServer.start_link(S, o, name: :"a#{o}")', None),
    "local": (
        "def start_link(o), do: :gen_server.start_link({:local, :s}, __MODULE__, o, [])",
        ":s",
    ),
    "pop": (
        "def start_link(o) do\n    {n, o} = Keyword.pop(o, :name)\n"
        "    GenServer.start_link(__MODULE__, o, name: n)\n  end",
        None,
    ),
    "none": ("def start_link(o), do: GenServer.start_link(__MODULE__, o)", None),
}


@pytest.mark.parametrize(("function", "name"), NAMES.values(), ids=NAMES)
def test_names(function: str, name: str | None) -> None:
    """A process's name is what its start function registers; a computed one is not said."""
    more = f"end\ndefmodule S do\n  use GenServer\n  {function}"

    assert name == top(started("[{S, name: X}]", more=more)).children[0].name


def test_kinds() -> None:
    """Library supervisors, registries and the rest are told by module, ours by what they use."""
    modules = (
        "end\ndefmodule E do\n  use Phoenix.Endpoint, otp_app: :my\nend\n"
        "defmodule R do\n  use Ecto.Repo, otp_app: :my\nend\n"
        "defmodule W do\n  def child_spec(_), do: Registry.child_spec(name: W)\nend\n"
        "defmodule S do\n  def child_spec(x), do: %{id: 1, start: {S, :start_link, [x]}}\n"
        "  def start_link(x), do: Agent.start_link(fn -> x end, name: S)"
    )
    children = (
        "[E, R, W, S, {Registry, keys: :unique, name: N}, {Task.Supervisor, name: T},"
        " {DynamicSupervisor, name: D}, {PartitionSupervisor, child_spec: A, name: P},"
        " {Phoenix.PubSub, name: My.PubSub}, {Task, fn -> 1 end}, {Finch, name: F}]"
    )

    assert list(outline(top(started(children, more=modules)).children)) == [
        "E endpoint",
        "R repo",
        "W registry",
        "S agent",
        "N registry",
        "T task_supervisor",
        "D dynamic_supervisor",
        "P partition_supervisor",
        "  A genserver [for each of its partitions]",
        "My.PubSub pubsub",
        "Task task",
        "Finch library",
    ]


SUP = (
    "defmodule Sub do\n  use Supervisor\n"
    "  def start_link(o), do: Supervisor.start_link(__MODULE__, o, name: Sub)\n"
    "  def init(o) do\n    {body}\n  end\nend\n"
)


def test_nested_supervisors() -> None:
    """A module's supervisor has the children of its `init/1`; one below itself ends there."""
    body = "Supervisor.init([A, Sub, {B, o}], strategy: :rest_for_one, max_restarts: 9)"
    node = top(started("[Sub]", more="end\n" + SUP.replace("{body}", body)[:-5])).children[0]

    assert ("Sub", "rest_for_one", 9, 5) == (
        node.name, node.strategy, node.max_restarts, node.max_seconds,
    )  # fmt: skip
    assert ["A genserver", "Sub supervisor", "B genserver"] == list(outline(node.children))
    assert ["it is below itself"] == [one.why for one in node.children[1].unsaid]


def test_erlang_supervisor() -> None:
    """`{:ok, {flags, children}}` is read, its flags as a map or a tuple."""
    for flags in ("{:one_for_all, 1, 2}", "%{strategy: :one_for_all, intensity: 1, period: 2}"):
        text = SUP.replace("{body}", f"{{:ok, {{{flags}, [A, {{B, 1}}]}}}}")
        node = top(started("[Sub]", more="end\n" + text[:-5])).children[0]

        assert ["A genserver", "B genserver"] == list(outline(node.children))
        assert ("one_for_all", 1, 2) == (node.strategy, node.max_restarts, node.max_seconds)


def test_dynamic_children() -> None:
    """What code starts under a named supervisor stands there; what it does not name, apart."""
    work = (
        "defmodule Work do\n  @sup D\n  def go(x) do\n"
        "    DynamicSupervisor.start_child(@sup, {A, x})\n"
        "    DynamicSupervisor.start_child({:via, PartitionSupervisor, {P, x}}, B)\n"
        "    T |> Task.Supervisor.async_nolink(fn -> x end)\n"
        "    DynamicSupervisor.start_child(x, {C, x})\n  end\n"
        "  def again(x), do: DynamicSupervisor.start_child(D, {A, x})\nend\n"
    )
    children = (
        "[{DynamicSupervisor, name: D}, {Task.Supervisor, name: T},"
        " {PartitionSupervisor, child_spec: DynamicSupervisor, name: P}]"
    )
    app = started(children, more=f"end\n{work[:-5]}")

    assert list(outline(top(app).children)) == [
        "D dynamic_supervisor",
        "  ~A genserver",
        "T task_supervisor",
        "  ~Work.go/1 task",
        "P partition_supervisor",
        "  DynamicSupervisor dynamic_supervisor [for each of its partitions]",
        "  ~B genserver",
    ]
    assert ["~C genserver [under x]"] == list(outline(app.unplaced))
    (twice,) = top(app).children[0].children
    assert ["lib/app.ex:11:5", "lib/app.ex:16:21"] == [str(place) for place in twice.at]


def test_what_nothing_starts() -> None:
    """Processes in no tree stand apart, with who starts them by hand; supervisors hold theirs."""
    by_hand = "end\ndefmodule Hand do\n  def go, do: C.start_link([])\nend\n"
    body = "Supervisor.init([B], strategy: :one_for_one)"
    app = started("[A]", more=by_hand + SUP.replace("{body}", body)[:-5])

    found = [(*outline((one.node,)), [str(place) for place in one.started]) for one in app.outside]
    assert found == [
        ("C genserver", ["lib/app.ex:9:15"]),
        ("Sub supervisor", "  B genserver", []),
    ]


def test_a_start_of_another_name() -> None:
    """A spec that starts something else by a function of the module is that, not the module."""
    more = "  def pool(i), do: DynamicSupervisor.start_link(strategy: :one_for_one)"
    node = top(started("[%{id: 1, start: {__MODULE__, :pool, [1]}}]", more=more)).children[0]

    assert ["My.App.pool dynamic_supervisor"] == list(outline((node,)))


def test_umbrella() -> None:
    """Each app has its own tree."""
    app = "defmodule {0}.App do\n  use Application\n  def start(_, _) do\n{1}  end\nend\n"
    line = "    Supervisor.start_link([{}], strategy: :one_for_one)\n"
    tree = supervision_tree(
        Project.of(
            {
                "mix.exs": "defmodule U do\nend\n",
                "apps/a/mix.exs": MIX.replace("My", "One"),
                "apps/a/lib/a.ex": app.format("One", line.format("A")),
                "apps/a/lib/abc.ex": SERVERS,
                "apps/b/mix.exs": MIX.replace("My", "Two"),
                "apps/b/lib/b.ex": app.format("Two", line.format("B")),
            }
        )
    )

    assert ["apps/a/", "apps/b/"] == [one.folder for one in tree.apps]
    assert [["A genserver"], ["B genserver"]] == [list(outline(top(a).children)) for a in tree.apps]
    assert [["C"], []] == [[one.node.label for one in app.outside] for app in tree.apps]


NOTES = {
    "no mod": (
        {"mix.exs": "defmodule M do\nend\n"},
        "no application callback: mix.exs has no `mod:`, so nothing is started with it",
    ),
    "no module": (
        {"mix.exs": MIX},
        "mix.exs names My.App as `mod:`, and no file that could be read defines it",
    ),
    "no list": (
        {"mix.exs": MIX, "lib/a.ex": "defmodule My.App do\n  def start(_, _), do: go()\nend\n"},
        "start/2 starts no supervisor that can be read",
    ),
    "broken": ({"mix.exs": "defmodule M do"}, "mix.exs was not read: syntax error near line 1"),
}


@pytest.mark.parametrize(("files", "expected"), NOTES.values(), ids=NOTES)
def test_no_tree(files: dict[str, str], expected: str) -> None:
    """Where there is no tree it is said why."""
    app = supervision_tree(Project.of(files)).apps[0]
    told = [one.why for one in app.root.unsaid] if app.root else [app.note]

    assert [expected] == told


SHAKY = {
    "mix.exs": MIX,
    "lib/app.ex": "defmodule My.App do\n  use Application\n  def start(_, _) do\n"
    "    Supervisor.start_link([My.S], strategy: :one_for_one)\n  end\nend\n",
    "lib/s.ex": "defmodule My.S do\n  use GenServer\n  def init(x), do: {:ok, x}\n"
    "  def go(f) do\n    spawn(f)\n    :ok\n  end\nend\n",
    "lib/plain.ex": "defmodule My.Plain do\n  def go(f) do\n    spawn(f)\n    :ok\n  end\nend\n",
    "lib/zero.ex": SERVERS,
}


def scanned(files: Mapping[str, str]) -> Tree:
    """Return the tree with the findings of every rule."""
    project = Project.of(files)
    return with_findings(supervision_tree(project), scan(project, all_rules()).findings, project)


def test_findings() -> None:
    """Each finding sits on the node of its module; the rest is kept, and none is lost."""
    (app,) = scanned(SHAKY).apps
    found = {node.label: [f.rule for f in node.findings] for node in app.nodes() if node.findings}

    assert ["OTP001"] == [rule for rule in found["My.S"] if rule == "OTP001"]
    assert [("OTP001", "My.Plain")] == [(f.rule, f.module) for f in app.elsewhere]
    every = scan(Project.of(SHAKY), all_rules()).findings
    assert len(every) == sum(map(len, found.values())) + len(app.elsewhere)


def test_the_order_of_files_does_not_matter() -> None:
    """The same project gives the same tree, whatever the order of its files."""
    project = Project.of(SHAKY)
    backwards = Project(dict(reversed(list(project.files.items()))), project.unparsed)

    assert [*project.files] == [*backwards.files][::-1] != [*backwards.files]
    assert supervision_tree(project) == supervision_tree(backwards)


def test_much_code_ends() -> None:
    """Lists that double with every line are cut off, and it is said."""
    lines = "".join(f"    x{n + 1} = x{n} ++ x{n}\n" for n in range(40))
    node = top(started("x40", f"    x0 = [A]\n{lines}"))

    assert "too much code leads to it" in {
        one.why for child in node.children for one in child.unsaid
    }
    assert 10_000 > len(node.children)


def test_deep_code_ends() -> None:
    """A list joined of a thousand parts, and specs that name each other, do not end the reading."""
    joined = top(started(" ++ ".join(["[A]"] * 1000)))
    pair = "end\ndefmodule P do\n  def child_spec(x), do: {0}.child_spec(x)\n"
    circle = top(
        started("[P]", more=pair.format("Q") + pair.format("P").replace("e P", "e Q")[:-1])
    )

    assert {"too much code leads to it"} == {n.unsaid[0].why for n in joined.children if n.unsaid}
    assert ["P"] == [node.module for node in circle.children]


def test_functions_that_all_call_each_other_end() -> None:
    """Twenty functions, each of which calls all, are read in a moment."""
    calls = "".join(f"    f{n}()\n" for n in range(20))
    more = "".join(f"  defp f{n} do\n{calls}  end\n" for n in range(20))

    assert ["A"] == [node.label for node in top(started("[A]", calls, more)).children]


PIECES = (
    "do",
    "end",
    "|>",
    "&",
    "[",
    "]",
    "{",
    "}",
    "++",
    "|",
    "@",
    ":",
    "fn ->",
    "%{",
    "=",
    "when",
)


@settings(max_examples=150, deadline=None)
@given_any(
    st.sampled_from([form[:3] for form in FORMS.values()]),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(PIECES)), max_size=4),
)
def test_any_text_gives_a_tree(
    form: tuple[str, str, str], changes: list[tuple[float, str]]
) -> None:
    """Code with pieces put in or cut out is read, or told as unparsed."""
    children, before, more = form
    text = f"defmodule My.App do\n def start(_, args) do\n{before}\n{children}"
    text += f" |> Supervisor.start_link(name: X)\n end\n{more}\nend\n"
    for where, piece in changes:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + len(piece) % 3 :]
    tree = supervision_tree(Project.of({"mix.exs": MIX, "lib/app.ex": text}))

    lost = any("the rest was" not in one.reason for one in tree.unparsed)
    assert lost != (tree.apps[0].root is not None) or tree.apps[0].note


def test_a_supervisor_without_behaviour() -> None:
    """A module whose `start_link` gives children to a supervisor holds them; a facade is none."""
    more = (
        "end\ndefmodule Sup do\n  def start_link(_), do: Supervisor.start_link([B], name: Sup)\n"
        "end\ndefmodule Facade do\n  def start_link(x), do: GenServer.start_link(C, x)\n"
    )
    app = started("[A]", more=more)

    lines = [line for one in app.outside for line in outline((one.node,))]
    assert ["C genserver", "Sup supervisor", "  B genserver"] == lines


LISTS = {
    "one": (
        "case o do\n      :on -> Supervisor.init([A], strategy: :one_for_one)\n"
        "      _ -> :ignore\n    end",
        ["A genserver"],
    ),
    "two": (
        "if o do\n      Supervisor.init([A], strategy: :one_for_one)\n    else\n"
        "      Supervisor.init([B], strategy: :one_for_one)\n    end",
        ["A genserver [if o]", "B genserver [unless o]"],
    ),
}


@pytest.mark.parametrize(("body", "expected"), LISTS.values(), ids=LISTS)
def test_lists_under_conditions(body: str, expected: list[str]) -> None:
    """Of several lists each has its condition; the only one is there whenever its supervisor is."""
    node = top(started("[Sub]", more="end\n" + SUP.replace("{body}", body)[:-5])).children[0]

    assert expected == list(outline(node.children))
    assert "one_for_one" == node.strategy


def test_a_supervisor_that_nobody_is() -> None:
    """A child under a name that no supervisor has stands apart, with that name."""
    more = "  def go(x), do: DynamicSupervisor.start_child(My.Gone, {B, x})"
    app = started("[A]", more=more)

    assert ["~B genserver [under My.Gone]"] == list(outline(app.unplaced))
    assert ["C"] == [one.node.label for one in app.outside]


COMPUTED = {
    "child_spec": "use GenServer, restart: :temporary\n  def child_spec(a), do: go(super(a))",
    "library": "use Some.Library",
}


@pytest.mark.parametrize("module", COMPUTED.values(), ids=COMPUTED)
def test_defaults_are_not_guessed(module: str) -> None:
    """Where code or a library makes the child spec, OTP's defaults are not claimed."""
    node = top(started("[S]", more=f"end\ndefmodule S do\n  {module}")).children[0]

    assert (None, None, None) == (node.id, node.restart, node.shutdown)
