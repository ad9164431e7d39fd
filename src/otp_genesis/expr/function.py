"""Functions that expressions may call: data in, data out, and no way to reach the function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from otp_genesis.deferred import deferred

if TYPE_CHECKING:
    from jinja2 import exceptions

    from otp_genesis.expr import environment as sandbox
else:
    exceptions = deferred("jinja2.exceptions")
    sandbox = deferred("otp_genesis.expr.environment")


class Function:
    """A plugin's function as an expression sees it.

    It should give the same for the same data: conditions and templates are filled again when a run
    is resumed.
    """

    __slots__ = ("_call", "name", "origin")

    def __init__(self, name: str, call: Callable[..., Any], origin: str = "code"):
        self.name, self._call, self.origin = name, call, origin

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it with plain data; raise `SecurityError` where it fails or gives no data."""
        given = [sandbox.plain(argument) for argument in arguments]
        keywords = {key: sandbox.plain(argument) for key, argument in named.items()}
        try:
            return sandbox.plain(self._call(*given, **keywords))
        except exceptions.SecurityError as error:
            raise exceptions.SecurityError(f"{self.name}(): {error.message}") from None
        # It is a stranger's code; what it raises is told by its name.
        except Exception as error:
            raise exceptions.SecurityError(
                f"{self.name}(): {type(error).__name__}: {error}"
            ) from None
