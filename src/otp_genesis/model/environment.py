"""The environment that commands see: what a build needs, and nothing that is secret."""

from __future__ import annotations

from collections.abc import Mapping

_KEPT = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "TZ"})
_KEPT_PREFIXES = ("LC_", "MIX_", "HEX_HOME", "ERL_", "ELIXIR_", "ASDF_")
_SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")


def scrubbed_environment(
    environment: Mapping[str, str], *, added: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return what of `environment` a command may see, and `added` whatever its names are.

    `MIX_ENV` stays as it is given: which environment a task runs in is the task's choice.
    """
    kept = {name: value for name, value in environment.items() if _harmless(name)}
    return {**kept, "TERM": "dumb", **(added or {})}


def _harmless(name: str) -> bool:
    if any(word in name.upper() for word in _SECRET):
        return False
    return name in _KEPT or name.startswith(_KEPT_PREFIXES)
