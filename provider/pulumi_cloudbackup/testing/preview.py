"""What a preview shows, and assertions about it that explain themselves.

Every assertion returns the preview, so that they can be chained; one that fails raises AssertionError with a sentence
and the whole plan below it.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from pulumi_cloudbackup.engine.states import name_of
from pulumi_cloudbackup.planning.plan import Reason
from pulumi_cloudbackup.policies import (
    Policy,
    PolicyError,
    PolicyVerdict,
    Proposal,
    data_is_not_lost,
    judge_policies,
    policies_in,
)
from pulumi_cloudbackup.reports.plans import plan_as_json, plan_as_markdown, plan_as_text
from pulumi_cloudbackup.rules import BOOK, Problem
from pulumi_cloudbackup.testing.wrongs import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Self

    from pulumi_cloudbackup.engine.event_stream import Diagnostic
    from pulumi_cloudbackup.engine.stack_plan import StackPlan
    from pulumi_cloudbackup.estate import Estate, MirrorVault, Vault
    from pulumi_cloudbackup.estate.resource import DeclaredResource
    from pulumi_cloudbackup.planning import Change, Plan, Step
    from pulumi_cloudbackup.rules import Open

Resource = TypeVar("Resource", bound="DeclaredResource")

_OPS: Final = {
    "create": frozenset(("create", "create-replacement")),
    "delete": frozenset(("delete", "delete-replaced")),
    "update": frozenset(("update",)),
    "create-replacement": frozenset(("create-replacement",)),
    "delete-replaced": frozenset(("delete-replaced",)),
}
_DOINGS: Final = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
_CODE_CUTOFF: Final = 0.85
"""Codes are much alike: one with another digit is as near to many."""
_REPLACING: Final = frozenset(("replace", "create-replacement", "import-replacement"))


@dataclass(frozen=True, eq=False)
class Preview:
    """What an update would do to a stack.

    The same value comes of a preview on the real engine and of one without it; ``engine`` tells which it was.
    """

    _shown: StackPlan
    engine: str
    """``offline`` or ``real``."""
    _told: frozenset[tuple[str, str]] = frozenset()
    """The URNs that this chain of assertions was about, each with what happens to it."""

    def __repr__(self) -> str:
        """Show the plan: what a person sees when a test fails."""
        return f"<Preview ({self.engine})>\n{self.text}"

    @property
    def plan(self) -> Plan:
        """The plan: changes, steps with their order, problems, stages, exposure."""
        return self._shown.plan

    @property
    def changes(self) -> tuple[Change, ...]:
        """What happens to vaults and mirror vaults."""
        return self.plan.changes

    @property
    def steps(self) -> tuple[Step, ...]:
        """The calls to the service, with the order that the engine guarantees."""
        return self.plan.steps

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, warnings and waived problems included."""
        return self.plan.problems

    @property
    def not_yet_known(self) -> tuple[Open, ...]:
        """What no rule can judge before the update."""
        return self.plan.not_yet_known

    @property
    def current(self) -> Estate:
        """The estate as it is."""
        return self._shown.current

    @property
    def desired(self) -> Estate:
        """The estate as it is declared."""
        return self._shown.desired

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The outputs of the stack; secrets, and what is known only after the update, are ``UNKNOWN``."""
        return self._shown.observed.outputs

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What the engine, the program and the providers said: ``severity``, ``message``, ``urn``."""
        return self._shown.observed.diagnostics

    @property
    def proposal(self) -> Proposal:
        """What policies look at."""
        return Proposal(self.desired, self.current, self.plan)

    @property
    def text(self) -> str:
        """The plan as ``cloudbackup plan`` shows it."""
        return plan_as_text(self.plan)

    @property
    def json(self) -> str:
        """The plan as ``cloudbackup plan --format json`` writes it."""
        return plan_as_json(self.plan)

    @property
    def markdown(self) -> str:
        """The plan as ``cloudbackup plan --format markdown`` writes it."""
        return plan_as_markdown(self.plan)

    def vault(self, name: str) -> Vault:
        """Return a declared vault by its resource name or URN."""
        __tracebackhide__ = True
        return self._declared(name, self.desired.vaults, "vault")

    def mirror(self, name: str) -> MirrorVault:
        """Return a declared mirror vault by its resource name or URN."""
        __tracebackhide__ = True
        return self._declared(name, self.desired.mirrors, "mirror vault")

    def output(self, name: str) -> Any:
        """Return an output of the stack; ``UNKNOWN`` where it is secret, or known only after the update."""
        __tracebackhide__ = True
        if name not in self.outputs:
            self._fail(f'The stack has no output "{name}".{_near(name, self.outputs)}')
        return self.outputs[name]

    def no_problems(self, *, allow_warnings: bool = False) -> Self:
        """Assert that no rule finds anything wrong, waived problems aside.

        :param allow_warnings: Whether only errors count.
        """
        __tracebackhide__ = True
        found = [one for one in self.problems if one.waived is None and (one.stops or not allow_warnings)]
        if found:
            self._fail(f"There {_are(len(found), 'problem')}:{_told(found)}")
        return self

    def problem(self, code: str, *subjects: str, says: str = "") -> Self:
        """Assert that a rule finds something wrong.

        :param code: The code of a rule, such as CB202.
        :param subjects: Names of resources that problems with this code are about; absent: any.
        :param says: A text that the detail or the fix of one of them holds.
        """
        __tracebackhide__ = True
        if code not in BOOK:
            raise UsageError(f"There is no rule {code}.{_near(code.upper(), BOOK, cutoff=_CODE_CUTOFF)}")
        counted = [one for one in self.problems if one.waived is None]
        found = [one for one in counted if one.code == code]
        if not found:
            self._fail(f"There is no problem {code}; there {_are(len(counted), 'other')}:{_told(counted)}")
        return self._is_about(found, subjects, says)

    def creates(self, *names: str) -> Self:
        """Assert that resources are created, ours or others, by name or URN; a replaced one is not."""
        __tracebackhide__ = True
        return self._does("create", names)

    def updates(self, *names: str) -> Self:
        """Assert that resources are changed in place, by name or URN."""
        __tracebackhide__ = True
        return self._does("update", names)

    def replaces(self, *names: str) -> Self:
        """Assert that resources are replaced, by name or URN."""
        __tracebackhide__ = True
        return self._does("replace", names)

    def deletes(self, *names: str) -> Self:
        """Assert that resources are deleted for good, by name or URN; a replaced one is not.

        What an earlier update replaced and left to be deleted has the name of its successor, and counts.
        """
        __tracebackhide__ = True
        return self._does("delete", names)

    def nothing_else(self) -> Self:
        """Assert that no vault or mirror vault changes but those that the same chain of assertions named before."""
        __tracebackhide__ = True
        others = [one for one in self.changes if (one.urn, str(one.action)) not in self._told]
        if others:
            told = ", ".join(f'"{one.name}" is {_DOINGS[str(one.action)]}' for one in others)
            self._fail(f"There {_are(len(others), 'other change' if self._told else 'change')}: {told}.")
        return self

    def no_changes(self) -> Self:
        """Assert that no vault and no mirror vault changes."""
        __tracebackhide__ = True
        return replace(self, _told=frozenset()).nothing_else()

    def order(self, *steps: str) -> Self:
        """Assert that steps follow one another in every order that the engine may choose.

        :param steps: Such as ``create orders`` or ``delete orders-dr``; create and delete of a replacement count too.
        """
        __tracebackhide__ = True
        if len(steps) <= 1:
            raise UsageError("order() compares steps: it needs two of them at least.")
        for first, second in pairwise(steps):
            for one, other in product(self._steps_called(first), self._steps_called(second)):
                if one.id not in self._before[other.id]:
                    turned = " In fact it is the other way round." if other.id in self._before[one.id] else ""
                    self._fail(f'In some order "{first}" does not come before "{second}".{turned}')
        return self

    def no_data_loss(self) -> Self:
        """Assert that no backup data is destroyed, with or without consent; what may hold data counts as data."""
        __tracebackhide__ = True
        verdict = judge_policies([data_is_not_lost()], self.proposal)
        if verdict.problems:
            self._fail(" ".join(one.detail for one in verdict.problems))
        return self

    def stages(self, count: int) -> Self:
        """Assert how many engine runs lead safely to the end: 1 where a plain ``pulumi up`` does."""
        __tracebackhide__ = True
        runs = len(self.plan.stages)
        if not runs and not any(one.stops for one in self.problems):
            runs = 1
        if isinstance(count, bool) or not isinstance(count, int):
            raise UsageError(f"stages() takes the number of runs, and no {type(count).__name__}.")
        if runs != count:
            told = f"it takes {_count(runs, 'run')}" if runs else "no sequence of runs is safe"
            self._fail(f"It does not take {_count(count, 'run')}: {told}.")
        return self

    def complies(self, *policies: Policy | Iterable[Policy] | ModuleType, allow_unknown: bool = False) -> Self:
        """Assert that nothing breaks some policies; warnings of advisory ones aside.

        :param policies: Policies, lists of them, or modules that have them.
        :param allow_unknown: Whether a mandatory policy that cannot be judged yet counts as kept.
        """
        __tracebackhide__ = True
        listed = _policies(policies)
        verdict = self.judged(listed)
        if not listed:
            raise UsageError("complies() needs a policy at least.")
        broken = [one for one in verdict.problems if one.stops]
        if broken:
            self._fail(f"{_count(len(broken), 'finding')} against policies:{_told(broken)}")
        mandatory = {one.name for one in listed if one.level == "mandatory"}
        waiting = [one for one in verdict.not_yet_known if one.code in mandatory]
        if waiting and not allow_unknown:
            told = ", ".join(f"{one.code} for {one.subject} ({one.argument})" for one in waiting)
            self._fail(f"Not yet known: {told}. Where that is fine, give allow_unknown=True.")
        return self

    def breaks(self, policy: Policy, *subjects: str, says: str = "") -> Self:
        """Assert that a policy is broken, advisory or not; one that fails itself is not broken.

        :param subjects: Names of resources that break it; absent: any.
        :param says: A text that the message or the fix of one of the findings holds.
        """
        __tracebackhide__ = True
        verdict = self.judged(policy)
        if verdict.failed:
            self._fail(f"Policy {policy.name} cannot be asked:{_told(verdict.problems)}")
        if not verdict.problems:
            open_ = "".join(f"\n  not yet known: {one.subject} ({one.argument})" for one in verdict.not_yet_known)
            self._fail(f"Nothing breaks policy {policy.name}.{open_}")
        return self._is_about(list(verdict.problems), subjects, says)

    def judged(self, *policies: Policy | Iterable[Policy]) -> PolicyVerdict:
        """Return what policies say: problems, what is not yet known, which ones pass."""
        return judge_policies(_policies(policies), self.proposal)

    @cached_property
    def _before(self) -> dict[str, set[str]]:
        """The ids of all steps that have ended before each step begins, whatever order the engine chooses."""
        found: dict[str, set[str]] = {}
        for step in self.steps:
            found[step.id] = {*step.after}.union(*(found[one] for one in step.after))
        return found

    @cached_property
    def _others(self) -> dict[str, str]:
        """What happens to other people's resources, by URN."""
        found: dict[str, str] = {}
        for step in self._shown.observed.steps:
            if step.kind is None:
                is_replaced = step.op in _REPLACING or found.get(step.urn) == "replace"
                found[step.urn] = "replace" if is_replaced else step.op
        return found

    def _is_about(self, found: list[Problem], subjects: tuple[str, ...], says: str) -> Self:
        """Assert that problems of one code are about some resources, and say something."""
        __tracebackhide__ = True
        code = found[0].code
        about = {subject for one in found for subject in one.subjects}
        missing = [subject for subject in subjects if subject not in about]
        if missing:
            self._fail(f"{code} is not about {_names(missing)}, but about {_names(sorted(about))}.")
        found = [one for one in found if not subjects or not set(subjects).isdisjoint(one.subjects)]
        if says and not any(says in f"{one.detail} {one.fix}" for one in found):
            self._fail(f"{code} does not say {says!r}: {' '.join(one.detail for one in found)}")
        return self

    def _does(self, action: str, names: tuple[str, ...]) -> Self:
        __tracebackhide__ = True
        if not names:
            raise UsageError(f"{action}s() needs the name of a resource at least.")
        told = self._told
        for name in names:
            happens = self._what_happens(name)
            for urn, what in happens.items():
                if action not in what:
                    does = _DOINGS.get(what[-1], "left as it is")
                    self._fail(f'"{name_of(urn)}" is not {_DOINGS[action]}: it is {does}.')
            told |= {(urn, action) for urn in happens}
        return replace(self, _told=told)

    def _what_happens(self, name: str) -> dict[str, list[str]]:
        """Return what happens to a resource by URN; one name may be that of several.

        What an earlier update left to be deleted has the URN of its successor, and is told before it.
        """
        __tracebackhide__ = True
        ours: dict[str, list[str]] = {}
        for one in sorted(
            (*self.changes, *self.plan.unchanged), key=lambda one: one.reason is not Reason.LEFT_TO_DELETE
        ):
            ours.setdefault(one.urn, []).append(str(one.action))
        labels = {one.urn: one.name for one in (*self.changes, *self.plan.unchanged)}
        others = {urn: [op] for urn, op in self._others.items() if op in (*_DOINGS, "same", "read")}
        found = {urn: what for urn, what in ours.items() if name in (urn, name_of(urn), labels[urn])}
        if not found:  # a component may have the name of a vault in it
            found = {urn: what for urn, what in others.items() if name in (urn, name_of(urn))}
        if not found:
            known = {name_of(urn) for urn in (*ours, *others)}
            self._fail(f'There is no resource "{name}".{_near(name, known)}')
        return found

    def _steps_called(self, words: str) -> list[Step]:
        __tracebackhide__ = True
        op, _, name = words.partition(" ")
        if op not in _OPS or not name:
            raise UsageError(f"{words!r} names no step: write {', '.join(_OPS)} and the name of a resource.")
        ops = _OPS[op]
        found = [one for one in self.steps if one.op.value in ops and name in (one.name, one.urn, name_of_step(one))]
        if not found:
            told = ", ".join(f'"{one.op} {one.name}"' for one in self.steps if one.name) or "none"
            self._fail(f'There is no step "{words}"; the steps are {told}.')
        return found

    def _declared(self, name: str, resources: Iterable[Resource], kind: str) -> Resource:
        __tracebackhide__ = True
        listed = list(resources)
        found = [one for one in listed if name in (one.name, one.urn, name_of(one.urn) if one.urn else None)]
        if not found:
            self._fail(f'The program declares no {kind} "{name}".{_near(name, [one.name for one in listed])}')
        if len(found) > 1:
            self._fail(f'The program declares several {kind}s "{name}": {", ".join(str(one.urn) for one in found)}.')
        return found[0]

    def _fail(self, text: str) -> NoReturn:
        __tracebackhide__ = True
        raise AssertionError(f"{text}\n\n{self.text}")


