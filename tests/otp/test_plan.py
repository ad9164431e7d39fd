"""The plan: five documents and `plan.json`, every item with what carries it out and proves it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.command import Genesis, files_of
from support.elixir import BASE, JOBS, ONE_FLAW, THREE_FLAWS, WORDS, write

from otp_genesis.otp.plan import Plan, limited, make_plan
from otp_genesis.otp.project import Project
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_otp"
STAGES = [
    "01-critical-fixes.md",
    "02-state-persistence.md",
    "03-architectural-decomposition.md",
    "04-testing-and-communication.md",
    "05-integration-and-rollout.md",
]
ELISION = "# …"


def plan_of(files: dict[str, str]) -> Plan:
    project = Project.of(files)
    report = scan(project, all_rules())
    return make_plan(project, report, all_rules(), name="tiny", goal="Survive")


@pytest.fixture
def genesis(tmp_path: Path) -> Genesis:
    """The command."""
    return Genesis(tmp_path)


def planned(genesis: Genesis, path: Path, *options: str) -> dict[str, Any]:
    """Plan for a path; return `plan.json`."""
    out = genesis.place / "plan"
    done = genesis("otp", "plan", path, "--out", out, *options)

    assert (0, "") == (done.returncode, done.stderr)
    assert [str(out / name) for name in (*STAGES, "plan.json")] == done.stdout.splitlines()
    result: dict[str, Any] = json.loads((out / "plan.json").read_text())
    return result


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's folder with its plan beside it."""
    place = tmp_path_factory.mktemp("plan")
    project = place / "shaky_otp"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("_build"))
    before = files_of(project)
    planned(Genesis(place), project, "--goal", "Never lose an order")

    assert before == files_of(project)
    return project


def test_documents(example: Path) -> None:
    """Each document is one stage's: its problem, its items in full, how it is tested."""
    plan = json.loads((example.parent / "plan" / "plan.json").read_text())

    assert {"version": 1, "project": "shaky_otp", "goal": "Never lose an order"} == {
        key: plan[key] for key in ("version", "project", "goal")
    }
    for number, name in enumerate(STAGES, start=1):
        text = (example.parent / "plan" / name).read_text()
        items = [item for item in plan["items"] if item["stage"] == number]
        assert text.startswith(f"# Stage {number}: ")
        assert "Goal: Never lose an order\n" in text
        assert text.count("\n### ") == len(items)
        for item in items:
            part = text.split(f"### {item['id']} ")[1].split("\n### ")[0]
            for told in ("flaw", "fix", "test", "effort", "risk", "before"):
                assert item[told].strip("\n") in part
            assert item["after"] is None or item["after"] in part
    assert plan["items"][0]["stage"] == 1


def test_items(example: Path) -> None:
    """Every item names its place, flaw, repair and proof; its snippet is really in the file."""
    plan = Plan.model_validate_json((example.parent / "plan" / "plan.json").read_text())
    seen: list[str] = []

    assert len(plan.items) >= 15
    for item in plan.items:
        lines = (example / item.file).read_text().splitlines()
        before = [line for line in item.before.splitlines() if line != ELISION]
        assert before
        assert set(before) <= set(lines)
        assert lines[item.before_line - 1] == before[0]
        assert item.module
        assert f"defmodule {item.module} do" in lines
        if item.function is not None:
            assert f" {item.function.split('/')[0]}" in "\n".join(lines)
        for told in (item.flaw, item.fix, item.why, item.test, item.effort, item.risk):
            assert told
        assert set(item.depends_on) <= set(seen)
        if item.by == "rule":
            assert item.after is not None
            assert item.after != item.before
            assert item.file in item.files
            assert f"+++ b/{item.file}" in item.diff
        else:
            assert item.reason
            assert not item.diff
        seen.append(item.id)
    assert len(seen) == len(set(seen))


def test_order_and_dependencies() -> None:
    """Items come by stage and gravity; what needs the task supervisor depends on who adds it."""
    plan = plan_of({**THREE_FLAWS, "lib/tiny/z.ex": JOBS.replace("Jobs", "Later")})
    spawns = [item for item in plan.items if item.rule == "OTP001"]

    assert [item.id for item in plan.items] == [f"S1-0{n}" for n in range(1, 6)]
    assert [(), (spawns[0].id,)] == [item.depends_on for item in spawns]
    assert {"lib/tiny/application.ex"} <= set(spawns[0].files)
    assert all(not item.depends_on for item in plan.items if item not in spawns)


def test_deterministic() -> None:
    """The same project gives the same plan, whatever the order of files and rules."""
    first = plan_of(THREE_FLAWS)
    project = Project.of(dict(reversed(THREE_FLAWS.items())))
    report = scan(project, reversed(all_rules()))
    second = make_plan(project, report, reversed(all_rules()), name="tiny", goal="Survive")

    assert first == second


def test_limited() -> None:
    """Of a plan with fewer items no item depends on one that is not there."""
    plan = plan_of({**THREE_FLAWS, "lib/tiny/z.ex": JOBS.replace("Jobs", "Later")})

    assert plan == limited(plan, 0)
    assert [item.id for item in plan.items[:2]] == [item.id for item in limited(plan, 2).items]
    for count in range(1, 6):
        kept = limited(plan, count).items
        assert {need for item in kept for need in item.depends_on} <= {item.id for item in kept}


