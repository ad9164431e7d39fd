"""How grave a finding is said to be, and the measure of which known flaws are found."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from otp_genesis.otp.project import Project
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

ROOT = Path(__file__).parents[2]
RULES = {rule.code: rule for rule in all_rules()}


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Job do\n{head}  def go(job) do\n{body}  end\nend\n"


def _server(body: str) -> str:
    return f"defmodule MyApp.Server do\n  use GenServer\n{body}end\n"


def _waiting(callback: str, clauses: str = "      {:answer, _} -> :ok\n") -> str:
    return _server(f"  def {callback} do\n    receive do\n{clauses}    end\n    x\n  end\n")


EVENT = (
    'defmodule MyApp.Live do\n  def handle_event("sort", {}, socket) do\n{}'
    "    {{:noreply, assign(socket, :by, by)}}\n  end\nend\n"
)
GRADES = {
    "a client names the atom": (
        "OTP053",
        EVENT.format('%{"by" => text}', "    by = String.to_atom(text)\n"),
        "high",
    ),
    "a client names a part of it": (
        "OTP053",
        EVENT.format('%{"by" => text}', '    by = String.to_atom("by_" <> String.trim(text))\n'),
        "high",
    ),
    "a controller reads it off the request": (
        "OTP053",
        "defmodule C do\n  def index(conn, params) do\n"
        '    by = Map.get(params, "by", "id")\n    list(conn, String.to_atom(by))\n  end\nend\n',
        "high",
    ),
    "something of the server's own in an event": (
        "OTP053",
        EVENT.format('%{"by" => _}', "    by = String.to_atom(socket.assigns.by)\n"),
        "medium",
    ),
    "a node has to have a new name": (
        "OTP053",
        EVENT.format('%{"host" => host}', '    by = :"main@#{host}"\n'),
        "medium",
    ),
    "a caller in the project gives it": ("OTP053", _module("    String.to_atom(job)\n"), "medium"),
    "a map with keys of text elsewhere": (
        "OTP053",
        'defmodule M do\n  def load(%{"k" => k}), do: String.to_atom(k)\nend\n',
        "medium",
    ),
    "nobody knows of the process": (
        "OTP001",
        _module("    spawn(fn -> run(job) end)\n    :ok\n"),
        "critical",
    ),
    "the pid is kept": (
        "OTP001",
        _module("    pid = spawn(fn -> run(job) end)\n    {pid, job}\n"),
        "medium",
    ),
    "it only tells": ("OTP001", _module("    spawn(fn -> send(job, :done) end)\n"), "medium"),
    "it watches another process": (
        "OTP001",
        _module(
            "    spawn(fn ->\n      Process.monitor(job)\n      Process.exit(job, :shutdown)\n"
            "      log(job)\n    end)\n"
        ),
        "medium",
    ),
    "its starter is told of its end": (
        "OTP001",
        _module("    Process.spawn(fn -> run(job) end, [:monitor])\n    :ok\n"),
        "low",
    ),
    "a linked process": ("OTP002", _module("    spawn_link(fn -> run(job) end)\n"), "medium"),
    "a monitored process": ("OTP002", _module("    spawn_monitor(fn -> run(job) end)\n"), "low"),
    "a wait without end": ("OTP011", _waiting("handle_call(:x, _, x)"), "high"),
    "a wait with a limit": (
        "OTP011",
        _waiting("handle_call(:x, _, x)", "      :a -> 1\n    after\n      9 -> 2\n"),
        "medium",
    ),
    "a wait that ends with the other": (
        "OTP011",
        _waiting("handle_call(:x, _, x)", "      :a -> 1\n      {:DOWN, _, _, _, _} -> 2\n"),
        "medium",
    ),
    "a wait of a server that begins": ("OTP011", _waiting("handle_continue(:x, x)"), "medium"),
    "a caller waits for a sleeper": (
        "OTP016",
        _server(
            "  def handle_call(:x, _, s) do\n    Process.sleep(9)\n    {:reply, 1, s}\n  end\n"
        ),
        "high",
    ),
    "a pause between two attempts": (
        "OTP016",
        _server("  def handle_cast(:x, s) do\n    Process.sleep(9)\n    {:noreply, s}\n  end\n"),
        "medium",
    ),
    "a number only": (
        "OTP038",
        _server(
            "  def init(_), do: {:ok, %{total: 0}}\n"
            "  def handle_cast(n, s), do: {:noreply, %{s | total: s.total + n}}\n"
        ),
        "low",
    ),
}


@pytest.fixture(scope="module")
def precision() -> Any:
    """The measure, which is no part of the installed package."""
    path = ROOT / "benchmarks" / "precision.py"
    spec = importlib.util.spec_from_file_location("precision_measure", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("rule", "code", "severity"), GRADES.values(), ids=GRADES)
def test_severity(rule: str, code: str, severity: str) -> None:
    """Where a finding needs judgement it is not graded high."""
    found = scan(Project.of({"lib/example.ex": code}), [RULES[rule]]).findings

    assert [severity] == [finding.severity for finding in found]


def test_known_flaws(precision: Any) -> None:
    """The flaws are told apart by number, and each rule that is named is one there is."""
    known = precision.known()
    flaws = known.flaws

    assert len(flaws) == len({flaw.id for flaw in flaws})
    assert {flaw.rule for flaw in flaws if flaw.rule is not None} <= {*RULES}
    assert {flaw.file for flaw in flaws} == {*known.files}
    assert all(flaw.rule for flaw in flaws if flaw.verified == "yes")


def test_verdict(precision: Any) -> None:
    """A flaw is found by its own rule near its lines; a wrong claim by any finding there."""
    code = "\n" * 9 + _module("    spawn(fn -> run(job) end)\n    :ok\n")
    findings = scan(Project.of({"lib/job.ex": code}), RULES.values()).findings

    def said(line: int, verified: str, rule: str | None, module: str | None = None) -> str:
        place = ("A1", "lib/job.ex", line, line, "spawn")
        flaw = precision.Flaw(*place, verified, rule, module)
        return str(precision.verdict(flaw, precision.told(flaw, findings)))

    assert "found" == said(15, "yes", "OTP001")
    assert "MISSED" == said(16, "yes", "OTP001")
    assert "found" == said(1, "yes", "OTP001", "MyApp.Job")
    assert "MISSED" == said(12, "yes", "OTP012")
    assert "WRONGLY CLAIMED" == said(12, "no", None)
    assert "not claimed" == said(2, "no", None)
    assert "no rule" == said(12, "partly", None)


def test_no_project(precision: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the project, or with another version of it, nothing is measured, and that is said."""
    assert 2 == precision.main([])
    assert 2 == precision.main([str(tmp_path / "nowhere")])
    (tmp_path / "mix.exs").write_text("defmodule M do\nend\n")
    assert 2 == precision.main([str(tmp_path)])
    path = tmp_path / next(iter(precision.known().files))
    path.parent.mkdir(parents=True)
    path.write_text("defmodule M do\nend\n")
    assert 2 == precision.main([str(tmp_path)])

    told = capsys.readouterr()
    assert "" == told.out
    assert 4 == told.err.count("nothing was measured: ")
    assert "holds no mix.exs" in told.err
    assert "is not there" in told.err
    assert "is another version" in told.err
    assert precision.known().commit in told.err
