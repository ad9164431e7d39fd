"""Keys: read from where a reference points, known by value only to be taken out of texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, SecretStr

from otp_genesis.deferred import deferred
from otp_genesis.errors import UsageError

if TYPE_CHECKING:
    import keyring
else:
    keyring = deferred("keyring")

_REFERENCE = re.compile(r"(env|file|keyring):(.+)")
SHORTEST = 8
"""Values shorter than this are not taken out of texts: they would be found in innocent words."""


def _reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        # The text may be the key itself: it is not repeated.
        message = "must say where the key is: env:NAME, file:PATH or keyring:SERVICE/USER"
        raise ValueError(message)
    return text


SecretReference = Annotated[str, AfterValidator(_reference)]
"""`env:NAME`, `file:PATH` or `keyring:SERVICE/USER`; never a key itself."""


class Secrets:
    """Reads keys, remembers each that was read, and takes them out of whatever is to be told."""

    def __init__(self, environ: Mapping[str, str]):
        self.environ = environ
        self._known: dict[str, str] = {}

    @property
    def any(self) -> bool:
        """Whether there is anything to take out of texts."""
        return bool(self._known)

    def read(self, reference: str) -> SecretStr | None:
        """Return the key that a reference points to; nothing where there is none.

        Raises `UsageError` where the file cannot be read or the keyring is not there.
        """
        kind, _, place = reference.partition(":")
        match kind:
            case "env":
                value = self.environ.get(place)
            case "file":
                value = _of_file(place)
            case _:
                value = _of_keyring(place)
        if not value:
            return None
        self.know(value, reference)
        return SecretStr(value)

    def know(self, value: str, reference: str) -> None:
        """Take this value out of texts from now on; `reference` is what stands in its place."""
        if len(value) >= SHORTEST:
            self._known[value] = f"[{reference}]"

    def redact(self, text: str) -> str:
        """Return the text with a reference in the place of each known key."""
        for value, reference in self._known.items():
            if value in text:
                text = text.replace(value, reference)
        return text

    def redacted(self, data: Any) -> Any:
        """Return JSON data with every text in it redacted, keys of mappings too."""
        if not self._known:
            return data
        match data:
            case str():
                return self.redact(data)
            case Mapping():
                return {self.redacted(key): self.redacted(value) for key, value in data.items()}
            case list() | tuple():
                return [self.redacted(one) for one in data]
        return data


def _of_file(place: str) -> str:
    try:
        return Path(place).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"cannot read the key from {place}: {why}") from None


def _of_keyring(place: str) -> str | None:
    service, _, user = place.rpartition("/")
    try:
        return keyring.get_password(service, user)
    except ModuleNotFoundError:
        message = "a key in a keyring needs the package keyring: pip install keyring"
        raise UsageError(message) from None
    # Backends raise what they like: no service, no session, locked.
    except Exception as error:
        raise UsageError(f"cannot read the keyring entry {place!r}: {error}") from None
