"""Settings: what overrides what, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Genesis, Write

from otp_genesis.errors import UsageError
from otp_genesis.settings import RunDefaults, Settings, load_settings


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"GENESIS_HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "config")}


def user_file(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "config" / "genesis"
    folder.mkdir(parents=True)
    (folder / "genesis.toml").write_text(text)


def test_defaults(folder: Path, environ: dict[str, str]) -> None:
    """Without any file everything has a default."""
    settings = load_settings(folder, environ)

    assert (settings.workspace, settings.output, settings.provider) == (
        "./workspace", "./outputs", None,
    )  # fmt: skip
    assert settings.source is None


def test_what_overrides_what(folder: Path, environ: dict[str, str], write: Write) -> None:
    """Environment over the project's file over the user's, key by key."""
    user_file(folder.parent, "[run]\nworkspace = 'user'\noutput = 'user'\nprovider = 'user'\n")
    write("genesis.toml", "[run]\nworkspace = 'project'\noutput = 'project'\n")
    settings = load_settings(folder, {**environ, "PIPELINE_WORKSPACE_DIR": "environment"})

    assert settings.workspace == "environment"
    assert settings.output == "project"
    assert settings.provider == "user"
    assert settings.source == folder / "genesis.toml"
    others = {"PIPELINE_OUTPUT_DIR": "o", "GENESIS_PROVIDER": "p"}
    settings = load_settings(folder, {**environ, **others})
    assert (settings.output, settings.provider) == ("o", "p")


@pytest.mark.parametrize(
    ("variables", "home"),
    [
        ({"GENESIS_HOME": "/a/b"}, "/a/b"),
        ({"XDG_STATE_HOME": "/state"}, "/state/genesis"),
        ({}, "~/.local/state/genesis"),
    ],
)
def test_home(folder: Path, variables: dict[str, str], home: str) -> None:
    """Where runs are kept."""
    assert load_settings(folder, variables).home == Path(home).expanduser()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[rum]\n", "unknown section [rum]; did you mean 'run'?"),
        ("run = 1\n", "'run' must be a section: [run]"),
        ("[run\n", "genesis.toml: "),
        ("\x00", "genesis.toml: "),
    ],
)
def test_a_file_that_is_wrong(
    folder: Path, environ: dict[str, str], write: Write, text: str, said: str
) -> None:
    """It is told with the file's name."""
    path = write("genesis.toml", text)

    with pytest.raises(UsageError) as caught:
        load_settings(folder, environ)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[run]\nworkspce = 'x'\n", "[run] workspce: Extra inputs are not permitted; did you mean"),
        ("[run]\nworkspace = 3\n", "[run] workspace: Input should be a valid string"),
    ],
)
def test_a_key_that_is_wrong(
    folder: Path, environ: dict[str, str], write: Write, text: str, said: str
) -> None:
    """The section's reader tells of it, with the file, the section and the key."""
    path = write("genesis.toml", text)
    settings = load_settings(folder, environ)

    with pytest.raises(UsageError) as caught:
        settings.section("run", RunDefaults)
    assert str(caught.value).startswith(f"{path}: {said}")


def test_an_empty_section(tmp_path: Path) -> None:
    """What is not there has its defaults."""
    assert Settings(tmp_path).section("run", RunDefaults) == RunDefaults()


def test_the_command_tells_of_a_wrong_file(genesis: Genesis, write: Write) -> None:
    """One line on stderr, and 2."""
    write("genesis.toml", "[nonsense]\n")
    done = genesis("steps")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: genesis.toml: unknown section [nonsense]; known: ")


def test_flags_over_everything(genesis: Genesis, write: Write) -> None:
    """`--workspace` beats the environment, which beats the file."""
    write("genesis.toml", "[run]\nworkspace = 'file'\noutput = 'results'\n")
    write(
        "p.yaml",
        """
        workflow:
          steps:
            - {name: a, type: write_file, path: a.txt, content: x, output_to_file: a.json}
        """,
    )
    genesis("run", "p.yaml", "--workspace", "flag", PIPELINE_WORKSPACE_DIR="environment")
    genesis("run", "p.yaml", PIPELINE_WORKSPACE_DIR="environment")
    genesis("run", "p.yaml")

    written = sorted(path.relative_to(genesis.folder).parts for path in genesis.folder.rglob("a.*"))
    assert written == [
        ("environment", "a.txt"), ("file", "a.txt"), ("flag", "a.txt"), ("results", "a.json"),
    ]  # fmt: skip
