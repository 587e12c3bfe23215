"""`cloudbackup plan`, `up` and `release` on stacks of the real engine; docs/staged.md tells what they do."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine_harness import Project
from engine_samples import FIRST, NEIGHBOURS
from grounds import Did, Ground, Grounds, calls_of, cloudbackup
from pulumi_cloudbackup.engine import copying
from pulumi_cloudbackup.reports.plans import plan_from_json
from staged import PAGE, Staged, outcome_of, sections

STAGED = sections(PAGE.read_text())
PAIR = """\
orders = Vault("orders", region_id="cn-hangzhou")
MirrorVault("orders-dr", source=orders, region_id="cn-shanghai")
"""
RENAMED = PAIR.replace("orders-dr", "orders-mirror")
TWO = """\
a = Vault("a", region_id="cn-hangzhou")
b = Vault("b", region_id="cn-beijing")
MirrorVault("m1", source=a, region_id="cn-shanghai")
MirrorVault("m2", source=b, region_id="cn-shanghai")
"""
SWAPPED = TWO.replace("source=a", "source=?").replace("source=b", "source=a").replace("source=?", "source=b")
GOES_ON = "What is done is in the state of the stack: the same command plans anew and goes on from there."
MIRRORS_AFTER_A_SWAP = {"m1": "in cn-shanghai copies b", "m2": "in cn-shanghai copies a"}


@pytest.fixture(scope="module")
def grounds() -> Iterator[Grounds]:
    with Grounds() as grounds:
        yield grounds


@pytest.fixture
def pair(grounds: Grounds) -> Iterator[Ground]:
    """A vault and its mirror, deployed."""
    with grounds.of(PAIR) as ground:
        yield ground


@pytest.fixture
def two(grounds: Grounds) -> Iterator[Ground]:
    """Two vaults and their mirrors, deployed; they are to exchange their sources."""
    with grounds.of(TWO) as ground:
        ground.project.program(SWAPPED)
        yield ground


def refused(ground: Ground) -> list[str]:
    """The calls that the service refused."""
    return [f"{call['action']} {call['code']}" for call in ground.service.calls() if str(call["code"]) != "200"]


def finished(ground: Ground, mirrors: dict[str, str]) -> None:
    """The mirrors are where they are to be, no call was refused on the way, and there is nothing to change."""
    assert ground.mirrors() == mirrors
    assert refused(ground) == []
    ground.project.run("preview", "--expect-no-changes").ok()


def progress(did: Did) -> list[str]:
    return [line.removeprefix("cloudbackup: up: ") for line in did.err.splitlines()][1:]


@pytest.mark.parametrize("change", [pytest.param(one, id=one.title) for one in STAGED])
def test_staged(change: Staged, grounds: Grounds) -> None:
    """docs/staged.md tells what happened; `python tests/staged.py --write` writes it anew."""
    outcome = outcome_of(change, grounds)
    assert outcome.said == change.said
    assert not any("[" in call for call in outcome.calls)
    if change.lost:
        assert (outcome.up.code, outcome.calls, outcome.plain.calls) == (3, [], [])
    else:
        assert outcome.up.code == 0, outcome.up.err
        outcome.again.ok()


def test_the_page() -> None:
    assert len(STAGED) == 10
    assert all(len(one.said) == 4 for one in STAGED)


@pytest.mark.parametrize("ignored", ["region_id", "*"])
def test_a_source_that_the_engine_keeps_as_it_is(pair: Ground, ignored: str) -> None:
    """Its mirror is wired to what the source really is, and not to what is written and ignored."""
    opts = f'opts=pulumi.ResourceOptions(ignore_changes=["{ignored}"])'
    pair.project.program(PAIR.replace('cn-hangzhou")', f'cn-chengdu", {opts})'))
    plan = cloudbackup(pair.project, "plan", "--detailed-exitcode")
    assert (plan.code, plan.out.splitlines()[-1]) == (0, "nothing to change, 2 unchanged"), plan.out
    pair.project.run("preview", "--expect-no-changes").ok()
    assert pair.project.up().ok().calls == []


def test_a_loss_that_only_the_provider_knows(pair: Ground) -> None:
    """A region that the program keeps secret: the plan is made all the same, with the provider's reason."""
    pair.service.patch("orders", SnapshotCount=3)
    pair.project.program(PAIR.replace('"cn-hangzhou"', 'pulumi.Output.secret("cn-chengdu")'))
    did = cloudbackup(pair.project, "plan")
    assert (did.code, did.out.count("error CB303")) == (3, 1)
    assert "replace orders (vault in cn-hangzhou)" in did.out
    assert "(3 backup points)" in did.out
    assert refused(pair) == []


