"""Every rule has a page; its programs are run: the wrong one breaks the rule, the right one breaks none.

The programs make real calls, checked against the real signatures, and are recorded as an estate: no engine is needed to
say what a rule makes of them.
"""

from __future__ import annotations

import inspect
import json
import sys
import types
from typing import Any

import pulumi
import pytest
import yaml  # type: ignore[import-untyped] # no stubs for one test
from pydantic import ValidationError

import pulumi_cloudbackup
from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.rules import BOOK, Problem, Severity, judge, judge_estate, parse_waivers
from pulumi_cloudbackup.rules.adoption_rules import Adoption, Attempt
from pulumi_cloudbackup.rules.deletion_rules import MirroredSource
from pulumi_cloudbackup.rules.order_rules import Succession
from pulumi_cloudbackup.rules.pages import page_of, three_parts

CODES = sorted(BOOK)
_REPLACING = ("region_id", "vault_type", "encrypt_type", "kms_key_id", "source", "account")

_FACTS = ("id", "status", "status_message", "created_time", "holds_data", "snapshot_count", "owner")


class _Declared:
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
                entry["options"] = {"retain_on_delete": bool(bound["opts"].retain_on_delete)}
                entry["aliases"] = [alias.name for alias in bound["opts"].aliases or ()]
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


def estate_of(declared: dict[str, list[dict[str, Any]]], given: str | None) -> tuple[Estate, tuple[str, ...]]:
    """Put a program beside what is given: equal names are one resource, changed ones are replaced, others leave."""
    facts = json.loads(given or "{}")
    targets = tuple(facts.pop("backup_targets", ()))
    resources: dict[str, list[Any]] = {}
    for key, model in (("vaults", Vault), ("mirrors", MirrorVault)):
        known = {entry["name"] for entry in facts.get(key, ())}
        renamed = {
            entry["name"]: alias for entry in declared[key] for alias in entry.get("aliases", ()) if alias in known
        }
        written = {renamed.get(entry["name"], entry["name"]): entry for entry in declared[key]}
        resources[key] = []
        for entry in facts.pop(key, ()):
            ours = entry.get("managed_by") is None
            before = model.model_validate(entry)
            after = model.model_validate(written[entry["name"]]) if entry["name"] in written else None
            if after is not None and all(
                getattr(before, name) == getattr(after, name) for name in _REPLACING if hasattr(before, name)
            ):
                written[entry["name"]] = {
                    **{key: entry[key] for key in _FACTS if key in entry},
                    **written[entry["name"]],
                }
            else:
                resources[key].append(model.model_validate({**entry, "pending_delete": ours}))
        resources[key] += [model.model_validate(entry) for entry in written.values()]
    return Estate.model_validate({**facts, **{key: tuple(found) for key, found in resources.items()}}), targets


def problems_of(code: str, which: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Problem, ...]:
    """Judge one program of a page; what is left open counts as a problem of no page."""
    page = page_of(code)
    program = page.wrong if which == "wrong" else page.right
    if page.language == "yaml":
        return parse_waivers(yaml.safe_load(program)["config"]["cloudbackup:waivers"]).problems
    declared = declared_by(program, monkeypatch)
    try:
        estate, targets = estate_of(declared, page.given)
    except ValidationError as error:
        detail = error.errors()[0]
        return judge(("CB100",), "orders", str(detail["loc"][0]), "orders", detail["msg"]).problems
    verdict = judge_estate(estate, backup_targets=targets)
    assert verdict.not_yet_known == ()
    problems = verdict.problems
    if page.given is not None and code == "CB109":
        before = json.loads(page.given)["vaults"][0]["worm_enabled"]
        problems += judge(("CB109",), "orders", before, estate.vaults[0]).problems
    return problems + successions(estate) + adoptions(estate) + attempts(estate) + mirrored_sources(estate)


def mirrored_sources(estate: Estate) -> tuple[Problem, ...]:
    """Judge replaced vaults that others mirror."""
    problems: tuple[Problem, ...] = ()
    for one in (vault for vault in estate.vaults if vault.pending_delete):
        for other in (mirror for mirror in estate.mirrors if mirror.managed_by == "other"):
            if isinstance(other.source, ExistingSource) and other.source.id == one.id:
                facts = MirroredSource(one.name, str(one.id), f'mirror vault "{other.name}"', ("vault_type",))
                problems += judge(("CB304",), one.name, facts).problems
    return problems


def attempts(estate: Estate) -> tuple[Problem, ...]:
    """Judge what says it belongs to a new vault, as a program does with the live account."""
    problems: tuple[Problem, ...] = ()
    for one in (vault for vault in estate.vaults if vault.managed_by is None and vault.existing_id is None):
        for other in (vault for vault in estate.vaults if f"/{one.name}#" in (vault.owner or "") and vault.holds_data):
            facts = Attempt(one.name, str(other.id), str(other.region_id), "it holds backup data")
            problems += judge(("CB113",), one.name, facts).problems
    return problems


def adoptions(estate: Estate) -> tuple[Problem, ...]:
    """Judge what is to be taken over beside what is there."""
    problems: tuple[Problem, ...] = ()
    for one in (vault for vault in estate.vaults if vault.managed_by is None and vault.adopt_id is not None):
        (there,) = (vault for vault in estate.vaults if vault.id == one.adopt_id)
        differs = one.vault_type != there.vault_type
        unlike = f"its vault_type is {there.vault_type}, not {one.vault_type}" if differs else None
        facts = Adoption(one.name, str(there.id), str(there.region_id), exists=True, unlike=unlike)
        problems += judge(("CB112",), one.name, facts).problems
    return problems


def successions(estate: Estate) -> tuple[Problem, ...]:
    """Judge new mirrors beside those that leave, as a program does with its stack's old state."""
    ids = {vault.name: str(vault.id) for vault in estate.vaults}
    new = [mirror for mirror in estate.mirrors if mirror.id is None and isinstance(mirror.source, str)]
    leaving = [mirror for mirror in estate.mirrors if mirror.pending_delete and isinstance(mirror.source, str)]
    problems: tuple[Problem, ...] = ()
    for one in new:
        for old in leaving:
            where = (str(old.id), str(old.region_id), ids[str(old.source)])
            facts = Succession(one.name, ids[str(one.source)], old.name, *where, "", f'pulumi.Alias(name="{old.name}")')
            problems += judge(("CB401",), one.name, facts).problems
    return problems


@pytest.mark.parametrize("code", CODES)
def test_the_wrong_program_breaks_the_rule_and_no_other(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page shows its own rule; a lost source also cannot be mirrored anew."""
    also = {"CB303": set(), "CB307": {"CB210"}}.get(code, set())
    assert {problem.code for problem in problems_of(code, "wrong", monkeypatch)} - also == {code}


@pytest.mark.parametrize("code", CODES)
def test_the_right_program_breaks_nothing(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page recommends is accepted."""
    assert problems_of(code, "right", monkeypatch) == ()


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
    """As far as one resource, one change or one estate decides them; 4xx are of the plan."""
    numbers = [*range(101, 105), *range(106, 110), *range(201, 215), 301, 302, 303, 305, 306, 307]
    assert {f"CB{number}" for number in numbers} <= set(CODES)
