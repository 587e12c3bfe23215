"""Waivers: a person takes the responsibility for one problem of one resource until a day that is written down.

Decides which problems a waiver lets pass, and what is wrong with a waiver. The day is an argument. Rules of caution and
warnings can be waived; what the service itself enforces cannot, because it would be refused all the same, and neither
can a loss of data, which has its own consent in state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.estate.moment import is_day
from pulumi_cloudbackup.rules.book import BOOK, Broken, Finding, NotYetKnown, near_codes, rule
from pulumi_cloudbackup.rules.problem import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FIELDS: Final = ("code", "resource", "reason", "expires")
_MIDNIGHT: Final = " 00:00:00 +0000 UTC"
SETTING: Final = "cloudbackup:waivers"
"""The stack configuration that holds waivers."""


@dataclass(frozen=True)
class Waiver:
    """One problem that somebody answers for."""

    code: str
    """The rule."""
    resource: str
    """The name of the resource."""
    reason: str
    """Why the problem is let pass."""
    expires: str
    """The last day on which it is, as ``YYYY-MM-DD``."""

    def counts_on(self, day: str) -> bool:
        """Whether the waiver still counts on a day."""
        return day <= self.expires


@dataclass(frozen=True)
class Waivers:
    """The waivers of a stack, and what is wrong with the others."""

    usable: tuple[Waiver, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Settled:
    """Problems after waivers and strictness."""

    problems: tuple[Problem, ...]
    """All of them in their order, waived ones marked, then those of the waivers themselves."""
    expired: tuple[Waiver, ...] = ()
    """Waivers that name one of the problems and count no more."""
    unused: tuple[Waiver, ...] = ()
    """Waivers that name none of the problems."""

    @property
    def stops(self) -> bool:
        """Whether any problem stops a preview."""
        return any(problem.stops for problem in self.problems)


@rule("CB111", "Waiver that cannot be used")
def waiver_can_be_used(place: str, wrong: str, way_out: str) -> Iterator[Finding]:
    """Check that a waiver names a rule that can be waived, a resource, a reason and its last day.

    Why it matters: a waiver that does nothing would leave its author in the belief that somebody decided. What the
    service itself enforces is refused all the same, and a loss of data has its own consent (CB303, CB307); so only
    warnings and the rules of caution CB107 and CB301 can be waived.

    How to fix it: correct the waiver, or remove it and mend the problem that it was to cover.
    """
    yield Broken(place, f"The waiver {place} cannot be used: {wrong}.", way_out)


def parse_waivers(written: Any) -> Waivers:
    """Read the waivers of a stack: a list of objects with code, resource, reason and expires; ``None``: none."""
    if written is None:
        return Waivers()
    if not isinstance(written, list | tuple):
        wrong = "a list of objects with code, resource, reason and expires is expected"
        return Waivers(problems=(_problem(SETTING, wrong, f"Make {SETTING} such a list."),))
    usable: list[Waiver] = []
    problems: list[Problem] = []
    for number, item in enumerate(written):
        place = f"{SETTING}[{number}]"
        found = _mistakes(item)
        if found or not isinstance(item, Mapping):
            problems.extend(_problem(place, wrong, way_out) for wrong, way_out in found)
        else:
            texts = {name: item[name].strip() for name in _FIELDS}
            usable.append(Waiver(**{**texts, "expires": _day(texts["expires"])}))
    return Waivers(tuple(usable), tuple(problems))


def settle(problems: Iterable[Problem], waivers: Waivers, today: str, *, strict: bool = False) -> Settled:
    """Mark the problems that a waiver lets pass today, and with ``strict`` make the other warnings errors.

    :param problems: What was found, in its order.
    :param waivers: From ``parse_waivers``.
    :param today: The day that is judged, as ``YYYY-MM-DD``.
    :param strict: Whether a warning stops a preview too; a waived one does not.
    """
    if not is_day(today):
        raise ValueError(f"{today!r} is no day as YYYY-MM-DD. This is a bug in the provider, please report it.")
    by_target: dict[tuple[str, str], list[Waiver]] = {}
    for waiver in waivers.usable:
        by_target.setdefault((waiver.code, waiver.resource), []).append(waiver)
    named: set[Waiver] = set()
    settled: list[Problem] = []
    refused: dict[Waiver, Problem] = {}
    for problem in problems:
        mine = [waiver for subject in problem.subjects for waiver in by_target.get((problem.code, subject), ())]
        named.update(mine)
        current = [waiver for waiver in mine if waiver.counts_on(today)]
        one = BOOK.get(problem.code)
        if current and one is not None and one.waives(problem.severity):
            settled.append(replace(problem, waived=current[0].reason))
            continue
        for waiver in current:
            wrong = f'what {waiver.code} found at "{waiver.resource}" is enforced by the service itself'
            refused.setdefault(waiver, _problem(SETTING, wrong, "Mend the problem and remove the waiver."))
        is_warning = problem.severity is Severity.WARNING
        settled.append(replace(problem, severity=Severity.ERROR) if strict and is_warning else problem)
    return Settled(
        (*settled, *waivers.problems, *refused.values()),
        expired=tuple(waiver for waiver in waivers.usable if waiver in named and not waiver.counts_on(today)),
        unused=tuple(waiver for waiver in waivers.usable if waiver not in named),
    )


def _mistakes(item: Any) -> list[tuple[str, str]]:
    """Return what is wrong with one waiver, and what to do."""
    if not isinstance(item, Mapping):
        return [("it is no object", f"Write it as an object with {', '.join(_FIELDS)}.")]
    missing = [name for name in _FIELDS if not isinstance(item.get(name), str) or not item[name].strip()]
    if missing:
        return [(f"{', '.join(missing)} must be a text that is not empty", f"Give {', '.join(missing)}.")]
    found = []
    more = sorted(str(name) for name in item if name not in _FIELDS)
    if more:
        found.append((f"{', '.join(more)} means nothing in a waiver", f"Remove {', '.join(more)}."))
    code = item["code"].strip()
    if code not in BOOK:
        near = near_codes(code)
        found.append((f'there is no rule "{code}"', f"Did you mean {' or '.join(near)}?" if near else "Correct code."))
    elif not BOOK[code].can_be_waived:
        found.append((f"{code} is not a rule of caution", "Mend the problem and remove the waiver."))
    if not is_day(_day(item["expires"].strip())):
        wrong = f'"{item["expires"]}" is no day of the calendar as YYYY-MM-DD'
        found.append((wrong, "Set expires to the last day of the waiver, such as 2030-12-31."))
    return found


def _day(written: str) -> str:
    """Return a day as it was written; Pulumi makes a moment of an unquoted one."""
    return written.removesuffix(_MIDNIGHT)


def _problem(place: str, wrong: str, way_out: str) -> Problem:
    (finding,) = waiver_can_be_used(place, wrong, way_out)
    assert not isinstance(finding, NotYetKnown)  # noqa: S101 - the rule yields nothing else
    return BOOK["CB111"].problem(finding)