def test_a_changed_secret(pair: Ground, tmp_path: Path) -> None:
    """No plan may show it, and each one says that it changes: with the engine, offline, and where it is carried out."""
    project = pair.project
    text = (
        'description=pulumi.Config().require_secret("contact"), tags={"to": pulumi.Config().require_secret("contact")}'
    )
    project.program(PAIR.replace('cn-hangzhou")', f'cn-hangzhou", {text})'))
    project.config("contact", "somebody", "--secret").ok()
    project.up().ok()
    (tmp_path / "state.json").write_text(project.run("stack", "export", "--show-secrets", "--stack", "dev").output)
    offline = ("--offline", "--state", str(tmp_path / "state.json"))
    nothing = [cloudbackup(project, "plan", *more).out for more in ((), (*offline, "--config", "contact=somebody"))]
    assert [one.splitlines()[-1] for one in nothing] == ["nothing to change, 2 unchanged"] * 2
    stood_in = cloudbackup(project, "plan", *offline).out
    assert "Not compared, because secrets of the configuration are stood in for: orders (description)" in stood_in
    assert stood_in.splitlines()[-1] == "nothing to change, 2 unchanged"

    project.config("contact", "somebody else", "--secret").ok()
    changed = [
        cloudbackup(project, "plan", *more).out for more in ((), (*offline, "--config", "contact=somebody else"))
    ]
    for one in changed:
        assert "~ update orders (vault in cn-hangzhou): not shown" in one
        assert "description: not shown -> not shown" in one
        assert one.splitlines()[-1] == "1 to update, 1 unchanged"
        assert "somebody" not in one
    done = cloudbackup(project, "up", "--yes")
    assert done.code == 0, done.err
    assert progress(done) == ["stage 1 of 1: update orders", "  updated vault orders", "done in 1 stage"]
    assert pair.service.by_name("orders")["Description"].startswith("somebody else")


def test_a_mirror_that_is_to_take_over_what_the_stack_has(pair: Ground) -> None:
    """It is told once, and nothing that would delete it is offered."""
    (mirror,) = (id_ for id_, name in pair.names().items() if name == "orders-dr")
    pair.project.program(RENAMED.replace('"cn-shanghai"', f'"cn-shanghai", adopt_id="{mirror}"'))
    did = cloudbackup(pair.project, "plan")
    assert (did.code, did.out.count("error CB112")) == (3, 1)
    assert "There is no safe sequence of runs" in did.out


def test_exit_codes_of_a_plan(pair: Ground, tmp_path: Path) -> None:
    """Nothing, something, an error, an error of order; and the same plan is the same text."""
    project, file = pair.project, tmp_path / "plan.json"
    nothing = cloudbackup(project, "plan", "--detailed-exitcode")
    assert (nothing.code, nothing.out) == (0, "verified against the live account\nnothing to change, 2 unchanged\n")
    project.program(PAIR.replace('cn-hangzhou"', 'cn-hangzhou", description="of the shop"'))
    assert cloudbackup(project, "plan", "--detailed-exitcode").code == 2
    project.program(PAIR.replace("cn-shanghai", "cn-hangzhou"))
    assert cloudbackup(project, "plan", "--detailed-exitcode").code == 3

    project.program(RENAMED)
    first = cloudbackup(project, "plan", "--format", "json")
    second = cloudbackup(project, "plan", "--format", "json", "--out", str(file))
    assert (first.code, second.code) == (4, 4)
    assert (second.out, file.read_text()) == ("", first.out)
    assert "1 error, 1 warning; 2 stages" in second.err
    assert [change.name for change in plan_from_json(first.out).changes] == ["orders-dr", "orders-mirror"]
    assert refused(pair) == []


