"""OTP059: every exit of a call is taken, and nobody is told."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.swallowing import swallowing
from otp_genesis.otp.syntax import code, span, target, walk

EXIT = re.compile(rb":exit, _\w*\s*->")
ENDING = re.compile(r"(^|\.)(stop|terminate_child|exit|delete_child|close|shutdown|disconnect)$")


def _module(body: str, head: str = "  def names(pid) do\n") -> str:
    return f"defmodule MyApp.Client do\n{head}{body}  end\nend\n"


CALL = "    GenServer.call(pid, :names)\n"
CAUGHT = CALL + "  catch\n    :exit, _ -> []\n"


class ExitAsControl(Rule):
    """`catch :exit, _` takes every exit of a call and returns a value that tells of none.

    ## Why is this bad?
    A server that is not there, one that crashed over this very request, and one that did not
    answer in time look alike, and like an empty answer. After a timeout the request may still be
    carried out (https://hexdocs.pm/elixir/GenServer.html#call/3).

    ## Use instead
    `:exit, {:noproc, _}` for the one case that is expected, and a value that tells of it, as
    `{:error, :not_running}`; let the others end the caller, or log them.

    ## Fix safety
    None: which exits the caller can go on from has to be decided. A value that tells of a failure,
    a clause that a comment explains, and calls that end a process are not reported.
    """

    code = "OTP059"
    name = "exit-as-control"
    stage = 4
    severity = "info"
    safety = "model"
    effort = "minutes"
    risk = "Exits that were hidden end the caller."
    reach = "file"
    kinds = PRODUCTION
    examples = (
        Bad(_module(CAUGHT)),
        Bad(_module(CALL + "  catch\n    :exit, {:noproc, _} -> nil\n    :exit, _reason -> nil\n")),
        Bad(
            _module(
                "    try do\n      MyApp.Server.names(pid)\n    catch\n"
                "      :exit, _ -> {:ok, []}\n    end\n"
            )
        ),
        Bad(_module("    pid |> GenServer.call(:names)\n  catch\n    :exit, _ ->\n      :ok\n")),
        Good(_module(CALL + "  catch\n    :exit, {:noproc, _} -> []\n")),
        Good(_module(CALL + "  catch\n    :exit, _ -> {:error, :down}\n")),
        Good(_module(CALL + "  catch\n    :exit, _ -> :unavailable\n")),
        Good(_module(CALL + "  catch\n    :exit, reason -> told(reason)\n")),
        Good(_module(CALL + "  catch\n    :exit, _ ->\n      warn(pid)\n      []\n")),
        Good(_module(CALL + "  catch\n    # no names while it restarts\n    :exit, _ -> []\n")),
        Good(_module("    GenServer.stop(pid)\n  catch\n    :exit, _ -> :ok\n")),
        Good(_module(CAUGHT, "  def terminate(_, pid) do\n")),
        Good(_module("    pid + 1\n  catch\n    :exit, _ -> 0\n")),
        Good(_module("    # catch\n    #   :exit, _ -> []\n" + CALL)),
        Good(_module('    """\n    catch\n    :exit, _ -> []\n    end\n    """\n')),
        Good(_module(CAUGHT), path="test/support/client.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the pattern that takes every exit of a call."""
        for found in swallowing(file, _arrows(file)):
            calls = [call for node in found.tried for call in _calls(node)]
            if not calls or any(ENDING.search(target(call)) for call in calls):
                continue
            left = found.clause.child_by_field_name("left")
            yield self.at(
                file,
                span(left if left is not None else found.clause),
                "a server that is not there, that crashed or that did not answer in time all become"
                f" {' '.join(found.value.split())}, and nobody is told",
                module=found.function.module,
                function=found.function.label,
                evidence=[
                    Evidence(
                        file=file.path,
                        line=call.start_point[0] + 1,
                        note=f"this may exit: {code(call).splitlines()[0]}",
                    )
                    for call in calls[:1]
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the expected exit has to be named."""
        return Declined(
            "name the exit that is expected here, as {:noproc, _}, and tell the caller of it"
        )


def _arrows(file: SourceFile) -> Iterator[int]:
    """Yield the arrow behind each `:exit, _` that begins a line."""
    place = file.text.find(b":exit, _") if file.kind == "lib" else -1
    while place >= 0:
        match = EXIT.match(file.text, place)
        if match is not None:
            yield match.end() - len(b"->")
        place = file.text.find(b":exit, _", place + 1)


def _calls(node: Node) -> Iterator[Node]:
    """Yield the calls below a node that are no field of a value."""
    for found in walk(node):
        if found.type == "call" and any(child.type == "arguments" for child in found.children):
            yield found
