"""Problems as JUnit XML, as GitLab, Jenkins and the reporters of GitHub read it. Pure.

| what was found | test case of the resource |
| --- | --- |
| an error of a rule | one for the rule that fails |
| a warning, a waived problem, a rule that waits for a value | one for the rule that is skipped, and the reason |
| no problem | one that passes |

A warning is no failure, and as a case that passes it would not be seen: few readers show what such a case prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from pulumi_cloudbackup.reports.findings import is_error, plain
from pulumi_cloudbackup.reports.words import limited
from pulumi_cloudbackup.rules.book import BOOK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pulumi_cloudbackup.reports.findings import Finding, Findings, Places

NO_PROBLEM = "no problem"
"""The name of a test case that passes."""
_MOST_MESSAGE = 500
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def as_junit(found: Findings, places: Places) -> str:
    """Return a report in JUnit XML, in ASCII: one suite, a case for each resource and rule; it is never empty."""
    cases = list(_cases(found, places))
    name = f"cloudbackup {found.command}"
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": "0",
    }
    skipped = str(sum(case.find("skipped") is not None for case in cases))
    suites = ET.Element("testsuites", {"name": name, **counts, "time": "0"})
    suite = ET.SubElement(suites, "testsuite", {"name": name, **counts, "skipped": skipped, "time": "0"})
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = "\n".join(found.remarks)
    ET.indent(suites)
    return f"{_DECLARATION}{ET.tostring(suites, encoding='us-ascii', xml_declaration=False).decode()}\n"


def _cases(found: Findings, places: Places) -> Iterator[ET.Element]:
    """Return the test cases: what fails or is skipped, what waits, then what passes."""
    by_rule: dict[tuple[str, str], list[Finding]] = {}
    for finding in found.findings:
        by_rule.setdefault((finding.subject, finding.problem.code), []).append(finding)
    for (subject, code), findings in by_rule.items():
        case = _case(subject, f"{code}: {findings[0].problem.summary}", places)
        _tell(case, findings)
        yield case
    waiting: dict[tuple[str, str], list[str]] = {}
    for one in found.not_yet_known:
        if (one.subject, one.code) not in by_rule:
            waiting.setdefault((one.subject, one.code), []).append(one.argument)
    for (subject, code), arguments in waiting.items():
        case = _case(subject, f"{code}: {BOOK[code].summary}" if code in BOOK else code, places)
        ET.SubElement(case, "skipped", {"message": _message(f"known only after apply: {', '.join(arguments)}")})
        yield case
    wrong = {name for finding in found.findings for name in (finding.subject, *finding.problem.subjects)}
    for name in found.resources:
        if name not in wrong:
            yield _case(name, NO_PROBLEM, places)
    if not found.findings and not found.resources and not waiting:
        yield _case("the program", NO_PROBLEM, places)


def _case(subject: str, name: str, places: Places) -> ET.Element:
    place = places.of(subject)
    named = {"classname": _message(subject), "name": _message(name), "time": "0"}
    return ET.Element("testcase", {**named, "file": _message(place.file), "line": str(place.line)})


def _tell(case: ET.Element, findings: Sequence[Finding]) -> None:
    """Say what a rule found at a resource; the worst decides what comes of the case."""
    worst = next((one for one in findings if is_error(one)), findings[0])
    if is_error(worst):
        attributes = {"message": _message(worst.text), "type": _message(worst.problem.code)}
        element = ET.SubElement(case, "failure", attributes)
    else:
        reason = worst.problem.waived if worst.problem.waived is not None else worst.text
        element = ET.SubElement(case, "skipped", {"message": _message(f"{worst.severity}: {reason}")})
    element.text = "\n\n".join(one.text for one in findings)


def _message(text: str) -> str:
    return limited(plain(text).replace("\n", " "), _MOST_MESSAGE)