def test_a_program_that_declares_nothing_of_ours(pair: Ground) -> None:
    """It does not judge itself; the plan asks the live account all the same, and so does no harm to a last copy."""
    pair.project.program("")
    plain = cloudbackup(pair.project, "plan")
    assert plain.code == 0
    assert plain.out.endswith("verified against the live account\n2 to delete\n")
    pair.service.patch("orders", SnapshotCount=3)
    assert "error CB303" in cloudbackup(pair.project, "plan").out
    pair.service.lose("orders")
    since = pair.service.last()
    last = cloudbackup(pair.project, "up", "--yes")
    assert (last.code, progress(last)) == (3, ["the plan has errors that have to be mended first (CB307)"])
    assert calls_of(pair, since, {}) == []


def test_a_stack_that_was_never_updated_and_one_with_neighbours(grounds: Grounds) -> None:
    """Resources of other providers and components stand in the state and in the plan's way of nothing."""
    with grounds.of("") as ground:
        project = ground.project
        (project.folder / "neighbours.py").write_text(NEIGHBOURS)
        project.program(FIRST)
        new = cloudbackup(project, "plan", "--detailed-exitcode")
        assert new.code == 2, new.err
        assert "Beside vaults, other resources change: " in new.out
        made = cloudbackup(project, "up", "--yes")
        assert made.code == 0, made.err
        assert progress(made)[-1] == "done in 1 stage"
        again = cloudbackup(project, "plan", "--detailed-exitcode")
        assert (again.code, again.err) == (0, "cloudbackup: plan: previewing\n"), again.out
        project.program(FIRST.replace('Key("aside", "aside")', 'Key("aside", "aside", note="new")'))
        only_others = cloudbackup(project, "plan", "--detailed-exitcode")
        assert only_others.code == 2, only_others.out
        assert "Beside vaults, other resources change: 1 to update." in only_others.out


def test_what_a_plan_cannot_be_made_of(pair: Ground, tmp_path: Path) -> None:
    """What is wrong is said in words: the stack, the folder, the passphrase, the program."""
    project = pair.project

    def words(**environment: str) -> str:
        project.env |= environment
        did = cloudbackup(project, "plan")
        assert (did.code, did.out) == (1, "")
        return did.err.removeprefix("cloudbackup: plan: previewing\n")

    project.program("def price():\n    return 1 / 0\nprice()\n")
    said = words()
    assert said.startswith("cloudbackup: plan: the preview failed:\n")
    assert "ZeroDivisionError: division by zero" in said
    assert 'there is no stack "nowhere"' in words_of_no_stack(project)
    assert words(PULUMI_CONFIG_PASSPHRASE="wrong").startswith(
        "cloudbackup: plan: the passphrase that is given is not the one that the secrets of the stack are encrypted"
    )
    (project.folder / "Pulumi.yaml").unlink()
    assert words() == (
        f"cloudbackup: plan: there is no Pulumi.yaml in {project.folder}; give the directory of a project\n"
    )


def words_of_no_stack(project: Project) -> str:
    stack, project.stack = project.stack, "nowhere"
    did = cloudbackup(project, "plan")
    project.stack = stack
    assert (did.code, did.out) == (1, "")
    return did.err


def test_what_was_approved(pair: Ground, tmp_path: Path) -> None:
    """Without a person and --yes nothing is done; a plan that deletes more than the approved one is not either."""
    project, file = pair.project, tmp_path / "approved.json"
    project.program(RENAMED)
    alone = cloudbackup(project, "up")
    assert alone.code == 1
    assert alone.err.endswith(
        "cloudbackup: up: nobody is there to ask: give --yes, or an approved plan with --plan FILE\n"
    )
    cloudbackup(project, "plan", "--format", "json", "--out", str(file))
    project.program("")
    more = cloudbackup(project, "up", "--plan", str(file))
    assert more.code == 1
    assert "cloudbackup: up: the plan would delete what was not agreed to: orders. Look at a new plan" in more.err
    assert pair.mirrors() == {"orders-dr": "in cn-shanghai copies orders"}
    project.program(RENAMED)
    assert cloudbackup(project, "up", "--plan", str(file), "--", "--parallel=1").code == 0
    finished(pair, {"orders-mirror": "in cn-shanghai copies orders"})


