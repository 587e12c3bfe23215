"""Carrying a plan out, with a scripted CLI in the place of Pulumi's: what is run, what is told, and when it stops."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from dataclasses import replace as with_
from pathlib import Path
from typing import Any, cast

import pytest

from pulumi_cloudbackup.cli import main
from pulumi_cloudbackup.cloud import CloudError
from pulumi_cloudbackup.engine import carrying_out, copying
from pulumi_cloudbackup.engine.carrying_out import StoppedError, Ways, carry_out, destructions, why_not
from pulumi_cloudbackup.engine.event_stream import Diagnostic, Event, Moment, Observed, Step, StepEvent
from pulumi_cloudbackup.engine.exported import Exported, read_export
from pulumi_cloudbackup.engine.nothing_declared import judge_for
from pulumi_cloudbackup.engine.pulumi_cli import Asked, CliError, PulumiCli, Reason
from pulumi_cloudbackup.engine.stack_plan import PreviewFailedError, StackPlan, seen_in, with_live_facts
from pulumi_cloudbackup.engine.states import state_of
from pulumi_cloudbackup.estate import Estate, LiveVault, estate_from_json
from pulumi_cloudbackup.estate.live import GONE
from pulumi_cloudbackup.planning import Stage, plan
from pulumi_cloudbackup.planning.world import MIRROR_TYPE, VAULT_TYPE
from pulumi_cloudbackup.resources.holding import HELD_LENGTH_LIMIT, HOLD_VARIABLE
from pulumi_cloudbackup.resources.refusal import Refusal

NOTHING_KNOWN = Observed((), Estate(), {}, ())
FAILED = with_(NOTHING_KNOWN, failed=True)


def urn(name: str) -> str:
    kind = MIRROR_TYPE if name.startswith("m") else VAULT_TYPE
    return f"urn:pulumi:dev::shop::{kind}::{name}"


def estate(*mirrors: tuple[str, str], ids: bool = True, vaults: str = "abc", **parked: Any) -> Estate:
    """Return vaults and ``(mirror, source)``; ``ids``: whether they are there; ``parked``: mirrors without a vault."""
    there = {"status": "CREATED", "holds_data": False} if ids else {}

    def one(name: str, region_id: str, **more: Any) -> dict[str, Any]:
        given = {"name": name, "urn": urn(name), "region_id": region_id, "owner": f"shop/dev/{name}#x"}
        if parked.get(name):
            return {**given, "pending_replacement": True, **more}
        return {**given, **({"id": f"v-{name}"} if ids else {}), **there, **more}

    return estate_from_json(
        json.dumps(
            {
                "schema_version": 1,
                "vaults": [one(name, "cn-hangzhou") for name in vaults],
                "mirrors": [one(name, "cn-shanghai", source=source) for name, source in mirrors],
            }
        )
    )


SWAPPED = estate(("m1", "b"), ("m2", "a"), ids=False)
WAY_OF_A_SWAP = [
    estate(("m1", "a"), ("m2", "b")),
    estate(("m1", "b"), ("m2", "b"), m1=True),
    estate(("m1", "b"), ("m2", "a"), m1=True),
]


def planned(current: Estate, desired: Estate = SWAPPED, state: str | None = None, **counts: int) -> StackPlan:
    made = plan(current, desired, judges_estate=False)
    text = state if state is not None else exported(repr(current))
    return StackPlan(
        made, text, Exported(current, {}, None, None), with_(NOTHING_KNOWN, counts=counts), current, desired
    )


def exported(text: str, kind: str = VAULT_TYPE) -> str:
    """Return a state with one resource that says so."""
    resources = [
        {"urn": f"urn:pulumi:dev::shop::{kind}::one", "type": kind, "inputs": {"text": text}, "modified": text}
    ]
    return json.dumps({"version": 3, "deployment": {"resources": resources}})


def observed(*steps: str, failed: str = "", **more: Any) -> Observed:
    """Return a run with some steps, such as ``delete-replaced m1``; one of them may have failed."""
    told = tuple(
        Step(op, urn(name), "Vault", finished=0, has_failed=f"{op} {name}" == failed)
        for op, _, name in (step.partition(" ") for step in steps)
    )
    return with_(NOTHING_KNOWN, steps=told, failed=bool(failed), **more)


@dataclass
class Cli:
    """Notes what it is asked, and answers from a script."""

    runs: list[Observed | BaseException]
    states: Iterator[str]
    asked: list[Asked] = field(default_factory=list)
    tells: bool = False
    """Whether it tells the steps of its runs."""

    def up(self, asked: Asked, tell: Callable[[Event], object]) -> Observed:
        self.asked.append(asked)
        answer = self.runs.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        for step in answer.steps if self.tells else ():
            moment = Moment.FAILED if step.has_failed else Moment.DONE
            tell(StepEvent(moment, step.op, step.urn, None, None))
        return answer

    def export_state(self) -> str:
        return next(self.states)


def numbers() -> Iterator[str]:
    count = 0
    while True:
        count += 1
        yield exported(f"{count}")


@dataclass
class Carried:
    """What came of it."""

    cli: Cli
    told: list[str]
    stopped: str
    runs: int = 0


Carry = Callable[..., Carried]


@pytest.fixture
def carry(monkeypatch: pytest.MonkeyPatch) -> Carry:
    """Carry plans out, one after the other, with a script of runs."""

    def carried(  # noqa: PLR0913 - what a script consists of
        plans: list[StackPlan | Exception],
        runs: list[Observed | BaseException],
        *,
        agreed: Counter[str] | None = None,
        states: Iterator[str] | None = None,
        ways: Callable[[Ways], Ways] = lambda ways: ways,
        tells: bool = False,
    ) -> Carried:
        told: list[str] = []
        first, *rest = plans
        assert isinstance(first, StackPlan)

        def plan_stack(*_: object, **__: object) -> StackPlan:
            answer = rest.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(carrying_out, "plan_stack", plan_stack)
        cli = Cli(runs, states if states is not None else numbers(), tells=tells)
        agreement = destructions(first.plan.steps) if agreed is None else agreed
        try:
            count = carry_out(
                cast("PulumiCli", cli), first, agreement, ways(Ways(Asked(flags=("--parallel=2",)), told.append))
            )
        except StoppedError as error:
            return Carried(cli, told, str(error))
        return Carried(cli, told, "", count)

    return carried


def way_of_a_swap() -> list[StackPlan | Exception]:
    return [planned(current) for current in WAY_OF_A_SWAP]


RUNS_OF_A_SWAP = (
    observed("delete-replaced m1"),
    observed("delete-replaced m2", "create-replacement m2"),
    observed("create-replacement m1"),
)


def test_a_swap(carry: Carry) -> None:
    """Each run leaves out and holds what its stage says; the last one holds nothing, and its order is judged here."""
    plans = [planned(current) for current in WAY_OF_A_SWAP]
    carried = carry([*plans], [*RUNS_OF_A_SWAP])
    assert (carried.stopped, carried.runs) == ("", 3)
    stages = [one.plan.stages[0] for one in plans]
    assert [one.excludes for one in carried.cli.asked] == [stage.excludes for stage in stages]
    assert stages[0].holds == (urn("m1"),)
    held = [",".join(f"shop/dev/{one.rpartition('::')[2]}#x" for one in stage.holds) for stage in stages]
    assert [one.environment.get(HOLD_VARIABLE) for one in carried.cli.asked] == [*held[:2], ""]
    assert {one.flags for one in carried.cli.asked} == {("--parallel=2",)}
    assert carried.told == [
        "stage 1 of 3: delete the old m1",
        "stage 2 of 3: delete the old m2, create the new m2",
        "stage 3 of 3: create the new m1",
    ]


def test_flags_that_only_updates_take(carry: Carry) -> None:
    """They reach the runs behind the others."""
    ways = lambda one: with_(one, run_flags=("--continue-on-error",))  # noqa: E731 - a row of a table
    carried = carry(way_of_a_swap(), [*RUNS_OF_A_SWAP], ways=ways)
    assert {one.flags for one in carried.cli.asked} == {("--parallel=2", "--continue-on-error")}


def test_nothing_to_do(carry: Carry) -> None:
    """No run is made for nothing; other people's resources are something."""
    same = estate(("m1", "b"), ("m2", "a"))
    assert carry([planned(same, same=4)], []).runs == 0
    carried = carry([planned(same, update=1)], [observed()], states=iter(()))
    assert (carried.runs, carried.told) == (1, ["stage 1 of 1: an update without a call for vaults"])


