"""What users install: the wheel and its contents, tried in the state in which they get it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a release would, without network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("pulumi_cloudbackup-*.whl")
    return built


def test_the_wheel_holds_types_data_and_the_plugin_file(wheel: Path) -> None:
    """PEP 561 marker, region data, and the file that keeps Pulumi from looking for a resource plugin."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        plugin = json.loads(archive.read("pulumi_cloudbackup/pulumi-plugin.json"))
        (scripts,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "cloudbackup = pulumi_cloudbackup.cli:main" in archive.read(scripts).decode()
    assert plugin == {"resource": False}
    assert {"pulumi_cloudbackup/py.typed", "pulumi_cloudbackup/estate/regions.json"} <= names
    assert not [name for name in names if not name.startswith(("pulumi_cloudbackup/", "pulumi_cloudbackup-"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_works_where_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    """From the archive's own contents, not from this repository."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = (
        "import pulumi_cloudbackup, pathlib; from pulumi_cloudbackup import ExistingVault, MirrorVault, Vault;"
        "from pulumi_cloudbackup.estate import regions; assert regions()['cn-hangzhou'].zrs;"
        "print(pathlib.Path(pulumi_cloudbackup.__file__).parent.parent)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == str(tmp_path / "site"), done.stderr


def test_one_version() -> None:
    """The package, its metadata and the changelog name the same one."""
    import pulumi_cloudbackup  # noqa: PLC0415 - what is tested

    text = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{pulumi_cloudbackup.__version__}"' in text
    assert f"## {pulumi_cloudbackup.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_unknown_names_are_attribute_errors() -> None:
    """The lazy public names do not hide a misspelling."""
    import pulumi_cloudbackup  # noqa: PLC0415 - what is tested

    with pytest.raises(AttributeError, match="no attribute 'Vaults'"):
        _ = pulumi_cloudbackup.Vaults
    assert {"Vault", "MirrorVault", "ExistingVault"} <= set(dir(pulumi_cloudbackup))