def test_a_stage_fails(pair: Ground) -> None:
    """It is said what is done and what remains; a second run goes on from there."""
    pair.project.program(RENAMED)
    fault = {"action": "CreateReplicationVault", "fault": "success_false", "code": "NoRoom", "message": "no room"}
    pair.service.fault(**fault, times=1)
    names, since = pair.names(), pair.service.last()
    failed = cloudbackup(pair.project, "up", "--yes")
    assert failed.code == 1
    assert progress(failed)[:4] == [
        "stage 1 of 2: delete orders-dr",
        "  deleted mirror vault orders-dr",
        "stage 2 of 2: create orders-mirror",
        "  failed: create mirror vault orders-mirror",
    ]
    assert progress(failed)[4] == "stage 2 failed:"
    assert "CreateReplicationVault failed with NoRoom: no room" in failed.err
    assert progress(failed)[-3:] == ["done: stage 1: delete orders-dr", "remains: create orders-mirror", GOES_ON]
    second = cloudbackup(pair.project, "up", "--yes", "--", "--yes", "--skip-preview", "--continue-on-error")
    assert progress(second)[0] == "stage 1 of 1: create orders-mirror"
    assert calls_of(pair, since, names) == [
        "DeleteVault orders-dr",
        "CreateReplicationVault orders-mirror [NoRoom]",
        "CreateReplicationVault orders-mirror",
    ]
    pair.project.run("preview", "--expect-no-changes").ok()


def test_interrupted(two: Ground) -> None:
    """Ctrl-C in the middle of the first stage: what is under way ends, and the same command goes on."""
    project = two.project
    two.service.fault(action="DeleteVault", fault="slow", seconds=2.0, times=1)
    since = two.service.last()
    project.run("stack", "ls")
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "pulumi_cloudbackup.cli", "up", str(project.folder)),
            *("--stack", project.stack, "--yes", "--strategy", "fewest"),
        ],
        env=project.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        two.service.wait_for("DeleteVault", since)
        os.killpg(command.pid, signal.SIGINT)
        assert command.stderr is not None
        said = command.stderr.read()
        assert command.wait(60) == 1
    assert "cloudbackup: up: stage 1 was interrupted\n" in said
    remains = [one for one in ("m1", "m2") if f"deleted the old mirror vault {one}\n" not in said]
    left = ", ".join(f"delete the old {one}" for one in remains) or "what is beside vaults"
    assert f"\nremains: {left}\nremains: create the new m1, create the new m2\n" in said
    assert said.endswith(f"{GOES_ON}\n")
    assert "Traceback" not in said
    done = cloudbackup(project, "up", "--yes", "--strategy", "fewest")
    assert done.code == 0, done.err
    finished(two, MIRRORS_AFTER_A_SWAP)