def test_a_stack_that_others_change_meanwhile(carry: Carry) -> None:
    """Who was asked has agreed to a plan of the stack as it was."""
    ways = lambda one: with_(one, has_waited=True)  # noqa: E731 - a row of a table
    plans = way_of_a_swap()
    assert isinstance(plans[0], StackPlan)
    carried = carry(plans, [], ways=ways, states=iter([exported("other")]))
    assert (carried.cli.asked, carried.stopped.partition(";")[0]) == (
        [],
        "somebody changed the stack since the plan was made",
    )
    first = plans[0].state
    carried = carry(way_of_a_swap(), [*RUNS_OF_A_SWAP], ways=ways, states=iter([first, "{}", exported("x"), "{}"]))
    assert (carried.stopped, carried.runs) == ("", 3)


def test_a_failed_stage(carry: Carry) -> None:
    """It is told what failed, what is done and what remains; no further run is made."""
    failed = observed("delete-replaced m2", failed="delete-replaced m2")
    said = (Diagnostic("error", "The service is closed.\n"), Diagnostic("error", "The service is closed."))
    failed = with_(failed, diagnostics=(*said, Diagnostic("error", "update failed"), Diagnostic("info", "a note")))
    carried = carry(way_of_a_swap(), [RUNS_OF_A_SWAP[0], failed])
    assert carried.stopped.splitlines() == [
        "stage 2 failed:",
        "The service is closed.",
        "done: stage 1: delete the old m1",
        "remains: delete the old m2, create the new m2",
        "remains: create the new m1",
        "What is done is in the state of the stack: the same command plans anew and goes on from there.",
    ]


