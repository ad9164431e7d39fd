"""OTP058: every error is taken, and nobody is told."""

import re
from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.swallowing import arrows, is_narrow, swallowing
from otp_genesis.otp.syntax import code, span

ANY = re.compile(rb"^[ \t]*(?:_\w*|_\w*,\s*_\w*|:error,\s*_\w*)\s*->", re.MULTILINE)


def _module(body: str, head: str = "  def load(path) do\n") -> str:
    return f"defmodule MyApp.Load do\n{head}{body}  end\nend\n"


READ = "    rows = File.read!(path) |> parse()\n    Enum.sum(rows)\n"
BLIND = READ + "  rescue\n    _ -> 0.0\n"
TRY = "    try do\n      path |> read() |> parse()\n    catch\n      _, _ -> []\n    end\n"


class RescueAllSwallow(Rule):
    """A `rescue` or `catch` takes every error and returns a value that tells of none.

    ## Why is this bad?
    A misspelt key or a call of what does not exist is taken as well as the error that was
    expected: the code goes on with a wrong value, and no log says why. The Elixir guide lists it
    under design anti-patterns as "Using exceptions for control-flow"
    (https://hexdocs.pm/elixir/design-anti-patterns.html#using-exceptions-for-control-flow).

    ## Use instead
    A function that returns `{:error, reason}`, `rescue` of the one exception that is expected, or
    no `rescue` at all: the supervisor starts the process again in a known state.

    ## Fix safety
    None: which error is expected has to be decided. A value that tells of a failure, a clause that
    a comment explains, and functions that clean up, emit telemetry or say `safe` are not reported;
    where only one expression is tried the finding is for information.
    """

    code = "OTP058"
    name = "rescue-all-swallow"
    stage = 1
    severity = "low"
    safety = "model"
    effort = "minutes"
    risk = "Errors that were hidden come to light, and end the process that makes them."
    reach = "file"
    kinds = PRODUCTION
    examples = (
        Bad(_module(BLIND)),
        Bad(_module(TRY)),
        Bad(_module(READ + "  rescue\n    ArgumentError -> :bad\n    _error -> nil\n")),
        Bad(_module(READ + "  catch\n    :error, _reason ->\n      {:ok, []}\n")),
        Bad(_module("    File.read!(path)\n  rescue\n    _ -> path\n")),
        Good(_module(READ + "  rescue\n    File.Error -> 0.0\n")),
        Good(_module(READ + "  rescue\n    _ -> {:error, :unreadable}\n")),
        Good(_module(READ + "  rescue\n    _ -> :unknown\n")),
        Good(_module(READ + "  rescue\n    error -> Logger.error(inspect(error))\n")),
        Good(_module(READ + "  rescue\n    _ ->\n      warn(path)\n      nil\n")),
        Good(_module(READ + "  rescue\n    # the file may be gone\n    _ -> nil\n")),
        Good(_module(READ + "  rescue\n    _ ->\n      # the file may be gone\n      nil\n")),
        Good(_module(READ + "  catch\n    :throw, _ -> nil\n")),
        Good(_module(BLIND, "  def safe_load(path) do\n")),
        Good(_module(BLIND, "  def emit_telemetry(path) do\n")),
        Good(_module(READ + "  rescue\n    _ -> false\n", "  def whole?(path) do\n")),
        Good(_module("    case path do\n      _ -> 0.0\n    end\n")),
        Good(_module('    """\n    rescue\n    _ -> 0.0\n    end\n    """\n')),
        Good(_module("    # rescue\n    #   _ -> 0.0\n    path\n")),
        Good(
            _module(
                "    quote do\n      try do\n        go()\n      rescue\n        _ -> 0\n"
                "      end\n    end\n",
                "  defmacro load(path) do\n",
            )
        ),
        Good(_module(BLIND), path="test/support/load.ex"),
        Good(_module(BLIND).replace("MyApp.Load", "Mix.Tasks.Load")),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the pattern that takes everything."""
        places = [*arrows(file, b"rescue", ANY), *arrows(file, b"catch", ANY)]
        for found in swallowing(file, places):
            left = found.clause.child_by_field_name("left")
            yield self.at(
                file,
                span(left if left is not None else found.clause),
                f"whatever is raised here, a bug of {found.function.label} too, becomes"
                f" {' '.join(found.value.split())}, and nobody is told",
                module=found.function.module,
                function=found.function.label,
                severity="info" if is_narrow(found) else None,
                evidence=[
                    Evidence(
                        file=file.path,
                        line=node.start_point[0] + 1,
                        note=f"this is tried: {code(node).splitlines()[0]}",
                    )
                    for node in found.tried[:1]
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the expected error has to be named."""
        return Declined(
            "name the exception that is expected here, or return {:error, reason}; let others pass"
        )
