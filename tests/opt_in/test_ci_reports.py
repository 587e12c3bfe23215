"""The SARIF Multitool reads the SARIF logs: beside the schema it knows the rules of the standard and of GitHub.

Opt-in: the variable SARIF_MULTITOOL names the program of the npm package @microsoft/sarif-multitool (README.md beside this
file tells where to get it). The published schemas of SARIF and JUnit are asked always, in tests/reports.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "reports" / "golden"
MULTITOOL = os.environ.get("SARIF_MULTITOOL", "")
ACCEPTED = {"SARIF2005"}
"""Advice that is not followed: there is no page on the web to name yet."""


@pytest.mark.skipif(not MULTITOOL, reason="opt-in: SARIF_MULTITOOL does not name the SARIF Multitool")
@pytest.mark.parametrize("log", [pytest.param(file, id=file.name) for file in sorted(GOLDEN.glob("*.sarif"))])
def test_sarif(log: Path, tmp_path: Path) -> None:
    """Schema, the standard's own rules, and those of GitHub."""
    found = tmp_path / "found.sarif"
    command = [MULTITOOL, "validate", str(log), "--output", str(found), "--rule-kind", "Sarif;Ghas"]
    done = subprocess.run(
        command,
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Analysis completed successfully" in done.stdout, done.stdout + done.stderr
    results = json.loads(found.read_text(encoding="utf-8-sig"))["runs"][0]["results"]
    assert {one["ruleId"] for one in results} <= ACCEPTED, done.stdout
