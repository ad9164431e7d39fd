"""Everything that OTP-Genesis raises. `exit_code` is what the command line ends with.

* GenesisError                 1
  x InvalidDocument            2  a pipeline document that cannot run; carries every diagnostic
  x UsageError                 2  a wrong argument or setting
    + NotAProject                 no mix project at that path
  x ExpressionError            2  a template or condition that is wrong, or too expensive
  x RegistryError              2
    + UnknownName                 carries what was asked for and the nearest names
    + DuplicateName
    + InvalidEntry                what was to be registered is no such thing
  x PluginError                2  carries the plugin's name
  x NoProvider                 3  carries what each known provider lacks
  x EnvironmentLacks           4  a tool, a permission or room is missing
    + MissingTool                 carries the tool and how to install it
    + ProjectBusy                 another run holds the project
    + StoreUnavailable            the journal cannot be written or read
  x ProviderError              1  a provider could not answer; carries `retryable`, `retry_after_s`
    + RateLimited                 it was asked too often: everybody waits before asking it again
    + Overloaded                  it has too much to do for everybody
    + NoAnswerInTime
    + BrokenStream                the answer broke off
    + ContextTooLong              the request is longer than the model can read
    + ContentFiltered             the vendor refused the request, or the answer, for what it says
    + BadCredentials              the key is missing, wrong, or not good for this
  x BudgetReached              1  no more may be spent; carries the question, where a run waits
  x CodebaseError              1
    + OutsideJail                 a path that leaves the project
    + StaleChange                 the file is not what the change was made for
    + GitFailed                   carries the command and what git said
  x HistoryMismatch            1  a resumed run no longer fits its pipeline
  x InternalError              1  a flaw of this program
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from otp_genesis.model.diagnostic import Diagnostic


MOST_SHOWN = 30
NOT_ASKED = "was asked for"
"""Ends the reason of a provider that another was preferred to by name."""
MOST_IN_A_LINE = 2
"""More providers than these are told a line each."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that `name` was most likely meant to be, if any is close."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the tail of a message about an unknown `name`: the nearest one, or what there is."""
    names = sorted(known)
    if near := nearest(name, names):
        return f"; did you mean {near!r}?"
    if len(names) > MOST_SHOWN:
        return f"; known: {', '.join(names[:MOST_SHOWN])} and {len(names) - MOST_SHOWN} more"
    return f"; known: {', '.join(names)}" if names else ""


class GenesisError(Exception):
    """Base of every error whose message is meant for the user."""

    exit_code: ClassVar[int] = 1
    run_id: str | None = None
    """The run that this ended, where one had begun and can be taken up again."""


class InvalidDocument(GenesisError):
    """A pipeline document that cannot run."""

    exit_code = 2

    def __init__(self, diagnostics: Sequence[Diagnostic]):
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class UsageError(GenesisError):
    """An argument or setting that makes no sense."""

    exit_code = 2


class NotAProject(UsageError):
    """There is no mix project where one was named."""

    def __init__(self, path: str, why: str):
        self.path = path
        super().__init__(f"{path}: {why}; name the folder that holds the project's mix.exs")


class ExpressionError(GenesisError):
    """A template or condition that cannot be read, refers to nothing, or costs too much."""

    exit_code = 2

    def __init__(self, source: str, message: str, *, line: int = 0):
        self.source, self.reason = source, message
        self.line = line
        """The line of `source` that is wrong, from 0."""
        super().__init__(f"{message} (in {_shortened(source)!r})")


class RegistryError(GenesisError):
    """A registry was asked for, or given, something it cannot hold."""

    exit_code = 2


class UnknownName(RegistryError):
    """No entry of that name."""

    def __init__(self, kind: str, name: str, known: Iterable[str]):
        self.kind, self.name, self.known = kind, name, tuple(known)
        super().__init__(f"no {kind} named {name!r}{did_you_mean(name, self.known)}")


class DuplicateName(RegistryError):
    """The name is taken and replacing was not asked for."""

    def __init__(self, kind: str, name: str, origin: str | None = None):
        self.kind, self.name, self.origin = kind, name, origin
        by = f" ({origin})" if origin else ""
        super().__init__(
            f"{kind} {name!r} is already registered{by}; pass replace=True to replace it"
        )


class InvalidEntry(RegistryError):
    """What was to be registered does not keep the contract of its kind."""


class PluginError(GenesisError):
    """A plugin could not be loaded or did what a plugin may not."""

    exit_code = 2

    def __init__(self, plugin: str, message: str):
        self.plugin, self.reason = plugin, message
        super().__init__(f"plugin {plugin!r}: {message}")


class NoProvider(GenesisError):
    """No registered provider can serve what is asked."""

    exit_code = 3

    def __init__(self, needs: Iterable[str], lacking: Mapping[str, str]):
        self.needs, self.lacking = frozenset(needs), dict(lacking)
        # Where one was asked for by name, that the others are not it is no news.
        named = {name: why for name, why in lacking.items() if not why.endswith(NOT_ASKED)}
        told = [f"{name}: {why}" for name, why in sorted((named or lacking).items())]
        known = f" ({'; '.join(told) or 'no provider is registered'})"
        if len(told) > MOST_IN_A_LINE:
            known = ":" + "".join(f"\n  {one}" for one in told)
        super().__init__(f"no provider offers {', '.join(sorted(self.needs))}{known}")


class EnvironmentLacks(GenesisError):
    """Something outside the program is missing: a tool, a permission, room on the disk."""

    exit_code = 4


class MissingTool(EnvironmentLacks):
    """A program that the work needs is not installed."""

    def __init__(self, tool: str, install: str):
        self.tool = tool
        super().__init__(f"{tool} is not installed; {install}")


class ProjectBusy(EnvironmentLacks):
    """Another run is at work on the same project."""

    def __init__(self, project: str, holder: str):
        self.project, self.holder = project, holder
        super().__init__(f"{project} is being worked on by {holder}; wait for it, or cancel it")


class StoreUnavailable(EnvironmentLacks):
    """The journal cannot be opened, read or written."""

    def __init__(self, path: str, why: str):
        self.path = path
        super().__init__(f"cannot use the run store {path}: {why}")


class ProviderError(GenesisError):
    """A provider could not answer."""

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        retry_after_s: float | None = None,
        output: Any = None,
    ):
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        """Asking again makes no sense before, where that is known."""
        self.output = output
        """What there is to see of it: a model's raw text."""
        self.usage: Any = None
        """What it used all the same, a `Usage`, where that is known."""
        self.requests = 1
        """How many requests to the vendor were made."""
        self.provider: str | None = None
        """Who it was, where nobody else was asked."""
        super().__init__(message)