def test_before_is_found_in_long_functions() -> None:
    """Of a long flawed place the snippet is its beginning; it is not the whole module."""
    head = "defmodule Tiny.God do\n  use GenServer\n  def init(_), do: {:ok, %{}}\n"
    call = "  def f{0}(x), do: GenServer.call(__MODULE__, {{:f{0}, x}})\n"
    clause = "  def handle_call({{:f{0}, x}}, _, s), do: {{:reply, x, Map.put(s, {0}, x)}}\n"
    many = range(40)
    code = head + "".join(map(call.format, many)) + "".join(map(clause.format, many)) + "end\n"
    (item,) = (one for one in plan_of({"lib/god.ex": code}).items if one.rule == "OTP032")

    assert 1 <= len(item.before.splitlines()) <= 24
    assert code.startswith(item.before)


def test_code_with_fences(tmp_path: Path, genesis: Genesis) -> None:
    """Code that holds a fence of its own does not end the document's."""
    code = WORDS.replace(
        "text), do: String.to_atom(text)",
        'text) do\n    """\n    ```\n    #{String.to_atom(text)}\n    ```\n    """\n  end',
    )
    planned(genesis, write(tmp_path / "tiny", {**BASE, "lib/w.ex": code}))
    text = (tmp_path / "plan" / STAGES[0]).read_text()

    assert "````elixir" in text


def test_no_flaw(tmp_path: Path, genesis: Genesis) -> None:
    """A project without a flaw gets its five documents too, and they say so."""
    plan = planned(genesis, write(tmp_path / "tiny", BASE))

    assert [] == plan["items"]
    for name in STAGES[:4]:
        told = "Nothing was found that belongs to this stage."
        assert told in (tmp_path / "plan" / name).read_text()


def test_unparsed(tmp_path: Path, genesis: Genesis) -> None:
    """A file that cannot be read is named in the first document and in `plan.json`."""
    broken = {"lib/tiny/half.ex": "defmodule Tiny.Half do\n"}
    plan = planned(genesis, write(tmp_path / "tiny", {**ONE_FLAW, **broken}))

    assert ["lib/tiny/half.ex"] == [lost["file"] for lost in plan["unparsed"]]
    assert "- `lib/tiny/half.ex`: syntax error" in (tmp_path / "plan" / STAGES[0]).read_text()


def packed_xml(files: dict[str, str]) -> str:
    """Return the files as repomix writes them by default."""
    parts = "\n\n".join(f'<file path="{path}">\n{text}</file>' for path, text in files.items())
    return f"This file is a merged representation.\n\n<files>\n{parts}\n</files>\n"


def packed_markdown(files: dict[str, str]) -> str:
    """Return the files as repomix writes them with `--style markdown`."""
    parts = "\n\n".join(f"## File: {p}\n````elixir\n{text}````" for p, text in files.items())
    return f"This file is a merged representation.\n\n# Files\n\n{parts}\n"


@pytest.mark.parametrize(("name", "pack"), [("tiny.xml", packed_xml), ("tiny.md", packed_markdown)])
def test_repomix(tmp_path: Path, genesis: Genesis, name: str, pack: Any) -> None:
    """A repomix file is planned for like the project that was packed into it."""
    fence = '  @doc """\n  ```\n  kind("a")\n  ```\n  """\n'
    files = {**THREE_FLAWS, "lib/tiny/words.ex": WORDS.replace("  def", fence + "  def")}
    project = write(tmp_path / "tiny", files)
    (tmp_path / name).write_text(pack(files))

    assert planned(genesis, project) == planned(genesis, tmp_path / name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing of the kind", "is neither a project folder nor a repomix file"),
        (packed_xml({"../../evil.ex": "x\n"}), "the path '../../evil.ex' leaves the project"),
        (packed_xml({"/etc/evil.ex": "x\n"}), "the path '/etc/evil.ex' leaves the project"),
        (packed_xml({"lib/a.ex": "x\n"}), "there is no mix.exs"),
        ("", "is neither a project folder nor a repomix file"),
    ],
)
def test_bad_file(tmp_path: Path, genesis: Genesis, text: str, expected: str) -> None:
    """A file that is no packed project is a wrong argument, and nothing is written."""
    (tmp_path / "packed.xml").write_text(text)
    said = genesis.said(genesis("otp", "plan", tmp_path / "packed.xml", "--out", "plan"), 2)

    assert expected in said
    assert 1 == len(said.splitlines())
    assert not (tmp_path / "plan").exists()
    assert not (tmp_path.parent / "evil.ex").exists()


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_no_project(tmp_path: Path, genesis: Genesis, name: str) -> None:
    """A path without a project is a wrong argument."""
    (tmp_path / "empty").mkdir()
    said = genesis.said(genesis("otp", "plan", tmp_path / name, "--out", "plan"), 2)

    assert said.startswith(f"error: {tmp_path / name}: ")
    assert not (tmp_path / "plan").exists()


def test_only(tmp_path: Path, genesis: Genesis) -> None:
    """`--only` plans for the rules it names; a wrong one is refused."""
    project = write(tmp_path / "tiny", THREE_FLAWS)
    plan = planned(genesis, project, "--only", "OTP001,dynamic-atom")
    said = genesis.said(genesis("otp", "plan", project, "--out", "plan", "--only", "OTP1"), 2)

    assert {"OTP001", "OTP053"} == {item["rule"] for item in plan["items"]}
    assert "no rule named 'OTP1'" in said


def test_part_of_a_repository(tmp_path: Path, genesis: Genesis) -> None:
    """A project below another folder is named and planned for as itself."""
    project = write(tmp_path / "shop" / "backend", ONE_FLAW)
    plan = planned(genesis, project)

    assert "backend" == plan["project"]
    assert ["lib/tiny/words.ex"] == [item["file"] for item in plan["items"]]
