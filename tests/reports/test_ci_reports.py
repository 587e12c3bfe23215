"""Reports for CI: JUnit XML, SARIF, and Markdown of a check. What they look like is in golden/."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cloudbackup.planning.plan import Action, Op, Plan, Reason
from pulumi_cloudbackup.reports.checks import check_as_markdown
from pulumi_cloudbackup.reports.findings import Findings, Place, Places, findings_of_check, findings_of_plan
from pulumi_cloudbackup.reports.junit import as_junit
from pulumi_cloudbackup.reports.plans import plan_as_markdown
from pulumi_cloudbackup.reports.problems import ProblemReport
from pulumi_cloudbackup.reports.sarif import as_sarif
from pulumi_cloudbackup.rules import Open, Problem, Severity
from reports.samples import CHECKED, EMPTY, FINDINGS, LOSS, PLACES, RENAME, change, sarif, step

ERROR, WARNING = Severity.ERROR, Severity.WARNING
NAMED = [pytest.param(found, id=name) for name, found in FINDINGS.items()]
EVIL = "a\x00b\x1b[2J\ud800\ufffe]]>&<x y='\">\r\n\u202e\U0001f600\x85 [x](https://evil) {0} @ops é"


def problem(code: str = "CB201", severity: Severity = ERROR, subject: str = "orders", **more: Any) -> Problem:
    fields = {"summary": "It is wrong", "detail": "It is.", "fix": "Mend it.", **more}
    return Problem(code, severity, subjects=(subject,), **fields)


def found(*problems: Problem, waits: tuple[Open, ...] = (), resources: tuple[str, ...] = ("orders",)) -> Findings:
    names = {name: f"urn::{name}" for name in resources}
    return findings_of_check(ProblemReport(problems, waits, declared=len(names), resources=names))


def read(xml: str) -> ET.Element:
    return ET.fromstring(xml)  # noqa: S314 - it is ours


def cases(report: Findings) -> dict[tuple[str, str], str]:
    """Return resource and rule of each test case, and what came of it."""
    suite = read(as_junit(report, PLACES))[0]
    return {
        (case.attrib["classname"], case.attrib["name"]): case[0].tag if len(case) else "passed"
        for case in suite.iter("testcase")
    }


def log(report: Findings, places: Places = PLACES) -> dict[str, Any]:
    """Return the run of a SARIF log."""
    document = json.loads(as_sarif(report, places, version="1", category="x"))
    (run,) = document["runs"]
    assert isinstance(run, dict)
    return run


@pytest.mark.parametrize("report", NAMED)
def test_junit_counts_what_it_holds(report: Findings) -> None:
    """One suite with at least one case; times are 0 and no clock is asked."""
    root = read(as_junit(report, PLACES))
    (suite,) = root
    counted = {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("testcase/failure")),
        "skipped": len(suite.findall("testcase/skipped")),
        "errors": 0,
    }
    assert {name: int(suite.attrib[name]) for name in counted} == counted
    assert {name: root.attrib[name] for name in ("tests", "failures", "errors")} == {
        name: str(counted[name]) for name in ("tests", "failures", "errors")
    }
    assert counted["tests"] > 0
    assert {one.attrib["time"] for one in root.iter() if "time" in one.attrib} == {"0"}
    assert len(cases(report)) == counted["tests"]


CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase", "system-out"},
    "testcase": {"failure", "skipped"},
    "failure": set[str](),
    "skipped": set[str](),
    "system-out": set[str](),
}
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"classname", "name", "time", "file", "line"},
    "failure": {"message", "type"},
    "skipped": {"message"},
    "system-out": set[str](),
}


@pytest.mark.parametrize("report", NAMED)
def test_junit_has_the_shape_that_readers_know(report: Findings) -> None:
    """No element and no attribute but those of the schema of Jenkins' plugin (tests/opt_in asks the schema itself)."""
    for element in read(as_junit(report, PLACES)).iter():
        assert {child.tag for child in element} <= CHILDREN[element.tag]
        assert set(element.attrib) == ATTRIBUTES[element.tag]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(found(problem()), {("orders", "CB201: It is wrong"): "failure"}, id="error"),
        pytest.param(found(problem(severity=WARNING)), {("orders", "CB201: It is wrong"): "skipped"}, id="warning"),
        pytest.param(found(problem(waived="agreed")), {("orders", "CB201: It is wrong"): "skipped"}, id="waived"),
        pytest.param(found(), {("orders", "no problem"): "passed"}, id="nothing wrong"),
        pytest.param(found(resources=()), {("the program", "no problem"): "passed"}, id="nothing declared"),
        pytest.param(
            found(waits=(Open("CB202", "orders", "source"), Open("CB202", "orders", "tags"))),
            {
                ("orders", "CB202: Source with more than one mirror vault"): "skipped",
                ("orders", "no problem"): "passed",
            },
            id="not yet known",
        ),
        pytest.param(
            found(problem(), waits=(Open("CB201", "orders", "source"),)),
            {("orders", "CB201: It is wrong"): "failure"},
            id="known in part",
        ),
        # Two arguments may break one rule; a reader of the history wants the case once.
        pytest.param(
            found(problem(severity=WARNING, argument="a"), problem(argument="b"), problem(waived="ok")),
            {("orders", "CB201: It is wrong"): "failure"},
            id="several of one rule",
        ),
        pytest.param(
            found(problem("kms-for-finance", summary="Finance without KMS")),
            {("orders", "kms-for-finance: Finance without KMS"): "failure"},
            id="of a policy",
        ),
    ],
)
def test_junit_cases(report: Findings, expected: dict[tuple[str, str], str]) -> None:
    """One for each resource and rule that says something, one for each resource without a problem."""
    assert cases(report) == expected


