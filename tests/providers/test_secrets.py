"""Keys: where they come from, what is refused, and that they are taken out of texts."""

from __future__ import annotations

from pathlib import Path

import keyring
import pytest
from conftest import Bench
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from otp_genesis.errors import UsageError
from otp_genesis.providers.secrets import Secrets
from otp_genesis.runtime import Runtime
from otp_genesis.settings import load_settings

KEY = "sk-0123456789abcdef"


def test_a_key_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    """A reference says where; where nothing is, there is no key."""
    (tmp_path / "key").write_text(f"{KEY}\n")
    secrets = Secrets({"A_KEY": KEY, "EMPTY": ""})

    found = [
        secrets.read(reference)
        for reference in ("env:A_KEY", f"file:{tmp_path}/key", "env:EMPTY", "env:NONE")
    ]

    assert [None if one is None else one.get_secret_value() for one in found] == [
        KEY,
        KEY,
        None,
        None,
    ]
    assert KEY not in repr(found)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(UsageError, match=r"cannot read the key from .*nothing: No such file"):
        Secrets({}).read(f"file:{tmp_path}/nothing")


def test_a_key_in_the_settings_is_refused_and_not_repeated(bench: Bench) -> None:
    """Whoever writes the key itself is told what to write, without the key."""
    (bench.folder / "genesis.toml").write_text(f'[providers.openai]\napi_key = "{KEY}"\n')

    with pytest.raises(UsageError) as failure:
        Runtime.in_memory(
            discover=False, settings=load_settings(bench.folder, bench.runtime.settings.environ)
        )

    assert "must say where the key is: env:NAME, file:PATH or keyring:SERVICE/USER" in str(
        failure.value
    )
    assert KEY not in str(failure.value)


@given(st.text(), st.text())
def test_a_known_key_is_taken_out(before: str, after: str) -> None:
    """Wherever it stands in a text, and however deep in data."""
    secrets = Secrets({"A_KEY": KEY})
    secrets.read("env:A_KEY")

    text = secrets.redact(before + KEY + after)
    data = secrets.redacted({"a": [before + KEY, {KEY: 1}], "n": 1})

    assert text == f"{before}[env:A_KEY]{after}".replace(KEY, "[env:A_KEY]")
    assert data == {"a": [f"{before}[env:A_KEY]", {"[env:A_KEY]": 1}], "n": 1}


def test_what_is_short_stays() -> None:
    """A value like `test` is no secret worth the words that would be lost."""
    secrets = Secrets({"A_KEY": "test"})
    secrets.read("env:A_KEY")

    assert secrets.redact("a test") == "a test"
    assert not secrets.any


class _Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1.0

    def get_password(self, service: str, username: str) -> str | None:
        """Return what it holds."""
        if service == "locked":
            raise KeyringLocked("it is locked")
        return KEY if (service, username) == ("vendor", "me") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Hold nothing more."""


def test_a_key_comes_from_a_keyring() -> None:
    """By service and user; a ring that is locked is told as that."""
    before = keyring.get_keyring()
    keyring.set_keyring(_Ring())  # type: ignore[no-untyped-call]
    try:
        found = Secrets({}).read("keyring:vendor/me")
        nobody = Secrets({}).read("keyring:vendor/you")
        with pytest.raises(UsageError, match="cannot read the keyring entry 'locked/me': it is"):
            Secrets({}).read("keyring:locked/me")
    finally:
        keyring.set_keyring(before)

    assert found is not None
    assert (found.get_secret_value(), nobody) == (KEY, None)
