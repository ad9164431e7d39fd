"""What a Project knows: files, scopes, supervision trees, and what it refuses to read."""

import pickle
from pathlib import Path

import pytest

from otp_genesis.errors import NotAProject
from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Declined, span_of
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

SPAWN = next(rule for rule in all_rules() if rule.code == "OTP001")
JOB = "defmodule My.Job do\n  def go(f) do\n    spawn(f)\n    :ok\n  end\nend\n"
MIX = (
    "defmodule My.MixProject do\n  use Mix.Project\n"
    "  def application, do: [extra_applications: [:logger], mod: {My.App, []}]\nend\n"
)


def start(body: str, more: str = "") -> str:
    return (
        f"defmodule My.App do\n  use Application\n\n  def start(_, _) do\n{body}  end\n{more}end\n"
    )


def repaired(files: dict[str, str], path: str = "lib/job.ex") -> dict[str, str] | str:
    """Return the files that the fix of the spawn in `path` changes, or why it declines."""
    project = Project.of(files)
    finding = next(f for f in scan(project, [SPAWN]).findings if f.file == path)
    change = SPAWN.fix(project, finding)
    if isinstance(change, Declined):
        return change.reason
    assert isinstance(change, ChangeSet)
    return {part.path: part.apply(project.source(part.path)).decode() for part in change.files}


TREES = {
    "inline": (
        start("    Supervisor.start_link([A], strategy: :one_for_one)\n"),
        "start_link([{Task.Supervisor, name: My.TaskSupervisor}, A], strategy",
    ),
    "empty": (
        start("    Supervisor.start_link([], strategy: :one_for_one)\n"),
        "start_link([{Task.Supervisor, name: My.TaskSupervisor}], strategy",
    ),
    "variable": (
        start("    children = [A, {B, 1}]\n    Supervisor.start_link(children, [])\n"),
        "children = [{Task.Supervisor, name: My.TaskSupervisor}, A, {B, 1}]\n",
    ),
    "piped": (
        start("    [A] |> Supervisor.start_link([])\n"),
        "[{Task.Supervisor, name: My.TaskSupervisor}, A] |> Supervisor",
    ),
    "function": (
        start(
            "    Supervisor.start_link(children(), [])\n",
            "\n  defp children do\n    [\n      A\n    ]\n  end\n",
        ),
        "    [\n      {Task.Supervisor, name: My.TaskSupervisor},\n      A\n    ]\n",
    ),
    "joined": (
        start("    children = [A] ++ more()\n    Supervisor.start_link(children, [])\n"),
        "children = [{Task.Supervisor, name: My.TaskSupervisor}, A] ++ more()\n",
    ),
    "grown": (
        start("    all = [A]\n    all = all ++ [B]\n    Supervisor.start_link(all, [])\n"),
        "all = [{Task.Supervisor, name: My.TaskSupervisor}, A]\n    all = all ++ [B]\n",
    ),
    "comment": (
        start("    c = [\n      # {A, 1}\n    ]\n\n    Supervisor.start_link(c, [])\n"),
        "c = [\n      {Task.Supervisor, name: My.TaskSupervisor}\n      # {A, 1}\n    ]\n",
    ),
    "aliased": (
        start("    alias My.Task\n    Supervisor.start_link([Task], [])\n"),
        "[{Elixir.Task.Supervisor, name: My.TaskSupervisor}, Task]",
    ),
    "long": (
        start(
            "    Supervisor.start_link([My.First.Long, My.Second.Long, My.Third.Long], name: X)\n"
        ),
        "start_link([\n      {Task.Supervisor, name: My.TaskSupervisor},\n      My.First.Long,\n",
    ),
}


@pytest.mark.parametrize("form", TREES)
def test_child_is_added_first(form: str) -> None:
    """Wherever the children are written, the new one goes before all others."""
    source, expected = TREES[form]
    changed = repaired({"mix.exs": MIX, "lib/app.ex": source, "lib/job.ex": JOB})

    assert isinstance(changed, dict), changed
    assert expected in changed["lib/app.ex"]
    assert "start_child(My.TaskSupervisor, f)" in changed["lib/job.ex"]


def test_supervisor_module() -> None:
    """The children of a `use Supervisor` module that the application starts are found."""
    top = (
        "defmodule My.Sup do\n  use Supervisor\n\n  def init(_) do\n    children = [A]\n"
        "    Supervisor.init(children, strategy: :one_for_one)\n  end\nend\n"
    )
    changed = repaired(
        {
            "mix.exs": MIX,
            "lib/app.ex": start("    My.Sup.start_link([])\n"),
            "lib/sup.ex": top,
            "lib/job.ex": JOB,
        }
    )

    assert isinstance(changed, dict)
    assert "[{Task.Supervisor, name: My.TaskSupervisor}, A]" in changed["lib/sup.ex"]