class RateLimited(ProviderError):
    """The provider was asked more often than it allows."""

    def __init__(self, message: str, *, retry_after_s: float | None = None):
        super().__init__(message, retryable=True, retry_after_s=retry_after_s)


class Overloaded(ProviderError):
    """The provider has too much to do, or is out of order; it will pass."""

    def __init__(self, message: str, *, retry_after_s: float | None = None):
        super().__init__(message, retryable=True, retry_after_s=retry_after_s)


class NoAnswerInTime(ProviderError):
    """The provider did not answer within its limit."""

    def __init__(self, message: str):
        super().__init__(message, retryable=True)


class BrokenStream(ProviderError):
    """The connection ended before the answer did; `output` is what had come by then."""

    def __init__(self, message: str, *, output: Any = None):
        super().__init__(message, retryable=True, output=output)


class ContextTooLong(ProviderError):
    """The request is longer than the model can read."""

    def __init__(self, message: str):
        super().__init__(message, retryable=False)


class ContentFiltered(ProviderError):
    """The vendor refused the request, or the model the answer, for what it says."""

    def __init__(self, message: str, *, output: Any = None):
        super().__init__(message, retryable=False, output=output)


class BadCredentials(ProviderError):
    """The vendor did not accept the key; it is the provider that is at fault, not the request."""

    def __init__(self, message: str):
        super().__init__(message, retryable=False)


class BudgetReached(GenesisError):
    """No more may be spent on models."""

    def __init__(self, message: str, *, question: str | None = None):
        self.question = question
        """What a person is asked, where the run is to wait for one."""
        self.usage: Any = None
        """What was used in the middle of which it was reached, a `Usage`."""
        self.requests = 0
        """How many requests to the vendor were made by then."""
        super().__init__(message)


class CodebaseError(GenesisError):
    """A file operation on the project that could not be done."""


class OutsideJail(CodebaseError):
    """A path that leaves the project, or points into `.git`."""

    def __init__(self, path: str, why: str):
        self.path = path
        super().__init__(f"{path!r} is outside the project: {why}")


class StaleChange(CodebaseError):
    """The file is no longer the one that the change was made for."""

    def __init__(self, path: str, why: str):
        self.path = path
        super().__init__(f"{path}: {why}")


class GitFailed(CodebaseError):
    """A git command did not succeed."""

    def __init__(self, command: Sequence[str], said: str):
        self.command, self.said = tuple(command), said
        super().__init__(f"git {' '.join(command)}: {said.strip() or 'failed without a word'}")


class HistoryMismatch(GenesisError):
    """The journal names another step at this place than the pipeline does."""

    def __init__(self, path: str, journalled: str, now: str):
        self.path = path
        super().__init__(
            f"cannot resume: {path} was a {journalled!r} step and is a {now!r} step now;"
            " run the pipeline as it was, or start a new run"
        )


class InternalError(GenesisError):
    """A flaw of this program, told in one line."""

    def __init__(self, what: str):
        super().__init__(f"this is a flaw of genesis: {what} (GENESIS_DEBUG=1 shows where)")


def _shortened(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