def test_what_has_ended_does_not_remain(carry: Carry) -> None:
    """Of the stage that was interrupted, too."""
    interrupted = with_(observed("delete-replaced m2"), cancelled=True)
    carried = carry(way_of_a_swap(), [RUNS_OF_A_SWAP[0], interrupted], tells=True)
    assert carried.stopped.splitlines()[1:-1] == [
        "done: stage 1: delete the old m1",
        "remains: create the new m2",
        "remains: create the new m1",
    ]


@pytest.mark.parametrize(
    ("plans", "runs", "words"),
    [
        pytest.param(way_of_a_swap(), [with_(FAILED, cancelled=True)], "stage 1 was interrupted", id="in a run"),
        pytest.param(way_of_a_swap(), [KeyboardInterrupt()], "interrupted", id="between runs"),
        pytest.param(
            way_of_a_swap(), [CliError(Reason.LOCKED, "somebody else is at it")], "somebody else is at it", id="no run"
        ),
        pytest.param(
            [way_of_a_swap()[0], PreviewFailedError("it says no")],
            [RUNS_OF_A_SWAP[0]],
            "the plan could not be made anew: it says no",
            id="a preview fails",
        ),
        pytest.param(
            [way_of_a_swap()[0], CliError(Reason.NO_PASSPHRASE, "it is forgotten")],
            [RUNS_OF_A_SWAP[0]],
            "it is forgotten",
            id="no preview",
        ),
    ],
)
def test_what_can_be_gone_on_with(
    plans: list[StackPlan | Exception], runs: list[Observed | BaseException], words: str, carry: Carry
) -> None:
    """Whatever stops it, what remains is told, and that the same command goes on."""
    lines = carry(plans, [*runs]).stopped.splitlines()
    assert lines[0] == words
    assert "remains: delete the old m2, create the new m2" in lines
    assert lines[-1].endswith("goes on from there.")


