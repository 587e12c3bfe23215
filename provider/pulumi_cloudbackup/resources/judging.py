"""From the declarations of a program to an estate, and from its problems to one text.

Decides nothing about what is allowed: the rule book does. Pure, so that every caller says the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pulumi_cloudbackup.estate import Estate, ExistingSource, MirrorVault, Vault
from pulumi_cloudbackup.reports.problems import count_of, grouped
from pulumi_cloudbackup.resources.wire import UnusableArguments, mirror_of, vault_of
from pulumi_cloudbackup.rules import Open, Problem, Severity, judge_estate
from pulumi_cloudbackup.rules.option_rules import judge_mirror_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_cloudbackup.resources.program import Declared


@dataclass(frozen=True)
class Judgement:
    """What the rules say about all declarations of a program."""

    problems: tuple[Problem, ...]
    """Each problem once: by resource in the order of declaration, then by code."""
    not_yet_known: tuple[Open, ...] = ()
    """What waits for a value that is known only after apply."""
    unverified: tuple[str, ...] = ()
    """Codes of the rules that only the live account can decide, and that it was not asked about."""
    verified_live: bool = False
    """Whether the live account was asked."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What stops the program."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is only told."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.WARNING)


def judge_declarations(declared: Sequence[Declared]) -> Judgement:
    """Judge all declarations together."""
    labels = _labels(declared)
    vaults: list[Vault] = []
    mirrors: list[MirrorVault] = []
    problems: list[Problem] = []
    for one, label in zip(declared, labels, strict=True):
        declaration = one.declaration
        try:
            if declaration.kind == "Vault":
                vaults.append(vault_of(one.properties, label))
            else:
                mirror = mirror_of(one.properties, label)
                mirrors.append(mirror.model_copy(update={"source": _source(one, declared, labels)}))
                problems += judge_mirror_options(label, declaration.option_values)
        except UnusableArguments as error:
            problems += error.problems
    estate = Estate.model_construct(vaults=tuple(vaults), mirrors=tuple(mirrors))
    verdict = judge_estate(estate)
    problems += verdict.problems
    place = {label: position for position, label in enumerate(labels)}
    in_order = tuple(sorted(problems, key=lambda problem: _order(problem, place)))
    return Judgement(in_order, verdict.not_yet_known, verdict.unverified)


def report(problems: Sequence[Problem]) -> str:
    """Tell problems grouped by resource, each on one line with its code, reason and fix."""
    head = f"the vaults declared here cannot be created as they are: {count_of(problems)}. Nothing was changed."
    return "\n".join((head, *grouped(problems)))


def _labels(declared: Sequence[Declared]) -> list[str]:
    """Name resources as their authors do; where two below different parents share a name, with the parent."""
    names = Counter(one.declaration.name for one in declared)
    labels: list[str] = []
    taken: set[str] = set()
    for one in declared:
        label = one.declaration.name
        if names[label] > 1 and one.declaration.parent_name:
            label = f"{one.declaration.parent_name}/{label}"
        while label in taken:
            label += "'"
        taken.add(label)
        labels.append(label)
    return labels


def _source(mirror: Declared, declared: Sequence[Declared], labels: Sequence[str]) -> str | ExistingSource:
    for one, label in zip(declared, labels, strict=True):
        if one.declaration.resource is mirror.declaration.source and one.declaration.resource is not None:
            return label
    properties: Mapping[str, Any] = mirror.properties
    return ExistingSource.model_construct(
        id=properties.get("source_vault_id"), region_id=properties.get("source_region_id")
    )


def _order(problem: Problem, place: Mapping[str, int]) -> tuple[int, str, str]:
    subject = problem.subjects[0] if problem.subjects else ""
    return place.get(subject, len(place)), problem.code, problem.detail