def test_junit_tells_why() -> None:
    """What is skipped says its reason where readers show it; a failure tells every problem of its rule."""
    root = read(as_junit(found(problem(waived="agreed (until May)")), PLACES))
    skipped = root.find(".//skipped")
    assert skipped is not None
    assert skipped.attrib["message"] == "waived: agreed (until May)"
    failure = read(as_junit(found(problem(detail="One."), problem(detail="Two.")), PLACES)).find(".//failure")
    assert failure is not None
    assert failure.text == "One.\nMend it.\n\nTwo.\nMend it."
    rename = read(as_junit(FINDINGS["rename"], PLACES)).find(".//failure")
    assert rename is not None
    assert str(rename.text).endswith(
        "One order that the engine may choose; its last step breaks the rule:\n"
        '  1. create mirror vault "orders-mirror" in cn-shanghai'
    )


TEXTS = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from([EVIL, "", "]]>", "\n", "x" * 99])


@given(texts=st.lists(TEXTS, min_size=8, max_size=8), severity=st.sampled_from(Severity), waived=st.none() | TEXTS)
def test_any_text_gives_reports_that_can_be_read(texts: list[str], severity: Severity, waived: str | None) -> None:
    """ASCII, XML without forbidden characters, JSON without half characters, Markdown within its limit."""
    code, summary, detail, fix, subject, argument, file, note = texts
    one = Problem(code, severity, summary, detail, fix, (subject, detail), argument, waived)
    report = ProblemReport((one, one), (Open("CB202", subject, argument),), notes=(note,), resources={subject: detail})
    places = Places(Place(file, 3))
    told = findings_of_check(report)
    xml = as_junit(told, places)
    assert xml.isascii()
    assert read(xml).attrib["tests"] == str(len(list(read(xml).iter("testcase"))))
    text = as_sarif(told, places, version="1", category=file)
    assert text.isascii()
    json.loads(text)["runs"][0]["results"][0]["message"]["text"].encode()
    assert odd(text) == []
    assert len(check_as_markdown(report, limit=500)) <= 500


def test_a_long_text_is_cut() -> None:
    """And it is said how much of it is missing; one text leaves room for the others."""
    report = found(problem(detail="x " * 100_000), problem("CB202", detail="short"))
    assert len(as_junit(report, PLACES)) < 25_000
    assert "x ... (190009 more characters)" in as_junit(report, PLACES)
    assert "x ... (190009 more characters)" in log(report)["results"][0]["message"]["text"]
    text = check_as_markdown(ProblemReport(tuple(one.problem for one in report.findings)))
    assert "more characters)" in text
    assert "short" in text


