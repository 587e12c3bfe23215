"""Which Pulumi CLI is found, without installing one."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pulumi_cli
from bare_machine import TOOLS, Machine
from pulumi_cli import Origin, Version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("v3.259.0\n", "3.259.0", id="as pulumi prints it"),
        pytest.param("3.219.10", "3.219.10", id="without the v"),
        pytest.param("v3.260.0-alpha.1+3f2a91c", "3.260.0-alpha.1", id="build metadata orders nothing"),
        pytest.param("v3.260.0+dirty", "3.260.0", id="a release with metadata"),
        pytest.param("", None, id="nothing"),
        pytest.param("warning: a new version\nv3.259.0", None, id="something else before it"),
        pytest.param("3.259", None, id="two numbers"),
    ],
)
def test_version_is_read(text: str, expected: str | None) -> None:
    version = Version.parse(text)
    assert expected == (str(version) if version else None)


def test_versions_are_ordered_by_number_and_a_pre_release_comes_first() -> None:
    texts = ["3.9.0", "3.219.0-alpha.1", "3.219.0", "3.219.1", "3.1000.0", "4.0.0-dev.0"]
    versions = [version for text in reversed(texts) if (version := Version.parse(text))]
    assert texts == [str(version) for version in sorted(versions)]


def test_oldest_cli_is_as_old_as_the_oldest_sdk() -> None:
    """pyproject.toml and the tool do not drift apart."""
    floor = re.search(r'"pulumi>=([\d.]+),', (TOOLS.parent / "pyproject.toml").read_text())
    assert floor is not None
    assert floor.group(1) == str(pulumi_cli.MINIMUM)


def installed(machine: Machine, name: str, version: str, made_by: str) -> Path:
    """Put a CLI where an earlier run would have installed it."""
    pulumi = machine.pulumi(f"v{version}", machine.tools / name / "bin")
    files = {file.name: file.stat().st_size for file in pulumi.parent.iterdir()}
    manifest = {"version": version, "made_by": made_by, "files": files}
    (machine.tools / name / pulumi_cli.MANIFEST).write_text(json.dumps(manifest))
    return pulumi


def official(machine: Machine, version: str = "3.272.0") -> Path:
    return installed(machine, f"cli-v{version}-official-{pulumi_cli._machine()}", version, "official")


def built(machine: Machine) -> Path:
    return installed(machine, pulumi_cli._built_name(), "3.259.0", "built")


def test_nothing_is_found_on_an_empty_machine_and_nothing_is_made(machine: Machine) -> None:
    assert pulumi_cli.find(machine.environment) is None
    assert not machine.tools.exists()


def test_cli_on_path_comes_before_an_installed_one(machine: Machine) -> None:
    official(machine)
    pulumi = machine.pulumi("v3.219.0")
    found = pulumi_cli.find(machine.environment)
    assert found == pulumi_cli.Found(pulumi, pulumi_cli.MINIMUM, Origin.PATH, Origin.PATH)
    assert found.bin_dir == machine.path


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        pytest.param("v3.218.9", "3.218.9; 3.219.0 or a later 3.x is needed", id="too old"),
        pytest.param("v3.219.0-alpha.1", "3.219.0-alpha.1; 3.219.0", id="before the oldest release"),
        pytest.param("v4.0.0", "4.0.0; 3.219.0 or a later 3.x is needed", id="another major version"),
        pytest.param("hello", "does not tell its version", id="not the Pulumi CLI"),
        pytest.param("; exit 1", "does not tell its version", id="broken"),
    ],
)
def test_unusable_cli_on_path_is_passed_over_with_its_reason(machine: Machine, version: str, reason: str) -> None:
    machine.pulumi(version)
    expected = official(machine)
    search = pulumi_cli.search(machine.environment)
    assert search.found is not None
    assert search.found.path == expected
    assert [reason in line for line in search.passed_over] == [True]


def test_cli_on_path_without_its_language_host_is_passed_over(machine: Machine) -> None:
    machine.pulumi("v3.259.0", language_host=False)
    search = pulumi_cli.search(machine.environment)
    assert search.found is None
    assert "comes without pulumi-language-python" in search.passed_over[0]


def test_language_host_may_lie_beside_the_program_that_a_link_on_path_leads_to(machine: Machine) -> None:
    """Package managers link `pulumi` alone into a common folder."""
    program = machine.pulumi("v3.259.0", machine.root / "opt" / "pulumi")
    (machine.path / "pulumi").symlink_to(program)
    found = pulumi_cli.find(machine.environment)
    assert found is not None
    assert found.path == machine.path / "pulumi"


def test_installed_official_cli_comes_before_a_built_one_and_the_newest_first(machine: Machine) -> None:
    built(machine)
    official(machine, "3.260.0")
    expected = official(machine, "3.272.0")
    found = pulumi_cli.find(machine.environment)
    assert found == pulumi_cli.Found(expected, Version(3, 272, 0), Origin.INSTALLED, Origin.OFFICIAL)


def test_installed_cli_that_is_on_path_is_known_as_installed(machine: Machine) -> None:
    """In a shell with `make env`, running it again says the same."""
    pulumi = built(machine)
    environment = machine.environment | {"PATH": f"{pulumi.parent}:{machine.path}"}
    found = pulumi_cli.find(environment)
    assert found == pulumi_cli.Found(pulumi, Version(3, 259, 0), Origin.INSTALLED, Origin.BUILT)


def test_cli_built_by_another_recipe_is_not_used(machine: Machine) -> None:
    name = f"cli-v3.258.0-built-{pulumi_cli._machine()}-000000000000"
    installed(machine, name, "3.258.0", "built")
    assert pulumi_cli.find(machine.environment) is None


@pytest.mark.parametrize("damage", ["missing file", "cut file", "no manifest", "torn manifest", "strange manifest"])
def test_damaged_cli_is_not_found(machine: Machine, damage: str) -> None:
    pulumi = built(machine)
    manifest = pulumi.parent.parent / pulumi_cli.MANIFEST
    match damage:
        case "missing file":
            (pulumi.parent / "pulumi-language-python").unlink()
        case "cut file":
            pulumi.write_text("")
        case "no manifest":
            manifest.unlink()
        case "torn manifest":
            manifest.write_text(manifest.read_text()[:20])
        case _:
            manifest.write_text("[]")
    assert pulumi_cli.find(machine.environment) is None


def test_tools_are_kept_in_the_cache_of_the_person(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    expected = tmp_path / ".cache" / "pulumi-cloudbackup" / "tools"
    assert pulumi_cli.tools_folder(home) == expected
    assert pulumi_cli.tools_folder({**home, "XDG_CACHE_HOME": "relative"}) == expected
    moved = pulumi_cli.tools_folder({**home, "XDG_CACHE_HOME": f"{tmp_path}/c"})
    assert moved == tmp_path / "c" / "pulumi-cloudbackup" / "tools"
    assert pulumi_cli.tools_folder({**home, "CLOUDBACKUP_TOOLS_DIR": "/elsewhere"}) == Path("/elsewhere")


@pytest.mark.parametrize("home", ["", "relative", f"{__file__}/not-a-folder"])
def test_tools_are_kept_in_the_repository_when_there_is_no_home_to_write_to(home: str) -> None:
    assert pulumi_cli.tools_folder({"HOME": home}) == TOOLS.parent / ".tools"


def test_cli_is_found_in_a_home_that_cannot_be_written_any_more(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = machine.root / "pulumi-cloudbackup"
    cache.mkdir()
    pulumi = built(machine)
    machine.tools.rename(cache / "tools")
    monkeypatch.setattr(pulumi_cli, "is_writable", lambda _folder: False)
    found = pulumi_cli.find({"PATH": str(machine.path), "XDG_CACHE_HOME": str(machine.root)})
    assert found is not None
    assert found.path == cache / "tools" / pulumi.relative_to(machine.tools)


def test_command_line_prints_the_folder_and_never_installs(machine: Machine) -> None:
    command = [sys.executable, str(TOOLS / "pulumi_cli.py"), "--print-bin-dir"]
    machine.go()
    nothing = subprocess.run(command, env=machine.environment, capture_output=True, text=True, check=False)
    assert (nothing.returncode, nothing.stdout, machine.left, machine.builds) == (1, "", [], [])
    assert "run: make setup" in nothing.stderr

    pulumi = built(machine)
    found = subprocess.run(command, env=machine.environment, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, f"{pulumi.parent}\n", "")
