"""A document migrated by what the bench's runtime has registered."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest
from conftest import Bench

from otp_genesis.cli.migrate import rules_of
from otp_genesis.compatibility.migration import Migration, migrate

Migrate = Callable[..., Migration]


@pytest.fixture
def migrated(bench: Bench) -> Migrate:
    """Migrate a text; insist that nothing is left to decide unless `open` is said."""

    def run(text: str, *, open: bool = False, exact: bool = False) -> Migration:
        text = text if exact else textwrap.dedent(text).lstrip("\n")
        done = migrate(text, str(bench.folder / "d.yaml"), rules_of(bench.runtime))
        if not open:
            assert ((), ()) == (done.errors, done.undecided)
            again = migrate(done.after, str(bench.folder / "d.yaml"), rules_of(bench.runtime))
            assert (done.after, ()) == (again.after, again.changes)
        return done

    return run
