"""OTP063: a command line put together from data and given to a shell."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import clause_node
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.interpolated import bound_to, inserted
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.syntax import at, code, walk

SHELLS = (":os.cmd/1", ":os.cmd/2", "System.shell/1", "System.shell/2")
COMMANDS = ("System.cmd/2", "System.cmd/3")
SHELL_NAMES = frozenset({'"sh"', '"bash"', '"/bin/sh"', '"/bin/bash"', '"zsh"'})


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Files do\n{head}  def size(path) do\n{body}  end\nend\n"


class CmdLeakyEnv(Rule):
    """A shell is given a command line that holds data.

    ## Why is this bad?
    The shell reads the data as code: a blank splits it, `;` and `$(…)` run what is in it, with the
    rights and the whole environment of the node, secrets included. `System.cmd/3` gives its
    arguments to the program as they are
    (https://hexdocs.pm/elixir/System.html#cmd/3, https://hexdocs.pm/elixir/System.html#shell/2).

    ## Use instead
    `System.cmd(program, arguments)`, with `env: [{"SECRET", nil}]` for what the program must not
    see.

    ## Fix safety
    None: the command line has to be taken apart, and a pipe or a redirection in it done another
    way. A command of literals, attributes and the node's own name is not reported.
    """

    code = "OTP063"
    name = "cmd-leaky-env"
    stage = 1
    severity = "medium"
    safety = "model"
    effort = "minutes"
    risk = "Globs, pipes and variables in the command are no longer read by a shell."
    reach = "file"
    kinds = PRODUCTION
    needs = (*SHELLS, *COMMANDS)
    examples = (
        Bad(_module('    System.shell("du -s #{path}")\n')),
        Bad(_module('    :os.cmd(~c"du -s #{path}")\n')),
        Bad(_module('    ("du -s " <> path) |> String.to_charlist() |> :os.cmd()\n')),
        Bad(
            _module(
                '    command = "du -s #{path}"\n    S.shell(command, into: [])\n',
                "  alias System, as: S\n",
            )
        ),
        Bad(_module('    System.cmd("sh", ["-c", "du -s #{path} | sort"])\n')),
        Bad(_module('    shell("du -s #{path}")\n', "  import System, only: [shell: 1]\n")),
        Good(_module('    System.cmd("du", ["-s", path])\n')),
        Good(_module('    System.cmd("du", ["-s", "#{path}/a"])\n')),
        Good(_module('    System.cmd("sh", ["-c", "du -s $1 | sort", "sh", path])\n')),
        Good(_module('    System.shell("du -s /tmp")\n')),
        Good(_module('    System.shell("du -s #{@root}")\n', '  @root "/tmp"\n')),
        Good(_module('    :os.cmd(~c"ps -p #{System.pid()}")\n')),
        Good(_module("    System.shell(path)\n")),
        Good(_module('    # System.shell("du #{path}")\n    "System.shell(du #{path})"\n')),
        Good(_module('    System.shell("du #{path}")\n', "  alias MyApp.System\n")),
        Good(_module('    quote do\n      System.shell("du #{path}")\n    end\n')),
        Good(_module('    System.shell("du #{path}")\n'), path="test/files_test.exs"),
        Good('defmodule Mix.Tasks.A do\n  def run(x), do: System.shell("du #{x}")\nend\n'),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the call; what is inserted is evidence."""
        for call in file.production_calls(*SHELLS, *COMMANDS):
            line = _command_line(file, call)
            given = next(inserted(line), None) if line is not None else None
            if given is None:
                continue
            yield self.at(
                file,
                (call.start, call.end),
                f"a shell reads `{' '.join(code(given).split())}` as code: a blank or a `;` in it"
                " makes another command",
                module=call.module,
                function=call.function,
                evidence=[
                    Evidence(
                        file=file.path,
                        line=given.start_point[0] + 1,
                        note="this is put into the command line",
                    )
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the command line has to be taken apart."""
        return Declined("call the program with System.cmd/3 and a list of arguments")


def _command_line(file: SourceFile, call: Call) -> Node | None:
    """Return what the shell is given, followed to the variable's value in the same clause."""
    if not call.arguments or (call.target in COMMANDS and not _is_shell(file, call)):
        return None
    node = at(file.root(), call.arguments[1 if call.target in COMMANDS else 0])
    function = file.function(call.module, call.function)
    names = [found for found in walk(node) if found.type == "identifier"]
    for clause in function.clauses if function is not None and len(names) == 1 else ():
        if clause.start <= call.start < clause.end:
            value = bound_to(clause_node(file.root(), clause), code(names[0]), call.start)
            return value if value is not None else node
    return node


def _is_shell(file: SourceFile, call: Call) -> bool:
    """Whether the program is a shell that is given its command after `-c`."""
    program, arguments = (file.slice(argument) for argument in call.arguments[:2])
    return program in SHELL_NAMES and '"-c"' in arguments
