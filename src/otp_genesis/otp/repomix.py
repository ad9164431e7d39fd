"""A repomix file (a whole repository packed into one text) as files again."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from otp_genesis.errors import UsageError

_XML = re.compile(r'^<file path="([^"\n]+)">\n(.*?)\n?^</file>', re.DOTALL | re.MULTILINE)
_MARKDOWN = re.compile(
    r"^## File: ([^\n]+)\n(`{3,})[^\n]*\n(.*?)\n?^\2\s*$", re.DOTALL | re.MULTILINE
)


def unpacked(text: str, name: str) -> dict[str, str]:
    """Return the files in a repomix output (its XML or markdown style) by path.

    Raises `UsageError` where there are none, or a path leaves the project.
    """
    found = {path: body for path, body in _XML.findall(text)}
    if not found:
        found = {path.strip(): body for path, _, body in _MARKDOWN.findall(text)}
    if not found:
        raise UsageError(f"{name} is neither a project folder nor a repomix file")
    for path in found:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts:
            raise UsageError(f"{name}: the path {path!r} leaves the project")
    return {path: body if body.endswith("\n") else f"{body}\n" for path, body in found.items()}
