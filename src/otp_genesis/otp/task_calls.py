"""Rewriting a call that starts a bare process into one that starts a supervised task."""

from __future__ import annotations

import re
from dataclasses import dataclass

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.generated_test import proven, snake
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Declined, Finding, GeneratedTest, span_of
from otp_genesis.otp.supervision import WIDTH, application, task_supervisor, tree
from otp_genesis.otp.syntax import at, code, keyword, walk

ONE_LINE = re.compile(r"fn -> (?P<body>[^\n]+) end", re.DOTALL)


@dataclass(frozen=True)
class Rewrite:
    """The call to write instead: its function, and what goes before the arguments."""

    function: str
    first: str = ""


def found_call(file: SourceFile, finding: Finding, targets: tuple[str, ...]) -> Call | None:
    """Return the call that a finding flags."""
    return file.call_at(span_of(file, finding)[0], *targets)


def rewrite(file: SourceFile, call: Call, new: Rewrite, *, binds: bool) -> list[Edit] | Declined:
    """Return the edits that make `call` the new one.

    `binds` for a new call that returns `{:ok, pid}` where the old one returned `pid`: a bound
    name then becomes a match, and a value that is used otherwise is declined.
    """
    if call.form == "captured":
        return Declined("a captured function is called elsewhere; write the supervised call there")
    edits = []
    if binds and call.use == "bound" and call.bound is not None:
        name = file.slice(call.bound)
        edits.append(Edit(start=call.bound[0], end=call.bound[1], text=f"{{:ok, {name}}}"))
    elif binds and call.use != "dropped":
        return Declined(
            "the pid is used as a value here, and the supervised call returns {:ok, pid};"
            " change what uses it by hand"
        )
    changed = _piped(file, call, new) if call.form == "piped" else _called(file, call, new)
    return changed if isinstance(changed, Declined) else edits + changed


def supervise(
    project: Project, file: SourceFile, call: Call, *, binds: bool
) -> ChangeSet | Declined:
    """Return the change that runs what `call` starts under the application's Task.Supervisor."""
    top = application(project, project.app_of(file.path))
    if top is not None and call.module == top[1].name and call.function == "start/2":
        return Declined("start/2 runs before the supervision tree is up; start a child instead")
    supervisor = task_supervisor(project, file.path)
    if isinstance(supervisor, Declined):
        return supervisor
    function = f"{file.reference('Task.Supervisor', call.start)}.start_child"
    first = supervisor.name
    if not first.startswith(":"):
        first = file.reference(first, call.start)
    edits = rewrite(file, call, Rewrite(function, f"{first}, "), binds=binds)
    if isinstance(edits, Declined):
        return edits
    change = supervisor.change
    if change is None:
        return ChangeSet(files=(file.change(*edits),))
    if change.path == file.path:
        return ChangeSet(files=(file.change(*edits, *change.edits),))
    return ChangeSet(files=(file.change(*edits), change))


def supervisor_test(project: Project, finding: Finding) -> GeneratedTest | Declined:
    """Return the test that the repaired application runs its Task.Supervisor."""
    supervisor = task_supervisor(project, finding.file)
    if isinstance(supervisor, Declined) or supervisor.change is not None:
        return Declined("the project has no Task.Supervisor in its supervision tree")
    app = project.app_of(finding.file)
    top = application(project, app)
    base = top[1].name.removesuffix(".Application").removesuffix(".App") if top else ""
    if supervisor.name != f"{base}.TaskSupervisor":
        return Declined(f"{supervisor.name} ran before the repair, so its test proves nothing new")
    name = supervisor.name
    under = _supervisor_name(project, app)
    lines = [
        f'  test "{name} runs below the application and takes tasks" do',
        f"    pid = Process.whereis({name})",
        "    assert is_pid(pid)",
    ]
    if under:
        lines += [
            f"    children = Supervisor.which_children({under})",
            "    assert Enum.any?(children, fn {_id, child, _type, _modules} -> child == pid end)",
        ]
    lines += [
        "    test = self()",
        f"    run = &Task.Supervisor.start_child({name}, &1)",
        "    assert {:ok, _task} = run.(fn -> send(test, :ran) end)",
        "    assert_receive :ran",
        "  end",
    ]
    path = f"{app}test/otp_genesis/{snake(name)}_test.exs"
    module = f"OtpGenesis.{name.replace('.', '')}Test"
    return proven(project, path, module, lines, f"{name} is alive in the supervision tree")


def _supervisor_name(project: Project, app: str) -> str | None:
    """Return the name that the top supervisor is registered with, where its options say it."""
    supervisors = tree(project, app)
    if not supervisors or not supervisors[0].lists:
        return None
    top = supervisors[0]
    for node in walk(at(top.file.root(), (top.module.start, top.module.end))):
        name = keyword(node, "name") if node.type == "keywords" else None
        if name is not None and keyword(node, "strategy") is not None and name.type == "alias":
            return top.file.expand(code(name), name.start_byte)
    return None


def _called(file: SourceFile, call: Call, new: Rewrite) -> list[Edit] | Declined:
    start, end = call.name
    first = call.arguments[0][0]
    named = Edit(start=start, end=end, text=new.function)
    if file.text[end : end + 1] == b"(":
        return _within(file, call, [named, Edit(start=first, end=first, text=new.first)])
    opened = Edit(start=end, end=first, text=f"({new.first}")
    return _within(file, call, [named, opened, Edit(start=call.end, end=call.end, text=")")])


def _piped(file: SourceFile, call: Call, new: Rewrite) -> list[Edit] | Declined:
    left, *others = call.arguments
    if "|>" in file.slice(left):
        return Declined("the function comes out of a longer pipe; bind it to a name first")
    given = [file.slice(argument) for argument in (left, *others)]
    text = f"{new.function}({new.first}{', '.join(given)})"
    if _too_long(file, call, len(text) - (call.end - call.start)):
        given[-1] = _broken(file, call, given[-1])
        text = f"{new.function}({new.first}{', '.join(given)})"
    return [Edit(start=call.start, end=call.end, text=text)]


def _within(file: SourceFile, call: Call, edits: list[Edit]) -> list[Edit]:
    """Break a one-line `fn -> … end` where the new call would be too long for `mix format`."""
    grown = sum(len(edit.text) - (edit.end - edit.start) for edit in edits)
    start, end = call.arguments[-1]
    broken = _broken(file, call, file.slice((start, end)))
    if broken == file.slice((start, end)) or not _too_long(file, call, grown):
        return edits
    return [*edits, Edit(start=start, end=end, text=broken)]


def _too_long(file: SourceFile, call: Call, grown: int) -> bool:
    """Whether a call that stands alone on its line is too wide once it has `grown`."""
    line = file.text[: call.start].rsplit(b"\n", 1)[-1].decode()
    rest = file.text[call.end :].split(b"\n", 1)[0].decode().rstrip("\r")
    whole = file.slice((call.start, call.end))
    if "\n" in whole or not re.fullmatch(r"\s*(\w+ = )?", line):
        return False
    bound = 7 if call.use == "bound" else 0
    return len(line) + len(whole) + grown + bound + len(rest) > WIDTH


def _broken(file: SourceFile, call: Call, function: str) -> str:
    """Return a one-line `fn -> … end` on three lines, anything else as it is."""
    match = ONE_LINE.fullmatch(function)
    if match is None:
        return function
    indent = file.lines.indent(call.start)
    return f"fn ->\n{indent}  {match['body']}\n{indent}end"
