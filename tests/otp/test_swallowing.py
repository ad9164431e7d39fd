"""Which clauses take everything and tell nobody."""

import pytest

from otp_genesis.otp.project import Project
from otp_genesis.otp.rules.otp058_rescue_all_swallow import ANY
from otp_genesis.otp.swallowing import arrows, is_narrow, swallowing


def found(body: str, name: str = "load") -> list[tuple[str, bool]]:
    text = f"defmodule M do\n  def {name}(x) do\n{body}  end\nend\n"
    file = Project.of({"lib/m.ex": text}).files["lib/m.ex"]
    places = [*arrows(file, b"rescue", ANY), *arrows(file, b"catch", ANY)]
    return [(one.value, is_narrow(one)) for one in swallowing(file, places)]


@pytest.mark.parametrize("value", ["nil", ":ok", "[]", "%{}", '""', "0", "x", "{:ok, nil}"])
def test_quiet_values(value: str) -> None:
    """These values tell nothing of a failure."""
    assert [(value, True)] == found(f"    go(x)\n  rescue\n    _ -> {value}\n")


@pytest.mark.parametrize(
    "value", [":error", "{:error, x}", ":down", '"failed"', "error", "go(x)", "__STACKTRACE__"]
)
def test_telling_values(value: str) -> None:
    """These values, and calls, may tell of it."""
    assert [] == found(f"    go(x)\n  rescue\n    _ -> {value}\n")


def test_blocks() -> None:
    """A `try` in a function and the function's own `rescue` are both seen, in any order."""
    body = (
        "    try do\n      if x do\n        go(x)\n      end\n    catch\n      _, _ -> 1\n    end\n"
        "  rescue\n    _e -> 2\n"
    )

    assert [("2", False), ("1", False)] == found(body)


def test_words_are_no_blocks() -> None:
    """Names that begin like the words, or stand elsewhere, begin no block."""
    assert [] == found("    rescued = fn\n      _ -> nil\n    end\n    rescued.(x)\n")


def test_a_case_below_is_no_rescue() -> None:
    """A wildcard of a `case` inside a `rescue` takes values and no errors."""
    body = "    go(x)\n  rescue\n    e ->\n      case e do\n        _ -> nil\n      end\n"

    assert [] == found(body)


@pytest.mark.parametrize("name", ["terminate", "safe_load", "maybe_cleanup", "emit_event"])
def test_functions_that_may_fail(name: str) -> None:
    """Some functions say by their name that they do what they can."""
    assert [] == found("    go(x)\n  rescue\n    _ -> nil\n", name)


def test_crlf() -> None:
    """Line ends of Windows are line ends."""
    text = "defmodule M do\n  def f(x) do\n    go(x)\n  rescue\n    _ -> nil\n  end\nend\n"
    text = text.replace("\n", "\r\n")
    file = Project.of({"lib/m.ex": text}).files["lib/m.ex"]

    assert 1 == len(list(swallowing(file, arrows(file, b"rescue", ANY))))
