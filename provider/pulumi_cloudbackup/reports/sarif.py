"""Problems as SARIF 2.1.0, as GitHub code scanning and other readers of static analysis take it. Pure.

| what was found | in the log |
| --- | --- |
| an error, a warning | a result of that level |
| a waived problem | a result of level ``note`` with a suppression: its reason is the justification |
| a rule that waits for a value | a notification of the run, since readers show every result as a finding |
| notes, and whether the live account was asked | notifications of the run |

A fingerprint is made of rule, resources and argument, so that a finding stays the same one when lines move.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pulumi_cloudbackup.reports.findings import is_error, plain
from pulumi_cloudbackup.reports.words import count, limited
from pulumi_cloudbackup.rules.book import BOOK
from pulumi_cloudbackup.rules.pages import three_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_cloudbackup.reports.findings import Finding, Findings, Place, Places
    from pulumi_cloudbackup.rules import Open

MOST_RESULTS: Final = 25_000
"""Results of one run: GitHub refuses a log with more."""
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT: Final = "%SRCROOT%"
_MOST_RULE_TEXT: Final = 900
"""Characters of what a rule says; GitHub takes 1,024."""
_LINK: Final = re.compile(r"\[(?=[^\]]*\]\()")
"""The beginning of what a reader would take for a link."""


def as_sarif(found: Findings, places: Places, *, version: str, category: str) -> str:
    """Return a report as a SARIF log in ASCII.

    ``version``: of this package. ``category``: what tells this run from others in the same repository, such as a stack.
    """
    kept = _kept(found.findings)
    codes = sorted({one.problem.code for one in kept} | {one.code for one in found.not_yet_known})
    ranks = {code: rank for rank, code in enumerate(codes)}
    examples = {one.problem.code: one for one in reversed(kept)}
    driver = {
        "name": "cloudbackup",
        "version": version,
        "rules": [_rule(code, examples.get(code)) for code in codes],
    }
    notes = [_waiting(one, places, ranks[one.code]) for one in found.not_yet_known]
    notes += [{"level": "note", "message": _message(remark)} for remark in _remarks(found, len(kept))]
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"cloudbackup/{found.command}/{plain(category)}/"},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": _results(kept, found, places, ranks),
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _kept(findings: Sequence[Finding]) -> list[Finding]:
    """Return what has room: of too many all errors first, in the order in which they are told."""
    if len(findings) <= MOST_RESULTS:
        return list(findings)
    return sorted(findings, key=lambda one: not is_error(one))[:MOST_RESULTS]


def _remarks(found: Findings, kept: int) -> list[str]:
    left = len(found.findings) - kept
    return [*([f"{count(left, 'problem')} left out: {kept} have room."] if left else []), *found.remarks]


def _rule(code: str, finding: Finding | None) -> dict[str, Any]:
    """Return what there is to say of a rule; of one that is not in the book, as a policy, what its problem says."""
    if code not in BOOK:
        summary = _rule_text(finding.problem.summary if finding else code)
        return {
            "id": plain(code),
            "shortDescription": {"text": summary},
            "fullDescription": {"text": summary},
            "help": {"text": (finding and _rule_text(finding.problem.fix)) or summary},
            "defaultConfiguration": {"level": str(finding.problem.severity) if finding else "warning"},
        }
    rule = BOOK[code]
    checks, why, fix = three_parts(rule)
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in rule.judge.__name__.split("_")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": _rule_text(checks)},
        "help": {
            "text": _rule_text(f"{why} {fix}"),
            "markdown": f"{why}\n\n**How to fix it:** {fix}\n\nExamples: `cloudbackup rules {code}`.",
        },
        "defaultConfiguration": {"level": str(rule.severity)},
    }


def _results(
    kept: Sequence[Finding], found: Findings, places: Places, ranks: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Return the results; of two with the same fingerprint the second is told apart by its number."""
    seen: Counter[str] = Counter()
    results = []
    for finding in kept:
        key = _key(finding)
        seen[key] += 1
        results.append(_result(finding, found, places, ranks[finding.problem.code], f"{key}:{seen[key]}"))
    return results


def _result(finding: Finding, found: Findings, places: Places, rank: int, fingerprint: str) -> dict[str, Any]:
    problem = finding.problem
    subjects = [_logical(name, found.resources) for name in dict.fromkeys((finding.subject, *problem.subjects))]
    result: dict[str, Any] = {
        "ruleId": plain(problem.code),
        "ruleIndex": rank,
        "level": "note" if finding.severity == "waived" else finding.severity,
        "message": _message(finding.text),
        "locations": [
            {
                "physicalLocation": _physical(places.of(finding.subject)),
                # Names that differ in characters which no report can tell would be there twice, against the schema.
                "logicalLocations": [one for place, one in enumerate(subjects) if one not in subjects[:place]],
            }
        ],
        # GitHub looks at the first one alone, and would otherwise take all problems of a rule in one line for one.
        "partialFingerprints": {"primaryLocationLineHash": fingerprint, "cloudbackupProblem/v1": fingerprint},
    }
    if problem.waived is not None:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": plain(problem.waived)},
        ]
    return result


def _key(finding: Finding) -> str:
    """Return what stays the same of a problem while it is there."""
    problem = finding.problem
    return hashlib.sha256(json.dumps([problem.code, *problem.subjects, problem.argument]).encode()).hexdigest()[:32]


def _waiting(one: Open, places: Places, rank: int) -> dict[str, Any]:
    return {
        "level": "note",
        "message": _message(f"{one.subject}: {one.code} waits for {one.argument}, which is known only after apply."),
        "associatedRule": {"id": plain(one.code), "index": rank},
        "locations": [{"physicalLocation": _physical(places.of(one.subject))}],
    }


def _physical(place: Place) -> dict[str, Any]:
    uri = quote(place.file, safe="/", errors="backslashreplace")
    return {"artifactLocation": {"uri": uri, "uriBaseId": _ROOT}, "region": {"startLine": place.line}}


def _logical(name: str, resources: Mapping[str, str]) -> dict[str, Any]:
    urn = resources.get(name)
    known = {"fullyQualifiedName": plain(urn)} if urn else {}
    return {"name": plain(name).replace("\n", " "), **known, "kind": "resource"}


def _message(text: str) -> dict[str, str]:
    """Return a message; what looks like a link in it is none."""
    return {"text": _LINK.sub(r"\\[", plain(text))}


def _rule_text(text: str) -> str:
    return limited(plain(text), _MOST_RULE_TEXT)
