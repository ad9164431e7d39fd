"""Where code of an ExUnit file runs, and whether a line still fits."""

import pytest

from otp_genesis.model.change import Edit
from otp_genesis.otp.in_tests import calls_in_tests, fits, is_test_file
from otp_genesis.otp.project import Project, SourceFile

CASE = """\
defmodule MyApp.CaseTest do
  use ExUnit.Case

  setup do
    Process.sleep(1)
    on_exit(fn -> Process.sleep(2) end)
  end

  describe "a" do
    test "b" do
      Process.sleep(3)
      Enum.each([1], fn _ -> Process.sleep(4) end)
      if true, do: Process.sleep(5)
    end
  end

  def helper, do: Process.sleep(6)

  defmodule Inner do
    def run, do: Process.sleep(7)
  end

  Process.sleep(8)
end
"""


def file_of(path: str, text: str) -> SourceFile:
    return Project.of({path: text}).files[path]


def slept(file: SourceFile, *, through: bool) -> list[str]:
    found = calls_in_tests(file, "Process.sleep/1", through=through)
    return [file.slice(call.arguments[0]) for call, _ in found]


def test_calls_of_the_test_process() -> None:
    """A test and a setup run what stands in them, but for function literals."""
    assert ["1", "3", "5"] == slept(file_of("test/case_test.exs", CASE), through=False)


def test_calls_through_function_literals() -> None:
    """Function literals count where they are asked for, those of `on_exit` never."""
    assert ["1", "3", "4", "5"] == slept(file_of("test/case_test.exs", CASE), through=True)


@pytest.mark.parametrize("path", ["lib/case.ex", "test/support/case.ex", "test/test_helper.exs"])
def test_other_files_hold_no_tests(path: str) -> None:
    """Only `_test.exs` files hold tests."""
    file = file_of(path, CASE)

    assert not is_test_file(file)
    assert [] == slept(file, through=True)


@pytest.mark.parametrize(
    ("length", "expected"), [(10, True), (98, True), (99, False), (200, False)]
)
def test_fits(length: int, expected: bool) -> None:
    """A line may be as long as `mix format` leaves it."""
    file = file_of("test/a_test.exs", "  a = 1\n")

    assert expected == fits(file, Edit(start=6, end=7, text="x" * (length - 6)))


def test_an_edit_of_lines_does_not_fit() -> None:
    """What was broken into lines is not judged."""
    file = file_of("test/a_test.exs", "f(\n  1\n)\n")

    assert not fits(file, Edit(start=0, end=8, text="g()"))