def _policies(given: Iterable[Any]) -> list[Policy]:
    """Return single policies and lists of them as one list; raise UsageError where something is neither."""
    __tracebackhide__ = True
    found: list[Policy] = []
    for some in given:
        if isinstance(some, ModuleType):
            found += _in_module(some)
            continue
        if isinstance(some, str) or (callable(some) and not isinstance(some, Policy)):
            hint = f": call it, as {some.__name__}(...)" if hasattr(some, "__name__") else ""
            raise UsageError(f"{getattr(some, '__name__', repr(some))} is no policy{hint}.")
        found += [some] if isinstance(some, Policy) else some
    return found


def _in_module(module: ModuleType) -> Iterable[Policy]:
    """Return the policies of a module; raise UsageError where there are none."""
    __tracebackhide__ = True
    try:
        return policies_in(module)
    except PolicyError as error:
        raise UsageError(str(error)) from None


def name_of_step(step: Step) -> str:
    """Return the resource name in a step's URN."""
    return name_of(step.urn) if step.urn.count("::") >= 3 else step.name  # noqa: PLR2004 - the parts of a URN


def _near(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=cutoff)
    if near:
        return f' Is "{near[0]}" meant?'
    return f" There {'is' if len(names) == 1 else 'are'} {_names(names)}." if 0 < len(names) <= 12 else ""  # noqa: PLR2004


def _told(problems: Iterable[Problem]) -> str:
    return "".join(f"\n  {_label(one)}: {one.detail} {one.fix}".rstrip() for one in problems) or " none."


def _label(problem: Problem) -> str:
    return f"{problem.code} ({', '.join(problem.subjects)})" if problem.subjects else problem.code


def _are(count: int, what: str) -> str:
    return f"{'is' if count == 1 else 'are'} {_count(count, what)}"


def _count(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names) or "none"