@pytest.mark.parametrize(
    "child",
    [
        "{Task.Supervisor, name: My.Tasks}",
        "{Task.Supervisor, [name: My.Tasks]}",
        "Supervisor.child_spec({Task.Supervisor, name: My.Tasks}, id: :tasks)",
    ],
)
def test_task_supervisor_is_reused(child: str) -> None:
    """A Task.Supervisor that is in the tree serves, whatever its name."""
    app = start(f"    Supervisor.start_link([A, {child}], [])\n")
    changed = repaired({"mix.exs": MIX, "lib/app.ex": app, "lib/job.ex": JOB})

    assert isinstance(changed, dict)
    assert list(changed) == ["lib/job.ex"]
    assert "Task.Supervisor.start_child(My.Tasks, f)" in changed["lib/job.ex"]


def test_nested_task_supervisor_is_reused() -> None:
    """So does one below a supervisor of the application."""
    nested = (
        "defmodule My.Sup do\n  use Supervisor\n  def init(_) do\n"
        "    Supervisor.init([{Task.Supervisor, name: :tasks}], strategy: :one_for_one)\n"
        "  end\nend\n"
    )
    app = start("    Supervisor.start_link([{My.Sup, []}], [])\n")
    changed = repaired({"mix.exs": MIX, "lib/app.ex": app, "lib/sup.ex": nested, "lib/job.ex": JOB})

    assert isinstance(changed, dict)
    assert "Task.Supervisor.start_child(:tasks, f)" in changed["lib/job.ex"]


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (start("    Supervisor.start_link(Enum.map([A], & &1), [])\n"), "computes its children"),
        (start("    Supervisor.start_link(more() ++ [A], [])\n"), "computes its children"),
        (start("    c = if x(), do: [A], else: []\n    Supervisor.start_link(c, [])\n"), "comput"),
        (start("    {:ok, self()}\n"), "was not found"),
        (
            start(
                "    Supervisor.start_link(one(), [])\n",
                "  defp one, do: two()\n  defp two, do: one()\n",
            ),
            "computes its children",
        ),
        (
            start(
                "    Supervisor.start_link([A | more()], [])\n",
                "  def more, do: [{Task.Supervisor, name: My.TaskSupervisor}]\n",
            ),
            "in use already",
        ),
    ],
)
def test_unclear_tree_is_left_alone(app: str, reason: str) -> None:
    """Where the children are computed, or there are none, the fix says so and changes nothing."""
    declined = repaired({"mix.exs": MIX, "lib/app.ex": app, "lib/job.ex": JOB})

    assert isinstance(declined, str)
    assert reason in declined


def test_umbrella_uses_the_app_of_the_file() -> None:
    """In an umbrella the child goes into the tree of the app that holds the file."""
    files = {"mix.exs": "defmodule Umbrella do\nend\n"}
    for app, name in (("one", "One"), ("two", "Two")):
        files[f"apps/{app}/mix.exs"] = MIX.replace("My", name)
        files[f"apps/{app}/lib/app.ex"] = start("    Supervisor.start_link([A], [])\n").replace(
            "My", name
        )
        files[f"apps/{app}/lib/job.ex"] = JOB.replace("My", name)
    changed = repaired(files, "apps/two/lib/job.ex")

    assert isinstance(changed, dict)
    assert sorted(changed) == ["apps/two/lib/app.ex", "apps/two/lib/job.ex"]
    assert "Two.TaskSupervisor" in changed["apps/two/lib/app.ex"]


def test_line_ends_are_kept() -> None:
    """A file with CRLF gets CRLF."""
    app = start("    c = [\n      A\n    ]\n\n    Supervisor.start_link(c, [])\n")
    files = {"mix.exs": MIX, "lib/app.ex": app, "lib/job.ex": JOB}
    changed = repaired({path: text.replace("\n", "\r\n") for path, text in files.items()})

    assert isinstance(changed, dict)
    for text in changed.values():
        assert text.count("\r\n") == text.count("\n")
        assert "\r\r" not in text


def test_columns_count_characters() -> None:
    """Umlauts before a call move it by one column each; a byte order mark by none."""
    code = 'def f(x), do: {"äöü", spawn(x)}'
    for start_of_file in ("", "\ufeff"):
        text = f"{start_of_file}defmodule M do {code} end\n"
        project = Project.of({"lib/m.ex": text})
        (finding,) = scan(project, [SPAWN]).findings
        file = project.files["lib/m.ex"]

        assert (finding.line, finding.column) == (1, len("defmodule M do ") + code.index("sp") + 1)
        assert file.slice(span_of(file, finding)) == "spawn(x)"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"defmodule M do\n  def f(, do: 1\nend\n", "syntax error near line"),
        (b'defmodule M do\n  @x "\xff"\nend\n', "not UTF-8"),
    ],
)
def test_unparsed_files_are_told(data: bytes, reason: str) -> None:
    """A file that cannot be read is listed with the reason, and is not among the files."""
    project = Project.of({"lib/bad.ex": data, "lib/job.ex": JOB})

    assert list(project.files) == ["lib/job.ex"]
    assert [lost.file for lost in project.unparsed] == ["lib/bad.ex"]
    assert reason in project.unparsed[0].reason
    mended = project.with_files({"lib/bad.ex": JOB.encode(), "lib/job.ex": None})
    assert (list(mended.files), mended.unparsed) == (["lib/bad.ex"], ())


