"""One table, every caller: an estate file, the program layer, the provider's check, the command line, the engine.

What several cases can share a program with runs in one program, where a prefix tells their names and ids apart.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import offline_harness
from callers.writing import CASES, Case, program_of, settings_of
from engine_harness import Project, Service
from offline_harness import hosted
from pulumi_cloudbackup.emulator import Emulator
from pulumi_cloudbackup.estate import EstateError, estate_from_json
from pulumi_cloudbackup.resources.checking import checked_mirror, checked_vault
from pulumi_cloudbackup.resources.judging import Judgement
from pulumi_cloudbackup.resources.program import observe
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.settings import judging_from
from pulumi_cloudbackup.rules import BOOK, judge_estate, settle


def is_rejected(case: Case) -> bool:
    return any(not code.endswith(("W", "~")) for code in case["codes"])


OWN_CODES = {
    *("CB100", "CB101", "CB102", "CB103", "CB104", "CB106", "CB107", "CB108", "CB110"),
    *("CB201", "CB204", "CB206", "CB207", "CB208", "CB209"),
}
"""What one resource decides by itself, so that the provider's ``check`` finds it without its neighbours."""
DECIDED = {
    *("CB100", "CB101", "CB102", "CB103", "CB104", "CB106", "CB107", "CB108", "CB110", "CB111", "CB112"),
    *("CB201", "CB202", "CB203", "CB204", "CB206", "CB207", "CB208", "CB209", "CB210", "CB211", "CB212", "CB214"),
    "CB301",
}
"""What a program decides without an old state and without the live account."""
TODAY = "2026-01-01"
PREFIX = re.compile(r"c\d{3}-")
NUMBERED = {f"c{number:03}-": case for number, case in enumerate(CASES)}
SHARED = {prefix: case for prefix, case in NUMBERED.items() if not case.get("alone")}
ENGINE = {
    p: case for p, case in NUMBERED.items() if p in SHARED or (is_rejected(case) and len(json.dumps(case)) < 5000)
}
"""A preview takes two seconds: of the cases that need one of their own, those that are rejected and small."""

Codes = dict[str, list[str]]
"""The codes that a caller tells, by case: a warning's ends in ``W``, a waived one's in ``~``."""


def rows(caller: str, cases: dict[str, Case]) -> pytest.MarkDecorator:
    """Return the rows of one caller; a bug that is known must go from the table when it is mended."""
    return pytest.mark.parametrize(
        "prefix",
        [
            pytest.param(
                prefix,
                id=case["case"],
                marks=[pytest.mark.xfail(strict=True, reason=bug)] if (bug := case.get("known_bugs", {}).get(caller)) else [],
            )
            for prefix, case in cases.items()
        ],
    )  # fmt: skip


def configuration(cases: dict[str, Case]) -> dict[str, str]:
    """Return the stack configuration of a program; many cases together must not meet in a quota."""
    limits = {"cloudbackup:limits": json.dumps({"vaults": 10_000, "mirrors_per_region": 10_000})}
    return {**settings_of(cases), **(limits if len(cases) > 1 else {})}


def case_of(*texts: str) -> str:
    """Return the first prefix in these texts; empty: none has one."""
    return next((match[0] for text in texts if (match := PREFIX.search(text))), "")


@rows("estate file", NUMBERED)
def test_estate_file(prefix: str) -> None:
    """The estate as a file, read and judged."""
    case = NUMBERED[prefix]
    difference = case.get("by_design", {}).get("estate file", {})
    document = json.dumps({"schema_version": 1, **case["estate"], "limits": case.get("settings", {}).get("limits")})
    if "refused" in difference:
        with pytest.raises(EstateError, match=difference["refused"]):
            estate_from_json(document)
        return
    settings = settings_of({"": case})
    judging = judging_from({key.partition(":")[2]: value for key, value in settings.items()})
    verdict = judge_estate(estate_from_json(document))
    problems = settle(verdict.problems, judging.waivers, TODAY, strict=judging.strict).problems
    told = sorted(told_as(one.code, str(one.severity), waived=one.waived is not None) for one in problems)
    assert told == difference.get("codes", case["codes"])


def told_as(code: str, severity: str, *, waived: bool) -> str:
    return code + ("~" if waived else "W" if severity == "warning" else "")


class InProcess:
    """A program in this process: judged as a whole, and each of its resources by the provider's ``check``."""

    def __init__(self, folder: Path, cases: dict[str, Case]) -> None:
        """Host a program whose problems are only observed, so that all of its resources are registered."""
        judgements: list[Judgement] = []
        observe(judgements.append)
        try:
            self.program = hosted(folder, program_of(cases), configuration(cases))
        finally:
            observe(None)
        self.codes: Codes = {prefix: [] for prefix in cases}
        if self.program.error is not None:
            assert len(cases) == 1, self.program.error
            self.codes = dict.fromkeys(cases, re.findall(r"^CB\d{3}", str(self.program.error)))
        for problem in judgements[-1].problems if judgements else ():
            told = told_as(problem.code, str(problem.severity), waived=problem.waived is not None)
            self.codes[case_of(*problem.subjects, *cases)].append(told)
        self.cases = cases

    def checked(self, prefix: str) -> list[str]:
        """Return the errors that ``check`` finds in the resources of one case."""
        settings = {key.partition(":")[2]: value for key, value in configuration(self.cases).items()}
        session = Session({**settings, "preflight": "off"})
        found = []
        for one in self.program.monitor.registrations:
            check: Any = {"Vault": checked_vault, "MirrorVault": checked_mirror}.get(one.type.rpartition(":")[2])
            if check is not None and one.name.startswith(prefix):
                inputs = {key: value for key, value in one.inputs.items() if key != "__provider"}
                found += [problem.code for problem in check(session, {}, inputs).errors]
        return sorted(found)


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> InProcess:
    return InProcess(tmp_path_factory.mktemp("program"), SHARED)


