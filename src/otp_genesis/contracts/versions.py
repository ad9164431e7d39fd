"""Whether what is there is what is needed: engine and plugins, by version (PEP 440)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otp_genesis.deferred import deferred

if TYPE_CHECKING:
    from packaging import requirements as packages
    from packaging import version as versions
else:
    versions = deferred("packaging.version")


def satisfied(needed: packages.Requirement, version: str) -> bool:
    """Whether a version is one that is needed; an odd version fits only what asks for none."""
    try:
        return needed.specifier.contains(versions.Version(version), prereleases=True)
    except versions.InvalidVersion:
        return not needed.specifier
