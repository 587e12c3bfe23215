"""Every rule has a page; its programs are run: the wrong one breaks the rule, the right one breaks none.

The programs make real calls, checked against the real signatures, and are recorded as an estate: no engine is needed to
say what a rule makes of them. What a page gives is the estate as it is, the program is the one that is wanted: the plan
from one to the other has the problems.
"""

from __future__ import annotations

import inspect
import json
import sys
import types
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
import yaml  # type: ignore[import-untyped] # no stubs for one test
from pydantic import ValidationError

import pulumi_cloudbackup
from pulumi_cloudbackup.estate import Estate
from pulumi_cloudbackup.estate.moment import unix_seconds
from pulumi_cloudbackup.planning import Action, Plan, plan
from pulumi_cloudbackup.rules import BOOK, Deletion, Problem, Severity, judge, judge_estate, parse_waivers
from pulumi_cloudbackup.rules.adoption_rules import Adoption, Attempt
from pulumi_cloudbackup.rules.pages import page_of, three_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

CODES = sorted(BOOK)


class _Declared(pulumi.Resource):
    """What a program gets back: an option takes it for a resource, and no engine hears of it."""

    def __init__(self, name: str) -> None:
        self.name = name


def declared_by(program: str, monkeypatch: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the JSON form of what a program declares; a call that the real class would not take fails."""
    recorded: dict[str, list[dict[str, Any]]] = {"vaults": [], "mirrors": []}

    def recorder(real: type, key: str) -> Any:
        signature = inspect.signature(real.__init__)  # type: ignore[misc] # only its signature is read

        def record(*arguments: Any, **named: Any) -> _Declared:
            bound = signature.bind(None, *arguments, **named).arguments
            entry = {name: value for name, value in bound.items() if name not in ("self", "resource_name", "opts")}
            entry["name"] = bound["resource_name"]
            source = entry.get("source")
            if isinstance(source, _Declared):
                entry["source"] = source.name
            elif source is not None:
                entry["source"] = {"id": source.id, "region_id": source.region_id}
            if "opts" in bound:
                entry |= written_options(bound["opts"])
            recorded[key].append(entry)
            return _Declared(entry["name"])

        return record

    module = types.ModuleType("pulumi_cloudbackup")
    module.Vault = recorder(pulumi_cloudbackup.Vault, "vaults")  # type: ignore[attr-defined] # a module made for the test
    module.MirrorVault = recorder(pulumi_cloudbackup.MirrorVault, "mirrors")  # type: ignore[attr-defined] # as above
    module.ExistingVault = pulumi_cloudbackup.ExistingVault  # type: ignore[attr-defined] # as above
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pulumi_cloudbackup", module)
        exec(compile(program, "page", "exec"), {"__name__": "__main__", "pulumi": pulumi})  # noqa: S102 - our own pages
    return recorded


def written_options(opts: pulumi.ResourceOptions) -> dict[str, Any]:
    """Return the JSON form of the options that the pages use."""
    waits_for: Any = opts.depends_on or ()
    aliases: Any = opts.aliases or ()
    return {
        "options": {"retain_on_delete": bool(opts.retain_on_delete)},
        "aliases": [alias.name for alias in aliases],
        "depends_on": [one.name for one in waits_for],
        "protect": bool(opts.protect),
    }


def problems_of(code: str, which: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Problem, ...]:
    """Judge one program of a page; what is left open counts as a problem of no page."""
    page = page_of(code)
    program = page.wrong if which == "wrong" else page.right
    if page.language == "yaml":
        return parse_waivers(yaml.safe_load(program)["config"]["cloudbackup:waivers"]).problems
    given = json.loads(page.given or "{}")
    targets = frozenset(given.pop("backup_targets", ()))
    current = Estate.model_validate(given)
    try:
        desired = Estate.model_validate(declared_by(program, monkeypatch))
    except ValidationError as error:
        _, _, argument = error.errors()[0]["loc"][:3]
        return judge(("CB100",), "orders", str(argument), "orders", error.errors()[0]["msg"]).problems
    made = plan(current, desired, now=unix_seconds(current.as_of) if current.as_of is not None else None)
    assert made.not_yet_known == ()
    beyond = (targeted(made, current, desired, targets), unlocked(current, desired))
    return (
        *made.problems,
        *(one for found in beyond for one in found),
        *adopted(current, desired),
        *attempts(current, desired),
    )


def targeted(made: Plan, current: Estate, desired: Estate, targets: frozenset[str]) -> Iterator[Problem]:
    """Judge what policies write to, which two estates do not say."""
    yield from (one for one in judge_estate(desired, backup_targets=targets).problems if one.code == "CB213")
    lost = {change.name for change in made.changes if change.action in (Action.DELETE, Action.REPLACE)}
    for one in current.vaults:
        facts = Deletion(one.name, str(one.id), is_backup_target=one.id in targets)
        yield from judge(("CB306",), one.name, facts).problems if one.name in lost else ()


def unlocked(current: Estate, desired: Estate) -> Iterator[Problem]:
    """Judge one-way switches."""
    before = {one.name: one.worm_enabled is True for one in current.vaults}
    for one in desired.vaults:
        yield from judge(("CB109",), one.name, before.get(one.name, False), one).problems


def adopted(current: Estate, desired: Estate) -> Iterator[Problem]:
    """Judge what is to be taken over beside what is there."""
    for one in (vault for vault in desired.vaults if vault.adopt_id is not None):
        (there,) = (vault for vault in current.vaults if vault.id == one.adopt_id)
        differs = one.vault_type != there.vault_type
        unlike = f"its vault_type is {there.vault_type}, not {one.vault_type}" if differs else None
        facts = Adoption(one.name, str(there.id), str(there.region_id), exists=True, unlike=unlike)
        yield from judge(("CB112",), one.name, facts).problems


def attempts(current: Estate, desired: Estate) -> Iterator[Problem]:
    """Judge what says it belongs to a new vault, as a program does with the live account."""
    for one in (vault for vault in desired.vaults if vault.adopt_id is None):
        for other in (vault for vault in current.vaults if f"/{one.name}#" in (vault.owner or "") and vault.holds_data):
            facts = Attempt(one.name, str(other.id), str(other.region_id), "it holds backup data")
            yield from judge(("CB113",), one.name, facts).problems


@pytest.mark.parametrize("code", CODES)
def test_the_wrong_program_breaks_the_rule_and_no_other(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page shows its own rule; a lost source also cannot be mirrored anew, and whoever moves a mirror is told (CB405)."""
    also = {"CB307": {"CB210"}, "CB401": {"CB405"}, "CB402": {"CB405"}}.get(code, set())
    assert {problem.code for problem in problems_of(code, "wrong", monkeypatch)} == {code} | also


@pytest.mark.parametrize("code", CODES)
def test_the_right_program_breaks_nothing(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page recommends is accepted; whoever moves a mirror is told, in a safe order too."""
    told = {"CB402": ["CB405"]}.get(code, [])
    assert [problem.code for problem in problems_of(code, "right", monkeypatch)] == told


@pytest.mark.parametrize("code", CODES)
def test_a_page_is_complete(code: str) -> None:
    """Three parts in sentences, two programs that differ, and a source document."""
    page = page_of(code)
    assert page.checks.startswith("Check that ")
    for part in (page.checks, page.why, page.fix, page.source):
        assert part.endswith(".")
        assert "  " not in part
    assert page.wrong != page.right
    assert three_parts(BOOK[code]) == (page.checks, page.why, page.fix)


@pytest.mark.parametrize("code", CODES)
def test_messages_are_told_in_words(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentences, a fixed summary without names, one line where one line is promised."""
    for problem in problems_of(code, "wrong", monkeypatch):
        assert problem.summary == BOOK[problem.code].summary
        assert problem.severity in BOOK[problem.code].severities
        assert problem.detail.endswith((".", "?"))
        assert problem.fix.endswith((".", "?"))
        assert "\n" not in problem.one_line
        assert "  " not in problem.one_line
        assert problem.one_line.startswith(problem.code)


def test_only_what_the_service_does_not_enforce_can_be_waived() -> None:
    """Warnings and the rules of caution."""
    waivable = {code for code in CODES if BOOK[code].can_be_waived}
    warnings = {code for code in CODES if Severity.WARNING in BOOK[code].severities}
    assert waivable == warnings | {"CB107", "CB301"}


def test_the_designs_codes_are_all_there() -> None:
    """All that the design lists."""
    numbers = [*range(101, 105), *range(106, 110), *range(201, 215), *range(301, 308), *range(401, 408)]
    assert {f"CB{number}" for number in numbers} <= set(CODES)
