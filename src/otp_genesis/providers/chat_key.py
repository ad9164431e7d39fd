"""The key of a provider: where it is, what to say where it is not there."""

from __future__ import annotations

import asyncio

from otp_genesis.contracts.provider import Health
from otp_genesis.errors import BadCredentials, UsageError
from otp_genesis.providers.secrets import Secrets


class Key:
    """The first key that is found at one of several places."""

    def __init__(self, provider: str, references: tuple[str, ...], secrets: Secrets):
        self._provider, self._references, self._secrets = provider, references, secrets
        self._read: str | None = None
        """What was read from a file or a keyring, which takes a while."""

    async def value(self) -> str | None:
        """Return the key, if there is one; raise `UsageError` where its place cannot be read."""
        for reference in self._references:
            if reference.startswith("env:"):
                found = self._secrets.read(reference)
            elif self._read is not None:
                return self._read
            else:
                found = await asyncio.to_thread(self._secrets.read, reference)
            if found is not None:
                value = found.get_secret_value()
                self._read = None if reference.startswith("env:") else value
                return value
        return None

    async def required(self) -> str:
        """Return the key; raise `BadCredentials`."""
        try:
            value = await self.value()
        except UsageError as error:
            raise BadCredentials(str(error)) from None
        if value is None:
            health = self._lacking()
            raise BadCredentials(f"{health.reason}: {health.remedy}")
        return value

    def forget(self) -> None:
        """Read it anew the next time: it was refused, and may have been replaced meanwhile."""
        self._read = None

    async def check(self) -> Health:
        """Say whether there is one."""
        try:
            value = await self.value()
        except UsageError as error:
            return Health(False, str(error), self._lacking().remedy)
        return self._lacking() if value is None else Health(True)

    def _lacking(self) -> Health:
        names = [one.removeprefix("env:") for one in self._references if one.startswith("env:")]
        remedy = f"say where it is in genesis.toml: [providers.{self._provider}] api_key = …"
        if names:
            remedy = f"set {' or '.join(names)}, or {remedy}"
        return Health(False, f"there is no key at {' or '.join(self._references)}", remedy)
