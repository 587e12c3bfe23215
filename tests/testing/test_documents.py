"""What docs/testing.md and docs/policies.md show runs, and names what there is."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path

from pulumi_cloudbackup import policies
from pulumi_cloudbackup.cli import main
from pulumi_cloudbackup.testing import Preview
from pulumi_cloudbackup.testing.previewing import Asked
from testing import teams

ROOT = Path(__file__).parents[2]
TESTING = (ROOT / "docs/testing.md").read_text()
POLICIES = (ROOT / "docs/policies.md").read_text()


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_tests(tmp_path: Path) -> None:
    """All but the one that deploys, which tests/engine runs."""
    offline, deploying = blocks(TESTING)
    assert "cloudbackup_stack" in deploying
    ran = teams.run(teams.lay_out(tmp_path / "team", offline), env=dict(os.environ))
    assert (ran.code, ran.outcome) == (0, "2 passed"), ran.output


def test_every_option_and_assertion_is_told() -> None:
    for name in inspect.signature(Asked).parameters:
        assert re.search(rf"^\| `{name}=", TESTING, re.MULTILINE), name
    public = [name for name in vars(Preview) if not name.startswith("_")]
    for name in public:
        assert f"`{name}" in TESTING, name
    told = set(re.findall(r"`([a-z_]+)(?:\(|`)", TESTING.partition("## What a preview")[2].partition("## Deploy")[0]))
    assert told - {*public, "preview", "pytest", "engine", "is_known", "pulumi_cloudbackup"} == set()


def test_the_policies(tmp_path: Path, capsys: object) -> None:
    (block,) = blocks(POLICIES)
    file = tmp_path / "our_policies.py"
    file.write_text(block)
    assert main(["check", str(ROOT / "examples/01-first-mirror"), "--policy", str(file)]) == 0
    assert main(["plan", str(ROOT / "examples/01-first-mirror"), "--offline", "--policy", str(file)]) == 0


def test_every_ready_policy_is_told_with_its_arguments() -> None:
    ready = [name for name in policies.__all__ if re.search(rf"^\| `{name}\(", POLICIES, re.MULTILINE)]
    others = {"judge_policies", "jurisdiction_of", "policies_in", "policy"}
    assert set(ready) == {name for name in policies.__all__ if name[0].islower()} - others
    for name in ready:
        row = re.search(rf"^\| `{name}\(.*$", POLICIES, re.MULTILINE)
        assert row is not None
        for argument in inspect.signature(getattr(policies, name)).parameters:
            if argument not in ("except_for", "level", "pairs"):
                assert argument in row[0], (name, argument)