def test_what_was_not_agreed_to(carry: Carry) -> None:
    """Nothing is run; to say the same again would not help."""
    carried = carry(way_of_a_swap(), [], agreed=Counter([urn("m1")]))
    assert carried.cli.asked == []
    assert carried.stopped.splitlines()[0] == (
        "the plan would delete what was not agreed to: m2. Look at a new plan, and agree to that"
    )
    assert "goes on" not in carried.stopped


def test_a_later_plan_deletes_more(carry: Carry) -> None:
    """The program was changed between two stages: what it deletes now nobody has seen."""
    more = planned(WAY_OF_A_SWAP[1], estate(("m1", "b"), ("m2", "a"), ids=False, vaults="ab"))
    carried = carry([way_of_a_swap()[0], more], [RUNS_OF_A_SWAP[0]])
    assert carried.stopped.startswith("the plan would delete what was not agreed to: c.")
    assert "done: stage 1: delete the old m1" in carried.stopped


@pytest.mark.parametrize(
    ("run", "is_refused"),
    [
        pytest.param(observed("delete-replaced m1", "create-replacement m1"), True, id="it was deleted already"),
        pytest.param(observed(), False, id="it was not yet"),
    ],
)
def test_every_agreement_is_used_up(run: Observed, is_refused: bool, carry: Carry) -> None:
    """A vault that was deleted and created again may not be deleted a second time."""
    carried = carry([*way_of_a_swap()[:1], *way_of_a_swap()[:1], ValueError("enough")], [run, observed()])
    assert ("not agreed to: m1" in carried.stopped) is is_refused


def test_the_agreement_of_the_caller_stays_as_it_is(carry: Carry) -> None:
    agreed = Counter([urn("m1"), urn("m2")])
    assert carry(way_of_a_swap(), [*RUNS_OF_A_SWAP], agreed=agreed).stopped == ""
    assert agreed == Counter([urn("m1"), urn("m2")])


def test_a_state_that_does_not_move(carry: Carry) -> None:
    """An update that did nothing is no progress: it would be run for ever."""
    same = exported("same")
    first = planned(WAY_OF_A_SWAP[0], state=same.replace('"modified": "same"', '"modified": "before"'))
    carried = carry([first], [RUNS_OF_A_SWAP[0]], states=iter([same]))
    assert carried.stopped.startswith(
        "stage 1 ended well, but the state has not moved: this is a bug in cloudbackup, please report it"
    )
    assert "done: stage 1: delete the old m1" in carried.stopped


def test_a_state_in_which_only_others_move(carry: Carry) -> None:
    """What others have does not count."""
    first = planned(WAY_OF_A_SWAP[0], state=exported("one", "acme:index:Thing"))
    carried = carry([first], [RUNS_OF_A_SWAP[0]], states=iter([exported("two", "acme:index:Thing")]))
    assert "the state has not moved" in carried.stopped


def test_there_is_an_end(carry: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying_out, "_MOST_RUNS", 2)
    carried = carry([*way_of_a_swap()[:1] * 2], [observed(), observed()])
    assert carried.stopped.startswith("there is no end of stages: this is a bug in cloudbackup")


def test_an_owner_that_is_not_known(carry: Carry) -> None:
    """Nothing can be held then, and nothing is run."""
    carried = carry([with_(planned(WAY_OF_A_SWAP[0]), desired=Estate())], [])
    assert carried.stopped.startswith("the owner of a vault that has to wait is not known yet\nremains: ")


def test_too_many_to_hold(carry: Carry) -> None:
    first = planned(WAY_OF_A_SWAP[0])
    long = [one.model_copy(update={"owner": "x" * (HELD_LENGTH_LIMIT + 1)}) for one in first.desired.mirrors]
    first = with_(first, desired=first.desired.model_copy(update={"mirrors": tuple(long)}))
    assert "too many to hold at once" in carry([first], []).stopped


def test_waiting_between_runs(carry: Carry) -> None:
    """It comes after each run but the last; what it finds may stop the rest."""
    seen: list[int] = []

    def between(_: StackPlan, run: Observed) -> None:
        seen.append(len(run.steps))
        if len(seen) == 2:
            raise Refusal("it is gone")

    ways = lambda one: with_(one, between=between)  # noqa: E731 - a row of a table
    carried = carry(way_of_a_swap(), [*RUNS_OF_A_SWAP], ways=ways)
    assert seen == [1, 2]
    assert carried.stopped.splitlines()[0] == "it is gone"
    assert "remains: create the new m1" in carried.stopped
    assert "remains: delete the old m2" not in carried.stopped


