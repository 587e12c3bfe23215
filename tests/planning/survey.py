"""Survey the planner by hand: ``python tests/planning/survey.py FIRST LAST [CHECK ...]``, or one case: ``... SEED``.

Of many cases it prints every kind of complaint with the smallest cases that give cause for it; of one case the two
estates, the steps, the problems and the stages in short form, and all complaints.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from planning import checking
from planning.brute_force import TooMany
from planning.generating import Case, Resource, case_of
from planning.service_model import everything
from pulumi_cloudbackup.estate import MirrorVault

_URN = re.compile(r"urn:pulumi:[^']*::")
_NAME = re.compile(r"\b[vmn][\w@.-]*")


def survey(first: int, last: int, names: list[str]) -> None:
    """Print each kind of complaint once, most frequent first."""
    for check in checking.CHECKS:
        if names and check.__name__ not in names:
            continue
        found: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for seed in range(first, last):
            case = case_of(seed)
            size = len(everything(case.current)) + len(everything(case.desired))
            for why in _asked(check, case):
                found[_NAME.sub("_", why)[:80]].append((size, seed, why))
        for complaints in sorted(found.values(), key=len, reverse=True):
            complaints.sort()
            seeds = ", ".join(str(seed) for _, seed, _ in complaints[:5])
            sys.stdout.write(f"{len(complaints):5} {check.__name__}: {complaints[0][2][:200]} | seeds {seeds}\n")


def _asked(check: checking.Check, case: Case) -> list[str]:
    try:
        return [_URN.sub("", why) for why in check(case)]
    except TooMany:
        return []
    except AssertionError as error:
        return [f"cannot be read: {error}"]


def tell(case: Case) -> None:
    """Print one case."""
    plan = checking.planned(case).plan
    lines = [f"case {case.seed}: {', '.join(case.edits)}; limits {case.current.limits}, usage {case.current.usage}"]
    lines += ["current:", *map(_short, everything(case.current)), "desired:", *map(_short, everything(case.desired))]
    lines += ["steps:", *(f"  {step.id} < {', '.join(step.after)}" for step in plan.steps)]
    lines += [f"  {one.code} {one.severity} {one.subjects} {one.witness}" for one in plan.problems]
    lines += [
        f"  stage: hold {stage.holds}, exclude {stage.excludes}, target {stage.targets}: {stage.steps}, "
        f"bare {stage.bare_sources}"
        for stage in plan.stages
    ]
    for check in checking.CHECKS:
        lines += [f"{check.__name__}: {why}" for why in _asked(check, case)]
    sys.stdout.write(_URN.sub("", "\n".join(lines)) + "\n")


def _short(one: Resource) -> str:
    told = one.model_dump(exclude_defaults=True, exclude={"name", "source", "options"})
    told |= one.options.model_dump(exclude_defaults=True)
    if isinstance(one, MirrorVault):
        told["source"] = one.source if isinstance(one.source, str) else f"id:{one.source.id}"
    return f"  {one.name}: " + ", ".join(f"{key}={value}" for key, value in told.items())


if __name__ == "__main__":
    match sys.argv[1:]:
        case [seed]:
            tell(case_of(int(seed)))
        case [first, last, *names]:
            survey(int(first), int(last), names)
        case _:
            sys.stdout.write(__doc__ or "")