@rows("program", NUMBERED)
def test_program(prefix: str, in_process: InProcess, tmp_path: Path) -> None:
    """All declarations of a program together, before anything is registered."""
    program = in_process if prefix in SHARED else InProcess(tmp_path, {prefix: NUMBERED[prefix]})
    assert sorted(program.codes[prefix]) == NUMBERED[prefix]["codes"]


@rows("check", SHARED)
def test_check(prefix: str, in_process: InProcess) -> None:
    """Each resource by itself, with the inputs that the program registers: what it can decide is the same.

    What it remembers of the run's other resources may show more, never something that the program does not tell.
    """
    codes, found = NUMBERED[prefix]["codes"], in_process.checked(prefix)
    assert [code for code in found if code in OWN_CODES] == [code for code in codes if code in OWN_CODES]
    assert set(found) <= set(codes)


@pytest.fixture(scope="module")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> Codes:
    return checked_by_command(tmp_path_factory.mktemp("command"), SHARED)


@rows("command line", NUMBERED)
def test_command_line(prefix: str, command_line: Codes, tmp_path: Path) -> None:
    """``cloudbackup check --format json``."""
    case = NUMBERED[prefix]
    codes = command_line if prefix in SHARED else checked_by_command(tmp_path, {prefix: case})
    assert sorted(codes[prefix]) == case["codes"]


def checked_by_command(folder: Path, cases: dict[str, Case]) -> Codes:
    project = offline_harness.Project(folder).write("__main__.py", program_of(cases))
    run = project.check_json(*(f"--config={key}={value}" for key, value in configuration(cases).items()))
    assert run.code == (3 if any(map(is_rejected, cases.values())) else 0), run.err
    codes: Codes = {prefix: [] for prefix in cases}
    for problem in run.json["problems"]:
        told = told_as(problem["code"], problem["severity"], waived=problem["waived"] is not None)
        codes[case_of(*problem["subjects"], *cases)].append(told)
    return codes


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, emulator: Emulator) -> Codes:
    """Two real previews: all cases with errors, of which nothing is registered, and all others, which pass."""
    service = Service(emulator.url)
    rejected = {prefix: case for prefix, case in SHARED.items() if is_rejected(case)}
    accepted = {prefix: case for prefix, case in SHARED.items() if not is_rejected(case)}
    codes = [previewed(tmp_path_factory.mktemp("engine"), service, cases) for cases in (rejected, accepted)]
    return codes[0] | codes[1]


@pytest.mark.engine
@rows("engine", ENGINE)
def test_engine(prefix: str, engine: Codes, tmp_path: Path, service: Service) -> None:
    """``pulumi preview`` with preflight off."""
    case = NUMBERED[prefix]
    codes = engine if prefix in SHARED else previewed(tmp_path, service, {prefix: case})
    assert sorted(codes[prefix]) == case["codes"]


def previewed(folder: Path, service: Service, cases: dict[str, Case]) -> Codes:
    """Preview a program and read the codes from what it prints: each line once, under its resource."""
    project = Project(folder, service)
    (project.folder / "__main__.py").write_text(program_of(cases), encoding="utf-8")
    settings = {**configuration(cases), "cloudbackup:preflight": "off"}
    (project.folder / "Pulumi.dev.yaml").write_text(json.dumps({"config": settings}), encoding="utf-8")
    run = project.preview()
    if any(map(is_rejected, cases.values())):
        assert "cloudbackup:Vault: (create)" not in run.failed().output
    else:
        run.ok()
    assert run.calls == []
    lines: dict[str, dict[str, str]] = defaultdict(dict)
    subject = ""
    for line in map(str.strip, run.output.splitlines()):
        if line.endswith(":") and case_of(line) and not line.startswith("CB"):
            subject = case_of(line)
        elif match := re.match(r"(?:error: )?(?P<code>CB\d{3}): |warning: (?P<warning>CB\d{3}): |(?:info: )?waived \(.*?\): (?P<waived>CB\d{3}): ", line):  # fmt: skip
            kind = str(match.lastgroup)
            place = subject if kind == "code" else ""
            told = told_as(match[kind], kind, waived=kind == "waived")
            lines[place or case_of(line, *cases)][line] = told
    return {prefix: list(lines[prefix].values()) for prefix in cases}


def test_the_table_is_large_enough_and_knows_every_code() -> None:
    """Each code that a program alone decides is broken at least once; CB109, CB3xx and CB4xx need an old state."""
    broken = {code.rstrip("W~") for case in CASES for code in case["codes"]}
    assert broken == DECIDED
    assert broken <= set(BOOK)
    assert len(CASES) >= 140
    assert sum(not case["codes"] for case in CASES) >= 40
    assert len({case["case"] for case in CASES}) == len(CASES)


def test_callers_differ_as_rarely_as_can_be() -> None:
    """Only a file differs by design: it takes no value of the wrong kind, no two resources of one name, no defaults."""
    different = [case for case in CASES if "by_design" in case]
    assert {caller for case in different for caller in case["by_design"]} == {"estate file"}
    assert sum("codes" in case["by_design"]["estate file"] for case in different) == 1
