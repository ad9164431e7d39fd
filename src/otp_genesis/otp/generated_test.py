"""ExUnit files that prove a repair."""

from __future__ import annotations

import re
from collections.abc import Iterable

from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Declined, GeneratedTest


def snake(name: str) -> str:
    """Return a module's name as a file's: `MyApp.HTTPServer` gives `my_app_http_server`."""
    words = re.sub(r"([a-z\d])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3_\2\4", name.replace(".", "_"))
    return re.sub(r"_+", "_", words).lower()


def proven(
    project: Project, path: str, module: str, lines: Iterable[str], proves: str
) -> GeneratedTest | Declined:
    """Return the test file, unless the project has it already."""
    body = "\n".join(lines)
    text = f"defmodule {module} do\n  use ExUnit.Case, async: false\n\n{body}\nend\n"
    known = project.files.get(path)
    if known is not None and known.text.decode() == text:
        return Declined(f"{path} already proves it")
    return GeneratedTest(path=path, code=text, proves=proves)