def test_reading_a_folder(tmp_path: Path) -> None:
    """Sources of the project and its apps are read; dependencies, builds and link loops are not."""
    for path in (
        "mix.exs",
        "lib/job.ex",
        "lib/deep/er.ex",
        "test/job_test.exs",
        "config/config.exs",
        "deps/a/lib/a.ex",
        "lib/_build/x.ex",
        "apps/web/mix.exs",
        "apps/web/lib/web.ex",
        "apps/notes/lib/no.ex",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("# nothing\n")
    (tmp_path / "lib/loop").symlink_to(tmp_path / "lib")
    project = Project.read(tmp_path)

    assert list(project.files) == [
        "apps/web/lib/web.ex",
        "apps/web/mix.exs",
        "config/config.exs",
        "lib/deep/er.ex",
        "lib/job.ex",
        "mix.exs",
        "test/job_test.exs",
    ]
    assert Project.read(tmp_path, jobs=2).files == project.files


def test_facts_read_by_processes(tmp_path: Path) -> None:
    """What several processes read is what one reads, and is known after the trees are gone."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "mix.exs").write_text("defmodule A.MixProject do\n  use Mix.Project\nend\n")
    for name in ("a", "b", "c"):
        (tmp_path / f"lib/{name}.ex").write_text(JOB.replace("Job", f"Job{name.upper()}"))
    alone, shared = Project.read(tmp_path), Project.read(tmp_path, jobs=2)
    for file in alone.files.values():
        file.let_go()

    for name in ("modules", "functions", "aliases", "imports", "directives", "calls", "atoms"):
        facts = [getattr(file, name) for file in alone.files.values()]
        assert facts == [getattr(file, name) for file in shared.files.values()]
    assert any(file.calls for file in alone.files.values())


def test_no_project(tmp_path: Path) -> None:
    """A folder without mix.exs is an error that says so."""
    with pytest.raises(NotAProject, match=r"no mix\.exs"):
        Project.read(tmp_path)


def test_project_can_be_sent_to_another_process() -> None:
    """It survives pickling."""
    project = Project.of({"lib/job.ex": JOB})
    again = pickle.loads(pickle.dumps(project))

    assert scan(again, all_rules()).findings == scan(project, all_rules()).findings


@pytest.mark.parametrize(
    ("head", "call", "target"),
    [
        ("alias Task, as: T", "T.start(f)", "Task.start/1"),
        (
            "alias Task.{Supervisor}",
            "Supervisor.start_child(f, f)",
            "Task.Supervisor.start_child/2",
        ),
        ("alias My.{Task, Other}", "Task.start(f)", None),
        ("alias My.Nested.Task", "Elixir.Task.start(f)", "Task.start/1"),
        ("import Task", "start(f)", "Task.start/1"),
        ("import Task, only: [start: 3]", "start(f)", None),
        ("import Task, except: [start: 1]", "start(f)", None),
        ("defmodule Task do\n  end", "Task.start(f)", None),
        ("import Task\n  def start(x), do: x", "start(f)", None),
        ("import Task\n  def start(x, y \\\\ 1), do: {x, y}", "start(f)", None),
        ("import Task\n  def start(x, y), do: {x, y}", "start(f)", "Task.start/1"),
        ("import Other.{Thing, Task}\n  import Task", "start(f)", "Task.start/1"),
        ("import Elixir.{Process, Task}", "start(f)", "Task.start/1"),
        ("@spec spawn(fun) :: pid", "f.(1)", None),
    ],
)
def test_names_are_resolved(head: str, call: str, target: str | None) -> None:
    """A call is known by what it means where it stands."""
    project = Project.of({"lib/m.ex": f"defmodule M do\n  {head}\n  def go(f), do: {call}\nend\n"})

    assert list(project.files["lib/m.ex"].calls) == ([target] if target else [])


def test_aliases_end_with_their_block() -> None:
    """An alias inside a function says nothing about the next one."""
    code = "defmodule M do\n  def a do\n    alias My.Task\n    Task.start(1)\n  end\n"
    project = Project.of({"lib/m.ex": code + "  def b, do: Task.start(1)\nend\n"})
    calls = project.files["lib/m.ex"].calls_to("Task.start/1")

    assert [call.function for call in calls] == ["b/0"]


def test_supervisors_that_start_each_other_end() -> None:
    """A supervisor that starts itself or its starter is looked at once."""
    circle = (
        "defmodule My.Sup do\n  use Supervisor\n"
        "  def start_link(_), do: Supervisor.start_link(__MODULE__, [])\n"
        "  def again(_), do: My.Sup.start_link([])\nend\n"
    )
    declined = repaired(
        {
            "mix.exs": MIX,
            "lib/app.ex": start("    My.Sup.start_link([])\n"),
            "lib/sup.ex": circle,
            "lib/job.ex": JOB,
        }
    )

    assert isinstance(declined, str)
