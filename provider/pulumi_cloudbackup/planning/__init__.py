"""What changes, in which orders it can happen, whether each is safe, and how to stage what is not (design, "The plan").

Pure: estates go in, a plan comes out.
"""

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
from pulumi_cloudbackup.planning.planner import COPY_RATE, PLANNED_CODES, plan
from pulumi_cloudbackup.planning.run import Run
from pulumi_cloudbackup.planning.world import PlanError

__all__ = [
    "COPY_RATE",
    "PLANNED_CODES",
    "Action",
    "Change",
    "Exposure",
    "FieldChange",
    "Op",
    "Peak",
    "Plan",
    "PlanError",
    "Reason",
    "Run",
    "Stage",
    "Step",
    "plan",
]
