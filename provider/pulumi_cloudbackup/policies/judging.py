"""Policies applied to a proposal: what breaks them, as problems like those of the rules.

A policy is somebody's own code: whatever it raises is told with its place, and counts as broken.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.estate import Unknown, UnknownComparedError, comparing_is_refused
from pulumi_cloudbackup.policies.policy import NotYetKnown, Policy, PolicyError, Violation
from pulumi_cloudbackup.rules import Open, Problem, Severity

if TYPE_CHECKING:
    from pulumi_cloudbackup.policies.policy import Finding
    from pulumi_cloudbackup.policies.proposal import Proposal

_UNKNOWN: Final = f"'{Unknown.__name__}'"
"""How Python names an unknown value that cannot do what it is asked."""
LIST_NAME: Final = "POLICIES"
"""The list that a module of policies has."""


@dataclass(frozen=True)
class PolicyVerdict:
    """What policies say about a proposal."""

    problems: tuple[Problem, ...] = ()
    """What breaks them: policy by policy, in the order in which each tells it; the code is the policy's name."""
    not_yet_known: tuple[Open, ...] = ()
    """What cannot be judged before a value is known."""
    left_out: tuple[str, ...] = ()
    """Names of policies about updates, where there is only what is declared."""
    passed: tuple[str, ...] = ()
    """Names of policies that nothing breaks."""
    failed: tuple[str, ...] = ()
    """Names of policies that raised an exception, which is among the problems: nobody knows what they would say."""


def judge_policies(policies: Iterable[Policy], proposal: Proposal) -> PolicyVerdict:
    """Apply policies; an exception in one of them is a problem of it.

    :raises PolicyError: Something in the list is no policy, or two have one name.
    """
    problems: list[Problem] = []
    open_: list[Open] = []
    left_out: list[str] = []
    passed: list[str] = []
    failed: list[str] = []
    for one in _checked(policies):
        if one.needs_plan and proposal.plan is None:
            left_out.append(one.name)
            continue
        found, waiting, has_failed = _applied(one, proposal)
        problems += found
        open_ += waiting
        passed += [one.name] if not found and not waiting else []
        failed += [one.name] if has_failed else []
    told, unknown = tuple(dict.fromkeys(problems)), tuple(dict.fromkeys(open_))
    return PolicyVerdict(told, unknown, tuple(left_out), tuple(passed), tuple(failed))


def policies_in(found: ModuleType | Mapping[str, object], name: str = "") -> tuple[Policy, ...]:
    """Return the policies of a module: those of its list ``POLICIES``, otherwise every policy that it names.

    :param name: What to call the module in messages.
    :raises PolicyError: There are none, or something in the list is none.
    """
    names = vars(found) if isinstance(found, ModuleType) else found
    called = name or str(names.get("__name__", "the module"))
    listed = names.get(LIST_NAME)
    if listed is None:
        listed = [one for one in names.values() if isinstance(one, Policy)]
    if not isinstance(listed, Iterable) or isinstance(listed, (str, Mapping)):
        raise PolicyError(f"{LIST_NAME} of {called} is no list of policies.")
    policies = _checked(listed)
    if not policies:
        raise PolicyError(f"There are no policies in {called}: list them in {LIST_NAME}.")
    return policies


def _checked(policies: Iterable[object]) -> tuple[Policy, ...]:
    found: dict[str, Policy] = {}
    for one in policies:
        if not isinstance(one, Policy):
            raise PolicyError(f"{getattr(one, '__name__', repr(one))} is no policy{_hint(one)}.")
        if found.setdefault(one.name, one) is not one:
            raise PolicyError(f"Two policies are called {one.name}: give one of them another name with .named(...).")
    return tuple(found.values())


def _hint(one: object) -> str:
    """Return how something that is no policy becomes one."""
    if not callable(one):
        return ""
    is_ready = getattr(one, "__module__", "").startswith(__package__ or "")
    return ": call it, and give it what it asks for" if is_ready else ": put @policy above it"


def _applied(one: Policy, proposal: Proposal) -> tuple[list[Problem], list[Open], bool]:
    """Return what a policy finds, what it does not know yet, and whether it failed."""
    problems: list[Problem] = []
    open_: list[Open] = []
    try:
        with comparing_is_refused():
            for finding in _listed(one.check(proposal)):
                match _read(finding):
                    case NotYetKnown(subject, argument):
                        open_.append(Open(one.name, subject, argument))
                    case Violation() as violation:
                        problems.append(_problem(one, violation))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - somebody else's code: whatever it raises is told
        return [*problems, _failed(one, error, proposal)], open_, True
    return problems, open_, False


def _listed(found: object) -> Iterable[object]:
    if found is None:
        return ()
    if not isinstance(found, Iterable) or isinstance(found, (str, bytes, Mapping)):
        raise TypeError(f"a policy yields what it finds, or returns a list of it, and no {type(found).__name__}")
    return found


def _read(finding: object) -> Finding:
    if isinstance(finding, str):
        return Violation("", finding)
    if not isinstance(finding, (Violation, NotYetKnown)):
        raise TypeError(f"a policy yields Violation, NotYetKnown or a text, and no {type(finding).__name__}")
    return finding


def _problem(one: Policy, violation: Violation) -> Problem:
    return Problem(
        one.name,
        Severity.ERROR if one.level == "mandatory" else Severity.WARNING,
        one.summary.rstrip("."),
        violation.message,
        violation.fix,
        (violation.subject,) if violation.subject else (),
        violation.argument,
    )


def _failed(one: Policy, error: BaseException, proposal: Proposal) -> Problem:
    """Return the failure of a policy, with the line of its author that is to blame."""
    code = getattr(one.check, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno) for frame in frames if frame.filename != __file__]
    if code is not None:  # its own lines before those that it calls
        own = [place for place in places if place[0] == code.co_filename]
        places = own or [(code.co_filename, code.co_firstlineno)]
    where = f" ({places[-1][0]}:{places[-1][1]})" if places else ""
    if isinstance(error, UnknownComparedError) or _UNKNOWN in str(error):
        used = "compares" if isinstance(error, UnknownComparedError) else "uses"
        return Problem(
            one.name,
            Severity.ERROR,
            "A policy takes a value for known that is known only after apply",
            f"Policy {one.name} {used} a value that is known only after apply{where}.",
            "Ask is_known(value) first, and yield NotYetKnown(name, argument) where it is not.",
        )
    fix = "Mend the policy: until then nobody knows whether it is broken."
    if isinstance(error, AttributeError) and "'NoneType'" in str(error) and proposal.plan is None:
        fix = "There is no plan here: a policy that reads proposal.plan or proposal.current has needs_plan=True."
    return Problem(
        one.name,
        Severity.ERROR,
        "A policy failed before it could say anything",
        f"Policy {one.name} raised {type(error).__name__}: {error}{where}.",
        fix,
    )