def test_very_many_steps_are_told_in_part(carry: Carry) -> None:
    names = [f"v{number}" for number in range(40)]
    now = planned(Estate(), estate(ids=False, vaults=cast("str", names)))
    carried = carry([now], [observed()])
    assert carried.told[0].startswith("stage 1 of 1: create v0, create v1, ")
    assert carried.told[0].endswith(", and 29 steps more")


@pytest.mark.parametrize(
    ("current", "desired", "words"),
    [
        pytest.param(WAY_OF_A_SWAP[0], SWAPPED, None, id="an order that stages cure"),
        pytest.param(
            estate(vaults="a"),
            estate(("m1", "a"), ("m2", "a"), ids=False, vaults="a"),
            "the plan has errors that have to be mended first (CB202)",
            id="an error",
        ),
    ],
)
def test_why_not(current: Estate, desired: Estate, words: str | None) -> None:
    """Errors of order do not stand in the way as long as there are stages."""
    assert why_not(plan(current, desired)) == words


def test_why_not_without_stages() -> None:
    made = plan(WAY_OF_A_SWAP[0], SWAPPED)
    assert why_not(with_(made, stages=())) == "no sequence of updates is safe; the plan says what to change"


def event(op: str, moment: Moment = Moment.DONE, name: str = "m1", id_: str = "v-1") -> StepEvent:
    before = state_of({"urn": urn(name), "type": MIRROR_TYPE, "id": id_}) if op.startswith("delete") else None
    return StepEvent(moment, op, urn(name), before, None)


@pytest.mark.parametrize(
    ("happened", "words"),
    [
        (event("create"), "created mirror vault m1"),
        (event("create-replacement", name="a"), "created the new vault a"),
        (event("create", name="m2"), "left for a later stage: mirror vault m2"),
        (event("update", name="a"), "updated vault a"),
        (event("delete"), "deleted mirror vault m1"),
        (event("delete-replaced"), "deleted the old mirror vault m1"),
        (event("delete", name="b"), "forgot vault b: the vault stays"),
        (event("delete-replaced", id_="parked-abc"), None),
        (event("delete-replaced", Moment.FAILED), "failed: delete the old mirror vault m1"),
        (event("create", Moment.STARTED), None),
        (event("same"), None),
        (Diagnostic("info", "hello"), None),
    ],
)
def test_progress(happened: Event, words: str | None) -> None:
    """What has happened at the service is told, one line each."""
    assert carrying_out._progress(happened, frozenset([urn("m2")]), frozenset([urn("b")])) == words


def test_a_stage_without_steps() -> None:
    assert carrying_out._in_words(Stage("pulumi up", (), (), (), (), ())) == "an update without a call for vaults"


class Copies:
    """A service whose mirrors get on with every question."""

    def __init__(self, *answers: LiveVault | CloudError | None) -> None:
        self.answers = list(answers)

    def cloud(self, _: str | None) -> Copies:
        return self

    def get_vault(self, region_id: str, vault_id: str) -> LiveVault | None:
        assert (region_id, vault_id) == ("cn-shanghai", "v-m1")
        answer = self.answers.pop(0)
        if isinstance(answer, CloudError):
            raise answer
        return answer


def copied(percent: int | None, status: str = "CREATED") -> LiveVault:
    return LiveVault("v-m1", "cn-shanghai", status=status, replication_progress=percent)