@pytest.mark.parametrize(("strategy", "runs"), [("fewest", 1), ("exposure", 2)])
def test_an_abandoned_first_stage(strategy: str, runs: int, two: Ground) -> None:
    """The command that the plan shows is run by hand; plain updates, as many as there are moves left, do the rest."""
    project = two.project
    plan = plan_from_json(cloudbackup(project, "plan", "--format", "json", "--strategy", strategy).out)
    place = shlex.join(["--cwd", str(project.folder), "--stack", project.stack, "--yes", "--skip-preview"])
    subprocess.run(
        ["bash", "-c", f"{plan.stages[0].command} {place}"],
        env=project.env,
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert "m1" not in two.mirrors()
    for _ in range(runs):
        project.up().ok()
    finished(two, MIRRORS_AFTER_A_SWAP)


def test_waiting_until_copied(two: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two stages, until the mirror that was created holds the history; each pause is an hour of the service."""
    monkeypatch.setattr(copying, "time", SimpleNamespace(sleep=lambda _: two.service.advance(3600)))
    done = cloudbackup(two.project, "up", "--yes", "--wait-copied")
    assert done.code == 0, done.err
    told = progress(done)
    assert told[told.index("stage 3 of 3: create the new m1") - 1] == "  waiting: m2 holds 0 % of the history"
    assert told[-1] == "done in 3 stages"
    finished(two, MIRRORS_AFTER_A_SWAP)


def test_refreshed_before_it_is_planned(pair: Ground) -> None:
    """Without a refresh a mirror that is gone is taken for there; with it, it is created again."""
    pair.service.lose_id({name: id_ for id_, name in pair.names().items()}["orders-dr"])
    assert 'note: Mirror vault "orders-dr"' in cloudbackup(pair.project, "plan").out
    done = cloudbackup(pair.project, "up", "--yes", "--", "--refresh")
    assert done.code == 0, done.err
    assert "cloudbackup: up: refreshing the state\n" in done.err
    finished(pair, {"orders-dr": "in cn-shanghai copies orders"})


def test_release(pair: Ground) -> None:
    """The vault stays, its marker goes, the stack forgets it; what something else needs stays as it is."""
    project, since = pair.project, pair.service.last()

    def released(name: str, *arguments: str) -> Did:
        return cloudbackup(project, "release", name, str(project.folder), *arguments)

    source = released("orders", "--yes")
    assert source.code == 1
    assert source.err.startswith('cloudbackup: release: "orders" is needed by orders-dr: release or remove that first')
    unknown = released("order", "--yes")
    assert (unknown.code, unknown.err) == (
        1,
        'cloudbackup: release: the stack has no vault or mirror vault "order"; it has: orders, orders-dr\n',
    )
    alone = released("orders-dr")
    assert (alone.code, alone.err) == (1, "cloudbackup: release: nobody is there to ask: give --yes\n")
    project.run("state", "protect", project.urn("MirrorVault", "orders-dr"), "--yes").ok()
    protected = released("orders-dr", "--yes")
    assert protected.err.startswith('cloudbackup: release: "orders-dr" is protected.')
    assert pair.service.mutations(since) == []

    subprocess.run(
        ["bash", "-c", f"{protected.err.splitlines()[1]} --yes --cwd {project.folder} --stack {project.stack}"],
        env=project.env,
        check=True,
        capture_output=True,
    )
    done = released("orders-dr", "--yes")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith('"orders-dr" (v-')
    assert ") is released: owner marker taken off, and the stack has forgotten it.\n" in done.out
    assert pair.service.mutations(since) == ["UpdateVault [COPY]-orders"]
    mirror = pair.service.by_name("[COPY]-orders")
    assert mirror["Description"] == f"From orders({pair.service.by_name('orders')['VaultId']})"
    assert "orders-dr" not in project.state()
    again = released("orders-dr", "--yes")
    assert (again.code, again.err) == (
        1,
        'cloudbackup: release: the stack has no vault or mirror vault "orders-dr"; it has: orders\n',
    )
    project.program(PAIR.splitlines(keepends=True)[0]).run("preview", "--expect-no-changes").ok()


KEYED = """\
from neighbours import Key
key = Key("key", "one", opts=pulumi.ResourceOptions(delete_before_replace=True))
other = Vault("other", region_id="cn-hangzhou")
orders = Vault("orders", region_id="cn-beijing", encrypt_type="KMS", kms_key_id=key.value,
               opts=pulumi.ResourceOptions(depends_on=[other]))
MirrorVault("orders-dr", source=orders, region_id="cn-hangzhou", encrypt_type="KMS", kms_key_id="alias/b")
"""


def test_a_key_that_is_replaced_delete_first() -> None:
    """Its chain deletes what is encrypted with it, before anything that this waits for; data is told of in full."""
    with Grounds({"neighbours.py": NEIGHBOURS}) as grounds, grounds.of(KEYED) as ground:
        changed = KEYED.replace('"one"', '"two"').replace('"cn-hangzhou")\n', '"cn-hangzhou", description="x")\n', 1)
        ground.project.program(changed)
        plan = json.loads(cloudbackup(ground.project, "plan", "--format", "json").out)
        assert {step["id"]: set(step["after"]) for step in plan["steps"]} == {
            "delete-replaced orders-dr": set(),
            "delete-replaced orders": {"delete-replaced orders-dr"},
            "update other": set(),
            "create-replacement orders": {"delete-replaced orders", "update other"},
            "create-replacement orders-dr": {"create-replacement orders"},
        }
        assert (plan["problems"], len(plan["stages"])) == ([], 1)

        ground.service.patch("orders", SnapshotCount=3)
        lost = cloudbackup(ground.project, "plan")
        assert (lost.code, lost.out.count("error CB303")) == (3, 1), lost.err
        assert "replace orders-dr (mirror vault in cn-hangzhou): source replaced" in lost.out
        assert cloudbackup(ground.project, "up", "--yes").code == 3
        assert "CB303" in ground.project.run("preview").failed().output

        ground.service.patch("orders", SnapshotCount=0)
        since = ground.service.last()
        assert cloudbackup(ground.project, "up", "--yes").code == 0
        deleted = [call for call in calls_of(ground, since, {}) if call.startswith("DeleteVault")]
        assert len(deleted) == 2
        assert refused(ground) == []
