"""Plans made by hand, as the planner would make them, and what their reports look like.

python tests/reports/samples.py --write        writes the reports in golden/ and docs/plan.md, and the schema, anew
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

from pulumi_cloudbackup.estate import UNKNOWN, estate_from_json
from pulumi_cloudbackup.planning import plan
from pulumi_cloudbackup.planning.plan import (
    Action,
    Change,
    Exposure,
    FieldChange,
    Op,
    Peak,
    Plan,
    Reason,
    Stage,
    Step,
)
from pulumi_cloudbackup.reports.checks import check_as_markdown
from pulumi_cloudbackup.reports.findings import Findings, Place, Places, findings_of_check, findings_of_plan
from pulumi_cloudbackup.reports.junit import as_junit
from pulumi_cloudbackup.reports.plans import plan_as_json, plan_as_markdown, plan_as_text, plan_schema
from pulumi_cloudbackup.reports.problems import ProblemReport
from pulumi_cloudbackup.reports.sarif import as_sarif
from pulumi_cloudbackup.rules import Open, Problem, Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def urn(name: str, kind: str = "Vault") -> str:
    return f"urn:pulumi:dev::shop::pulumi-python:cloudbackup:{kind}::{name}"


def change(action: Action, name: str, reason: Reason, kind: str = "Vault", **more: object) -> Change:
    fields = {"urn": urn(name, kind), "account": "default", **more}
    return Change(name=name, kind=kind, action=action, reason=reason, **fields)  # type: ignore[arg-type]


def step(op: Op, name: str, region_id: str, *after: str, kind: str = "Vault", account: str = "default") -> Step:
    return Step(f"{op} {name}", op, name, urn(name, kind), kind, region_id, account, after)


EMPTY = Plan(
    changes=(),
    unchanged=(),
    steps=(),
    problems=(),
    not_yet_known=(),
    stages=(),
    stages_optimal=True,
    peaks=(),
    exposure=(),
    inputs_digest="0" * 64,
    verified_live=False,
)
UNCHANGED = tuple(change(Action.NONE, f"v{number}", Reason.UNCHANGED) for number in range(12))
NOTHING = replace(EMPTY, unchanged=UNCHANGED, verified_live=True)

FIRST = replace(
    EMPTY,
    changes=(
        change(Action.CREATE, "orders", Reason.NEW),
        change(Action.CREATE, "orders-dr", Reason.NEW, "MirrorVault"),
    ),
    steps=(
        step(Op.CREATE, "orders", "cn-hangzhou"),
        step(Op.CREATE, "orders-dr", "cn-shanghai", "create orders", kind="MirrorVault"),
    ),
    stages=(Stage("pulumi up", (), (), (), ("create orders", "create orders-dr"), ()),),
    peaks=(
        Peak("vaults", "", "default", 0, 2, 100, lower_bound=True),
        Peak("mirrors_per_region", "cn-shanghai", "default", 0, 1, 5, lower_bound=True),
    ),
    not_yet_known=(Open("CB202", "orders-dr", "source"), Open("CB210", "orders-dr", "source")),
)
"""A vault and its mirror are created."""

_DR, _MIRROR = "delete orders-dr", "create orders-mirror"
RENAME = replace(
    EMPTY,
    changes=(
        change(Action.DELETE, "orders-dr", Reason.REMOVED, "MirrorVault"),
        change(Action.CREATE, "orders-mirror", Reason.NEW, "MirrorVault"),
    ),
    unchanged=UNCHANGED[:1],
    steps=(
        step(Op.CREATE, "orders-mirror", "cn-shanghai", kind="MirrorVault"),
        Step("barrier 1", Op.BARRIER, after=(_MIRROR,)),
        step(Op.DELETE, "orders-dr", "cn-shanghai", "barrier 1", kind="MirrorVault"),
    ),
    problems=(
        Problem(
            "CB401",
            ERROR,
            "Mirror vault created before the old one of its source is deleted",
            'Mirror vault "orders-mirror" would be created while "orders-dr" still copies "orders".',
            "Add an alias:\n  opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name='orders-dr')])",
            ("orders-mirror",),
            "name",
            witness=(_MIRROR,),
        ),
        Problem("CB405", WARNING, "Source is bare", '"orders" has no mirror for a time.', "Wait.", ("orders",)),
    ),
    stages=(
        Stage(
            f"pulumi up --target '{urn('orders-dr', 'MirrorVault')}'", (urn("orders-dr"),), (), (), (_DR,), ("orders",)
        ),
        Stage("pulumi up", (), (), (), (_MIRROR,), ()),
    ),
    peaks=(Peak("mirrors_per_region", "cn-shanghai", "default", 5, 6, 5, lower_bound=False),),
    exposure=(Exposure("orders", 200, "3 h for 1 TB at 100 MB/s"),),
    verified_live=True,
)
"""A mirror is renamed without an alias; two runs are safe."""

LOSS = replace(
    EMPTY,
    changes=(
        change(Action.DELETE, "archive", Reason.REMOVED, account="far"),
        change(
            Action.REPLACE,
            "orders",
            Reason.ARGUMENTS,
            fields=(FieldChange("region_id", "cn-hangzhou", "cn-beijing", replaces=True),),
        ),
        change(
            Action.REPLACE,
            "orders-dr",
            Reason.SOURCE_REPLACED,
            "MirrorVault",
            old_urn=urn("orders-copy", "MirrorVault"),
            fields=(FieldChange("source", "v-1", UNKNOWN, replaces=True),),
        ),
        change(
            Action.UPDATE,
            "sales",
            Reason.ARGUMENTS,
            fields=(
                FieldChange("tags.team", None, "ops", replaces=False),
                FieldChange("worm_enabled", before=False, after=True, replaces=False),
            ),
        ),
    ),
    unchanged=UNCHANGED,
    steps=(
        Step(
            "delete-replaced orders-dr",
            Op.DELETE_REPLACED,
            "orders-copy",
            urn("orders-copy", "MirrorVault"),
            "MirrorVault",
            "cn-shanghai",
            "default",
        ),
        step(Op.DELETE_REPLACED, "orders", "cn-hangzhou", "delete-replaced orders-dr"),
        step(Op.CREATE_REPLACEMENT, "orders", "cn-beijing", "delete-replaced orders"),
        step(Op.CREATE_REPLACEMENT, "orders-dr", "", "create-replacement orders", kind="MirrorVault"),
        step(Op.UPDATE, "sales", "cn-hangzhou"),
        step(Op.DELETE, "archive", "cn-beijing", "create-replacement orders-dr", "update sales", account="far"),
    ),
    problems=(
        Problem(
            "CB303",
            ERROR,
            "Deleting a vault would destroy its backup data",
            "Changing region_id replaces it.",
            "First run `pulumi up` with only force_destroy=True.",
            ("orders",),
            "region_id",
        ),
        Problem(
            "CB305",
            WARNING,
            "Locked vault would be deleted",
            "It is locked.",
            "Keep it.",
            ("archive",),
            waived="agreed",
        ),
        Problem(
            "CB201",
            ERROR,
            "Mirror vault in the region of its source",
            "Both are there.",
            "Move it.",
            ("orders-dr",),
            "region_id",
        ),
    ),
    notes=("a waiver of CB107 has expired",),
)
"""Two vaults lose their data."""

EVIL = replace(
    EMPTY,
    changes=(
        change(
            Action.UPDATE,
            "a|b`c</code><img src=x onerror=alert(1)>\x1b[2J\n# @ops [x](https://evil) \u202e",
            Reason.ARGUMENTS,
            fields=(FieldChange("tags.`|\x07", "@all | `x`", "</details>\n<script>", replaces=False),),
        ),
    ),
    problems=(
        Problem(
            "CB108",
            WARNING,
            "Tags",
            "The tag `|</details>` of @ops is **wrong**.",
            "Run:\n  pulumi up </pre>\x1b[0m",
            ("a\nb|",),
            "tags.`|\x07",
        ),
    ),
    stages=(Stage("pulumi up --exclude '<b>'", (), ("urn::<b>",), ("urn::@ops",), (), ("</pre>",)),),
    exposure=(Exposure("<i>", 45, "@ops"),),
    notes=("</details>",),
    command="destroy",
)
"""Names that would steer a terminal or a web page."""

CHECKED = ProblemReport(
    problems=(
        *LOSS.problems,
        Problem("CB208", WARNING, "Key of another region", "The key is of cn-hangzhou.", "Use its own.", ("sales-dr",)),
        Problem("CB211", ERROR, "More than five mirror vaults in a region", "There are 6.", "Have fewer.", ()),
        Problem("kms-for-finance", WARNING, "Finance without KMS", "It has none.", "Use KMS.", ("sales", "sales-dr")),
    ),
    not_yet_known=(*FIRST.not_yet_known, Open("CB103", "network", "region_id")),
    unverified=("CB103", "CB207"),
    declared=6,
    notes=("a waiver of CB107 has expired",),
    resources={
        **{name: urn(name) for name in ("orders", "archive", "sales", "network", "fine")},
        **{name: urn(name, "MirrorVault") for name in ("orders-dr", "sales-dr")},
    },
)
"""A check that finds something of everything; one problem is that of a policy."""

ALL = {"nothing": NOTHING, "first": FIRST, "rename": RENAME, "loss": LOSS, "evil": EVIL}
PLACES = Places(
    Place("infra/__main__.py"), {"orders": Place("infra/__main__.py", 7), "orders-dr": Place("infra/mirrors.py", 12)}
)
FINDINGS = {
    "check": findings_of_check(CHECKED),
    "clean": findings_of_check(ProblemReport((), verified_live=True)),
    **{name: findings_of_plan(one) for name, one in ALL.items()},
}
GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "plan.md"
SCHEMA = ROOT / "provider" / "pulumi_cloudbackup" / "schemas" / "plan.schema.json"


def page(text: str) -> str:
    """Return the page about plans with what is printed for its two estates."""
    current, desired = (estate_from_json(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL))
    printed = plan_as_text(plan(current, desired))
    return re.sub(r"```text\n.*?```", lambda _: f"```text\n{printed}```", text, flags=re.DOTALL)


def sarif(found: Findings) -> str:
    """Return what a tool of CI reads, of a release that there is not."""
    return as_sarif(found, PLACES, version="1.2.3", category="infra/__main__.py/dev")


def reports() -> dict[Path, str]:
    """Every file that is written from the samples, and what it holds."""
    found = {
        PAGE: page(PAGE.read_text(encoding="utf-8")),
        SCHEMA: plan_schema(),
        GOLDEN / "loss.colour.txt": plan_as_text(LOSS, colour=True),
    }
    for name, one in ALL.items():
        found[GOLDEN / f"{name}.txt"] = plan_as_text(one)
        found[GOLDEN / f"{name}.md"] = plan_as_markdown(one)
    for name, told in FINDINGS.items():
        found[GOLDEN / f"{name}.junit.xml"] = as_junit(told, PLACES)
        found[GOLDEN / f"{name}.sarif"] = sarif(told)
    found[GOLDEN / "check.md"] = check_as_markdown(CHECKED)
    for name in ("first", "loss"):
        found[GOLDEN / f"{name}.json"] = plan_as_json(ALL[name])
    return found


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    for file, text in reports().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
