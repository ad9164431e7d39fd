"""The environment of commands."""

from __future__ import annotations

from otp_genesis.model.environment import scrubbed_environment


def test_only_what_a_build_needs_is_kept() -> None:
    given = {
        "PATH": "/bin",
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "MIX_ENV": "dev",
        "ERL_AFLAGS": "-kernel",
        "ASDF_DIR": "/asdf",
        "TERM": "xterm",
        "AWS_REGION": "eu",
        "DATABASE_URL": "postgres://",
    }

    kept = ["PATH", "HOME", "LC_ALL", "MIX_ENV", "ERL_AFLAGS", "ASDF_DIR"]
    assert {name: given[name] for name in kept} | {"TERM": "dumb"} == scrubbed_environment(given)


def test_secrets_are_left_out_even_under_a_kept_prefix() -> None:
    given = {"MIX_API_KEY": "1", "HEX_API_KEY": "2", "ELIXIR_TOKEN": "3", "LC_Password": "4"}

    assert scrubbed_environment(given) == {"TERM": "dumb"}


def test_what_is_added_comes_through_whatever_its_name() -> None:
    added = {"HEX_API_KEY": "2", "TERM": "xterm"}

    assert added == scrubbed_environment({"OTHER": "1"}, added=added)