SCHEMAS = Path(__file__).with_name("schemas")
FORMATS = jsonschema.FormatChecker(())
SARIF = jsonschema.Draft7Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text()), format_checker=FORMATS)
JUNIT = xmlschema.XMLSchema10(SCHEMAS / "junit-10.xsd")


@FORMATS.checks("uri")
@FORMATS.checks("uri-reference")
def is_ascii(value: object) -> bool:
    return str(value).isascii()


def odd(text: str) -> list[str]:
    """Say where a log breaks the schema of the standard."""
    return [f"{one.json_path}: {one.message}" for one in SARIF.iter_errors(json.loads(text))]


@pytest.mark.parametrize("report", NAMED)
def test_sarif_is_that_of_the_standard(report: Findings) -> None:
    """By its published schema; tests/opt_in asks the SARIF Multitool about the rules of GitHub, too."""
    assert odd(sarif(report)) == []
    document = json.loads(sarif(report))
    rules = document["runs"][0]["tool"]["driver"]["rules"]
    assert [one["id"] for one in rules] == sorted({one["id"] for one in rules})
    assert all(len(text) <= 1024 for one in rules for text in (one["fullDescription"]["text"], one["help"]["text"]))
    for result in document["runs"][0]["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('"level": "error"', '"level": "bad"'),
        ('"ruleId"', '"rule"'),
        ('"startLine": 7', '"startLine": 0'),
        ('"uri": "', '"uri": "ä'),
    ],
)
def test_the_schema_of_sarif_refuses(text: str, wrong: str) -> None:
    """It would be worth nothing if it took everything."""
    right = sarif(FINDINGS["check"])
    assert text in right
    assert odd(right.replace(text, wrong)) != []


@pytest.mark.parametrize("report", NAMED)
def test_junit_is_that_of_jenkins(report: Findings) -> None:
    """By the published schema of its xUnit plugin."""
    JUNIT.validate(as_junit(report, PLACES))


@pytest.mark.parametrize("text", ["<testcase ", "<testsuite ", "</failure>"])
def test_the_schema_of_junit_refuses(text: str) -> None:
    wrong = as_junit(FINDINGS["check"], PLACES)
    assert text in wrong
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        JUNIT.validate(wrong.replace(text, f"{text}odd='1' " if text.startswith("<t") else f"<odd/>{text}"))


def test_sarif_results() -> None:
    """Level, place and resource of each; a waived one is a note with its justification."""
    first, waived, *_ = log(FINDINGS["check"])["results"]
    assert (first["ruleId"], first["level"], "suppressions" in first) == ("CB303", "error", False)
    (place,) = first["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "infra/__main__.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 7},
    }
    assert [one["name"] for one in place["logicalLocations"]] == ["orders"]
    assert place["logicalLocations"][0]["fullyQualifiedName"].endswith(":Vault::orders")
    assert (waived["level"], waived["suppressions"][0]["justification"]) == ("note", "agreed")


def test_sarif_of_a_policy() -> None:
    """A rule that is not in the book says of itself what its problem says."""
    run = log(found(problem("kms-for-finance", WARNING, summary="Finance without KMS")))
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == "kms-for-finance"
    assert (rule["shortDescription"]["text"], rule["help"]["text"]) == ("Finance without KMS", "Mend it.")
    assert rule["defaultConfiguration"] == {"level": "warning"}


def test_what_is_not_yet_known_is_no_result() -> None:
    """It is said, and no reader takes it for a finding or for a pass."""
    run = log(found(waits=(Open("CB202", "orders", "source"),)))
    assert run["results"] == []
    note = run["invocations"][0]["toolExecutionNotifications"][0]
    assert note["message"]["text"] == "orders: CB202 waits for source, which is known only after apply."
    assert note["associatedRule"] == {"id": "CB202", "index": 0}


def test_fingerprints() -> None:
    """They stay when lines, words and other problems change, and tell any two problems apart."""

    def prints(*problems: Problem, places: Places = PLACES) -> list[str]:
        results = log(found(*problems), places)["results"]
        return [one["partialFingerprints"]["primaryLocationLineHash"] for one in results]

    one, other = problem(argument="a"), problem(argument="b")
    assert prints(one, other, places=Places(Place("x", 99))) == prints(replace(one, detail="New.", fix="New."), other)
    assert prints(other, one) == prints(one, other)[::-1]
    several = prints(one, one, other, problem("CB202"), problem(subject="sales"))
    assert len(set(several)) == 5