def waited_for(service: Copies, monkeypatch: pytest.MonkeyPatch, *steps: str) -> list[str]:
    """Wait for the mirrors that a run created, and return what was told."""
    told: list[str] = []
    outputs = {"vault_id": "v-m1", "region_id": "cn-shanghai"}
    state = {"deployment": {"resources": [{"urn": urn("m1"), "type": MIRROR_TYPE, "outputs": outputs}]}}
    monkeypatch.setattr(copying, "session_of", lambda _: service)
    monkeypatch.setattr(copying, "PAUSE", 0.0)
    run = observed(*steps)
    run = with_(run, steps=tuple(with_(one, kind="MirrorVault") for one in run.steps))
    copying.wait_until_copied(cast("PulumiCli", Cli([], iter([json.dumps(state)]))), run, told.append)
    return told


def test_waiting_for_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked again until all is copied, also where the service does not answer for a moment."""
    service = Copies(copied(None), CloudError("DescribeVaults", "Throttling", "slowly"), copied(40), copied(100))
    assert waited_for(service, monkeypatch, "create-replacement m1") == [
        "  waiting: m1 holds an unknown part of the history"
    ]
    assert service.answers == []


def test_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waited_for(Copies(), monkeypatch, "delete-replaced m1", "update m1") == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, 'Mirror vault "m1" (v-m1) is gone while its copy was waited for'),
        (copied(40, "ERROR"), 'Mirror vault "m1" (v-m1) is in ERROR while its copy was waited for'),
    ],
)
def test_a_copy_that_never_comes(answer: LiveVault | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""
    with pytest.raises(Refusal, match=words.replace("(", r"\(").replace(")", r"\)")):
        waited_for(Copies(answer), monkeypatch, "create m1")


def test_a_copy_that_nobody_may_ask_about(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CloudError, match="Forbidden"):
        waited_for(Copies(CloudError("DescribeVaults", "Forbidden.RAM", "no")), monkeypatch, "create m1")


def seen(folder: Path, current: dict[str, Any]) -> Any:
    file = folder / "judgement.json"
    document = {
        "schema_version": 1,
        "current": {"schema_version": 1, **current},
        "desired": {"schema_version": 1},
        "problems": [],
        "not_yet_known": [],
        "verified_live": True,
        "notes": [],
        "settings": {},
    }
    file.write_text(json.dumps(document))
    return seen_in(file)


@pytest.mark.parametrize(("told", "status"), [(GONE, GONE), (None, "CREATED")])
def test_a_vault_that_the_live_account_has_no_more(told: str | None, status: str, tmp_path: Path) -> None:
    """What the program saw to be gone is gone; what it says nothing of is as the state has it."""
    said = estate(vaults="a").vaults[0]
    entry = {"name": said.name, "urn": said.urn, "region_id": "cn-hangzhou", "id": said.id, "status": told}
    judged = seen(tmp_path, {"vaults": [entry] if told is not None else []})
    assert with_live_facts(estate(vaults="a"), judged).vaults[0].status == status


def test_what_an_earlier_update_left_hides_no_live_facts(tmp_path: Path) -> None:
    """It has the URN of its successor."""
    said = estate(vaults="a").vaults[0]
    entry = {"name": said.name, "urn": said.urn, "region_id": "cn-hangzhou", "id": said.id, "status": GONE}
    left = {**entry, "id": "v-left", "status": "CREATED", "pending_delete": True}
    judged = seen(tmp_path, {"vaults": [entry, left]})
    assert with_live_facts(estate(vaults="a"), judged).vaults[0].status == GONE


def test_without_anything_of_ours_nobody_is_asked(tmp_path: Path) -> None:
    """Neither the configuration nor the account."""
    state = exported("", "acme:index:Thing")
    file = tmp_path / "judgement.json"
    judge_for(cast("PulumiCli", None), read_export(state), state, file)
    assert seen_in(file) is None


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--stack=prod"], "--stack goes before --: the state and the updates are those of one stack"),
        (["-C", "elsewhere"], "-C goes before --: the state and the updates are those of one stack"),
        (["--target", "urn:x"], "--target does not go with stages"),
        (["--exclude=urn:x"], "--exclude does not go with stages"),
    ],
)
def test_flags_that_are_refused(
    flags: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is done is for the stages to say, and where for our own arguments."""
    assert main(["up", str(tmp_path), "--yes", "--", *flags]) == 1
    assert capsys.readouterr().err.startswith(f"cloudbackup: up: {words}")
