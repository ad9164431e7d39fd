"""What a file is for, by its path alone."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from otp_genesis.languages.names import language_of

_TEST_FOLDERS = frozenset({"test", "tests", "__tests__", "spec"})
_SCRIPT = r"\.(?:js|jsx|mjs|cjs|ts|tsx|mts|cts)"
_TESTS = {
    "elixir": re.compile(r"(?:^|.*/)(?:[^/]+_test|test_[^/]+)\.exs"),
    "python": re.compile(
        r"(?:^|.*/)(?:test_[^/]+|[^/]+_test|conftest)\.pyi?|(?:.*/)?tests?/.*\.pyi?"
    ),
    "go": re.compile(r".*_test\.go"),
    "rust": re.compile(r"(?:.*/)?tests/.*\.rs|.*_tests?\.rs|(?:.*/)?tests\.rs"),
}
_SCRIPT_TEST = re.compile(
    rf".*[.](?:test|spec|cy){_SCRIPT}|(?:.*/)?(?:test|tests|__tests__)/.*{_SCRIPT}"
)
_CONFIG = re.compile(
    r"mix\.exs|mix\.lock|\.formatter\.exs|\.credo\.exs|package\.json|package-lock\.json"
    rf"|[^/]*\.config{_SCRIPT}|[tj]sconfig[^/]*\.json|\.env[^/]*|\.eslintrc[^/]*|\.prettierrc[^/]*"
    r"|requirements[^/]*\.txt|setup\.py|setup\.cfg|pyproject\.toml|[^/]*\.ini|Pipfile"
    r"|Cargo\.toml|Cargo\.lock|go\.mod|go\.sum|rustfmt\.toml|clippy\.toml"
)
_CONFIG_FOLDER = re.compile(r"(?:.*/)?config/(?:[^/]+/)*[^/]+\.exs")
_MAIN = re.compile(
    r"(?:apps/[^/]+/)?lib/.*\.ex|mix\.exs"
    rf"|(?:.*/)?src/.*{_SCRIPT}|index{_SCRIPT}|package\.json"
    r"|.*\.pyw?|(?:.*/)?src/.*\.rs|Cargo\.toml|.*\.go|go\.mod"
)
_ENTRY = re.compile(
    r"application\.ex|router\.ex|[^/]+_web\.ex|main\.[^/.]+|__main__\.py|manage\.py|app\.py"
    rf"|wsgi\.py|asgi\.py|index{_SCRIPT}|(?:app|server){_SCRIPT}|lib\.rs"
)


def is_test(path: str) -> bool:
    """Whether a file holds tests."""
    language = language_of(path)
    if language in ("javascript", "typescript"):
        return _SCRIPT_TEST.fullmatch(path) is not None
    pattern = _TESTS.get(language or "")
    return pattern is not None and pattern.fullmatch(path) is not None


def of_tests(path: str) -> bool:
    """Whether a file holds tests, or is among them."""
    return is_test(path) or not _TEST_FOLDERS.isdisjoint(PurePosixPath(path).parts[:-1])


def is_config(path: str) -> bool:
    """Whether a file configures the project or its tools."""
    name = path.rpartition("/")[2]
    return bool(_CONFIG.fullmatch(name) or _CONFIG_FOLDER.fullmatch(path))


def is_source(path: str) -> bool:
    """Whether a file is in one of the languages; tests are too."""
    return language_of(path) is not None


def is_module(path: str) -> bool:
    """Whether a file is in one of the languages, and neither tests nor configuration."""
    return is_source(path) and not of_tests(path) and not is_config(path)


def is_main(path: str) -> bool:
    """Whether a file belongs to what the project is for, tests left out."""
    return _MAIN.fullmatch(path) is not None and not is_test(path)


def is_entry_point(path: str) -> bool:
    """Whether a program begins in a file, by its name."""
    return _ENTRY.fullmatch(path.rpartition("/")[2]) is not None and not of_tests(path)


ROLES = {
    "main": is_main,
    "test": is_test,
    "config": is_config,
    "source": is_source,
    "module": is_module,
    "entry_point": is_entry_point,
}