def test_nothing_is_a_link() -> None:
    """Names do not lead anywhere."""
    run = log(found(problem(detail="See [this](https://evil) and aliases=[x]).")))
    assert run["results"][0]["message"]["text"].startswith(r"See \[this](https://evil) and aliases=[x]).")


def test_too_many_results() -> None:
    """GitHub refuses more than 25,000: errors come first, and it is said what is left out."""
    warnings = [problem("CB208", WARNING, f"v{number}") for number in range(25_000)]
    run = log(found(*warnings, problem()))
    assert len(run["results"]) == 25_000
    assert (run["results"][0]["level"], run["results"][1]["level"]) == ("error", "warning")
    told = [one["message"]["text"] for one in run["invocations"][0]["toolExecutionNotifications"]]
    assert told[0] == "1 problem left out: 25000 have room."


MANY = 5_000
DELETIONS = tuple(change(Action.DELETE, f"old{number}", Reason.REMOVED, "MirrorVault") for number in range(3))
CROWD = tuple(problem("CB208", WARNING, f"v{number}") for number in range(MANY))
MARKDOWN: list[Any] = [
    pytest.param(lambda: check_as_markdown(ProblemReport((*CROWD, problem()), declared=MANY)), id="check"),
    pytest.param(lambda: plan_as_markdown(replace(EMPTY, changes=DELETIONS, problems=(*CROWD, problem()))), id="plan"),
]


@pytest.mark.parametrize("made", MARKDOWN)
def test_thousands_of_problems_in_a_comment(made: Callable[[], str]) -> None:
    """Within the limit, errors first, counts of all at the top, the cut told at the end; the same every time."""
    text = made()
    assert 55_000 < len(text) <= 60_000
    assert text == made()
    assert text.index("error CB201") < text.index("warning CB208")
    assert "1 error, 5000 warnings" in text.splitlines()[2]
    assert re.search(r"\n_Cut here: \d+ lines left out of \d+\. The counts above are of all\._\n\Z", text)


def test_deletions_come_before_other_problems() -> None:
    """The loss of data, then all that is deleted or replaced, then the rest."""
    titles = re.findall(r"^#### (.+)$", plan_as_markdown(LOSS), re.MULTILINE)
    assert titles == ["Data loss", "Deleted or replaced", "Problems", "Changes"]
    crowded = plan_as_markdown(replace(EMPTY, changes=DELETIONS, problems=CROWD))
    assert all(f"| **delete** | <code>{one.name}</code> |" in crowded for one in DELETIONS)
    assert re.findall(r"^#### (.+)$", plan_as_markdown(RENAME), re.MULTILINE) == [
        "Deleted or replaced",
        "Problems",
        "Changes",
    ]


def test_markdown_of_a_check_puts_what_is_grave_first() -> None:
    """Data loss, then errors, warnings and what is waived."""
    text = check_as_markdown(CHECKED)
    codes = re.findall(r"\*\*(error|warning|waived) ([\w-]+):", text)
    assert [code for _, code in codes] == ["CB303", "CB305", "CB201", "CB211", "CB208", "kms-for-finance"]
    assert check_as_markdown(ProblemReport(())).splitlines()[2] == "**no vaults or mirror vaults are declared**"


def big(size: int) -> Plan:
    names = [f"v{number}" for number in range(size)]
    changes = tuple(change(Action.REPLACE, name, Reason.ARGUMENTS) for name in names)
    steps = tuple(step(Op.DELETE_REPLACED, name, "cn-hangzhou") for name in names)
    return replace(
        EMPTY, changes=changes, steps=steps, problems=tuple(problem("CB303", subject=name) for name in names)
    )


def test_ten_thousand_problems_take_about_a_second() -> None:
    """Generous for a machine that has other work."""
    plan = big(10_000)
    begin = time.process_time()
    as_junit(findings_of_plan(plan), PLACES)
    sarif(findings_of_plan(plan))
    plan_as_markdown(plan)
    assert time.process_time() - begin < 8
