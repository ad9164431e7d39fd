"""The tests that rules generate: where they go, and when there is none to write."""

import pytest

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.generated_test import snake
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Declined, GeneratedTest
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

RULES = {rule.code: rule for rule in all_rules()}
MIX = "defmodule My.MixProject do\n  def application, do: [mod: {My.Application, []}]\nend\n"
APP = (
    "defmodule My.Application do\n  use Application\n\n  def start(_, _) do\n"
    "    Supervisor.start_link({}, strategy: :one_for_one, name: My.Supervisor)\n  end\nend\n"
)
JOB = "defmodule My.Job do\n  def go(f), do: Task.start(f)\nend\n"
SERVER = (
    "defmodule My.HTTPServer do\n  use GenServer\n"
    "  def handle_info({}, s), do: {{:noreply, s}}\nend\n"
)


def proof(files: dict[str, str], code: str) -> tuple[Project, GeneratedTest | Declined]:
    """Return the project after the first fix of a rule, and the rule's test for it."""
    project = Project.of(files)
    finding = scan(project, [RULES[code]]).findings[0]
    change = RULES[code].fix(project, finding)
    assert isinstance(change, ChangeSet)
    after = project.with_files({p.path: p.apply(project.source(p.path)) for p in change.files})
    return after, RULES[code].test(after, finding)


@pytest.mark.parametrize("app", ["", "apps/my/"])
def test_path_is_in_the_app(app: str) -> None:
    """In an umbrella the test goes to the app of the repaired file."""
    files = {f"{app}mix.exs": MIX, f"{app}lib/a.ex": APP.format("[]"), f"{app}lib/j.ex": JOB}
    _, test = proof(files, "OTP004")

    assert isinstance(test, GeneratedTest)
    assert test.path == f"{app}test/otp_genesis/my_task_supervisor_test.exs"
    assert "Supervisor.which_children(My.Supervisor)" in test.code
    assert not Project.of({test.path: test.code}).unparsed


def test_second_repair_needs_no_second_test() -> None:
    """A test that is there already is not written again."""
    after, test = proof(
        {"mix.exs": MIX, "lib/a.ex": APP.format("[]"), "lib/j.ex": JOB.replace("My", "My.A") + JOB},
        "OTP004",
    )
    assert isinstance(test, GeneratedTest)
    after = after.with_files({test.path: test.code.encode()})
    again = RULES["OTP004"].test(after, scan(after, [RULES["OTP004"]]).findings[0])

    assert again == Declined(f"{test.path} already proves it")


def test_reused_supervisor_proves_nothing() -> None:
    """A Task.Supervisor of another name ran before, so a test of it would not fail before."""
    app = APP.format("[{Task.Supervisor, name: My.Tasks}]")
    _, test = proof({"mix.exs": MIX, "lib/a.ex": app, "lib/j.ex": JOB}, "OTP004")

    assert isinstance(test, Declined)
    assert "before" in test.reason


@pytest.mark.parametrize(
    ("pattern", "written"),
    [(":tick", True), ("{:a, b}", True), ("%{a: 1}", True), ('"text"', False), ("<<1>>", False)],
)
def test_message_is_one_that_no_clause_takes(pattern: str, written: bool) -> None:
    """Where another clause might take the message of the test, none is written."""
    _, test = proof({"lib/s.ex": SERVER.format(pattern)}, "OTP021")

    assert isinstance(test, GeneratedTest) == written
    if isinstance(test, GeneratedTest):
        assert test.path == "test/otp_genesis/my_http_server_otp021_test.exs"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MyApp.Server", "my_app_server"),
        ("MyApp.HTTPServer", "my_app_http_server"),
        ("Foo.OTP2Bar", "foo_otp2_bar"),
        ("A", "a"),
    ],
)
def test_snake(name: str, expected: str) -> None:
    """Names of files are those that Mix gives."""
    assert snake(name) == expected
