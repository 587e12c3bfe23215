"""The pytest plugin, as teams use it: in processes of their own, offline."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from testing import teams

ROOT = Path(__file__).parents[2]
WRONG: dict[str, list[str]] = {
    "an_option": ["UsageError: A preview has no option stak. Is stack meant?"],
    "a_name": [
        'AssertionError: There is no resource "order". Is "orders" meant?',
        "+ create orders (vault in cn-hangzhou): new",
    ],
    "an_action": ['AssertionError: "orders" is not deleted: it is created.'],
    "a_step": ["UsageError: 'make orders' names no step: write create, delete, update"],
    "an_order": [
        'In some order "create orders-dr" does not come before "create orders". In fact it is the other way round.'
    ],
    "problems": ["AssertionError: There is 1 problem:", 'CB201 (orders-dr): Mirror vault "orders-dr" and its source'],
    "another_problem": ["AssertionError: There is no problem CB202; there is 1 other:"],
    "a_code": ["UsageError: There is no rule CB999."],
    "a_policy": ["Policy half-baked raised AttributeError: 'Vault' object has no attribute 'nme'", "test_team.py:5"],
    "a_program_that_fails": ["PreviewFailedError: test_team.py:28: KeyError: 'nothing'"],
    "an_apply_that_fails": [
        "PreviewFailedError: test_team.py:182: KeyError: 'b'",
        'test_team.py:182 in no_such: return {"a": 1}[region]',
    ],
    "a_module_of_policies": ["Policy half-baked raised AttributeError", "test_team.py:5"],
    "a_module_without_policies": ["There are no policies in asyncio: list them in POLICIES."],
    "a_number_of_runs": ["UsageError: stages() takes the number of runs, and no str."],
    "keys_that_are_no_texts": ["UsageError: config is a dictionary by name: its keys are texts."],
    "a_fault_that_there_is_not": ["UsageError: The emulated service does not take that: ", "throttle"],
    "a_function_that_is_not_given": [
        "and None here: aws:kms/getKey:getKey. Give it with functions={'aws:kms/getKey:getKey': {...}}."
    ],
    "missing_configuration": [
        'missing required configuration "program:region"',
        "Give it with config={'program:region': VALUE}, or with secrets={'program:region': VALUE} where it is secret.",
    ],
    "missing_stack": [
        'missing required configuration "shop:count"',
        "No stack was chosen: stack= is one of dev, prod.",
    ],
    "arguments": ["cannot be the program: it asks for argument. A program takes no arguments"],
    "what_cannot_be_taken_along": ["cannot be taken to another process", "Import and make what it needs inside of it."],
    "no_state": ["UsageError: The state", "nowhere.json cannot be read: No such file or directory"],
    "no_export": ["PreviewFailedError: This is no exported state"],
    "nothing_breaks": ["AssertionError: Nothing breaks policy every-vault-is-mirrored."],
    "something_else_breaks": ['AssertionError: every-vault-is-mirrored is not about "sales", but about "orders".'],
    "breaks_and_fails": ["AssertionError: Policy half-baked cannot be asked:", "AttributeError", "test_team.py:"],
    "a_forgetful_policy": [
        "Policy descriptions-are-short compares a value that is known only after apply (",
        "test_team.py:60).",
        "Ask is_known(value) first",
    ],
    "no_program": ["UsageError: A program is a directory or a function, and no int."],
    "no_project": ["PreviewFailedError:", "nowhere does not exist"],
    "a_lambda": ["<locals>.<lambda> (", "cannot be the program: it asks for region."],
    "a_state_of_no_kind": ["UsageError: A state is a file or a document, and no int.", "pulumi stack export"],
    "a_state_of_no_use": ["UsageError: The state cannot be written as JSON"],
    "configuration_of_no_kind": ["UsageError: program:a cannot be written as JSON"],
}


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What pytest says about each test of the authors' mistakes."""
    folder = tmp_path_factory.mktemp("wrong")
    teams.lay_out(folder, Path(teams.HERE, "mistakes_of_authors.py").read_text())
    (folder / "project" / "Pulumi.prod.yaml").write_text("config: {}\n")
    ran = teams.run(folder, "-n", "2", env=dict(os.environ))
    assert ran.outcome == f"{len(WRONG)} failed, 2 passed", ran.output
    parts = re.split(r"^_+ test_(\w+) _+$", ran.output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", WRONG)
def test_what_authors_get_wrong(name: str, mistakes: dict[str, str]) -> None:
    """It is told in a sentence, at the line of the test, without a line of ours."""
    said = mistakes[name].partition("short test summary")[0]
    for words in WRONG[name]:
        assert words in said
    assert "/pulumi_cloudbackup/" not in said
    assert "contextlib" not in said
    assert f"def test_{name}" in said
    assert re.search(r"^test_team\.py:\d+: ", said, re.MULTILINE)


def test_teams(tmp_path: Path) -> None:
    """In two processes, with a report for CI."""
    ran = teams.run(teams.lay_out(tmp_path / "team"), "-n", "2", "--junit-xml=report.xml", env=dict(os.environ))
    assert (ran.code, ran.outcome) == (0, "9 passed"), ran.output
    suite = ET.parse(tmp_path / "team" / "report.xml").getroot()[0]  # noqa: S314 - pytest's own report
    assert (suite.get("tests"), suite.get("failures")) == ("9", "0")


def test_retail_dr(tmp_path: Path) -> None:
    """The tests that come with our own stack, as its team runs them."""
    ran = teams.run(ROOT / "stacks/retail-dr/tests", env=dict(os.environ))
    assert (ran.code, ran.outcome) == (0, "10 passed"), ran.output


def test_the_option_is_documented(tmp_path: Path) -> None:
    assert "--cloudbackup-engine={offline,real}" in teams.run(tmp_path, "--help", env=dict(os.environ)).output
    fixtures = teams.run(tmp_path, "--fixtures", env=dict(os.environ)).output
    for name in ("cloudbackup_preview", "cloudbackup_emulator", "cloudbackup_stack"):
        assert re.search(rf"^{name}\b.*(?:\n    .+)+", fixtures, re.MULTILINE), fixtures
