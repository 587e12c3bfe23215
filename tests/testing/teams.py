"""The tests of a team in a folder of their own, run by pytest in another process."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROJECT = {
    "Pulumi.yaml": "name: shop\nruntime: python\n",
    "Pulumi.dev.yaml": "config:\n  shop:count: 3\n",
    "__main__.py": """\
import pulumi
from pulumi_cloudbackup import Vault

for n in range(pulumi.Config().require_int("count")):
    Vault(f"v{n}", region_id="cn-hangzhou")
""",
}


@dataclass(frozen=True)
class Ran:
    """What pytest did."""

    code: int
    output: str

    @property
    def outcome(self) -> str:
        """Such as ``8 passed``, without the time."""
        return re.sub(r" in [0-9.]+s.*", "", self.output.strip().splitlines()[-1]).strip("= ")


def lay_out(folder: Path, tests: str | None = None) -> Path:
    """Write a project, and tests beside it."""
    (folder / "project").mkdir(parents=True)
    for name, text in PROJECT.items():
        (folder / "project" / name).write_text(text)
    (folder / "test_team.py").write_text((HERE / "team_tests.py").read_text() if tests is None else tests)
    (folder / "state.json").write_text((HERE / "state.json").read_text())
    return folder


def run(folder: Path, *arguments: str, env: dict[str, Any]) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", *arguments],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    return Ran(done.returncode, done.stdout)
