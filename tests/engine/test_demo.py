"""The demo: its checks of the order fail where the order is wrong, and a real run leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import demo
import demo_world
from demo_calls import Record, Vault

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, str(ROOT / "tools" / "demo.py")]

ORDERS = Vault("v-1", "orders", "cn-hangzhou")
MIRROR = Vault("v-2", "orders-dr", "cn-shanghai", "v-1")
MOVED = Vault("v-3", "orders-dr", "cn-beijing", "v-1")
CREATE = ("CreateVault", {"VaultName": "orders", "VaultRegionId": "cn-hangzhou"})
DELETE = ("DeleteVault", {"VaultId": "v-1"})
DELETE_MIRROR = ("DeleteVault", {"VaultId": "v-2"})


def mirroring(vault: Vault) -> tuple[str, dict[str, str]]:
    assert vault.source_id is not None
    return "CreateReplicationVault", {
        "VaultName": vault.name,
        "VaultRegionId": vault.region_id,
        "ReplicationSourceVaultId": vault.source_id,
    }


def raw(*calls: tuple[str, Mapping[str, str]], codes: Mapping[int, str] | None = None) -> list[dict[str, Any]]:
    """Return calls as the emulator answers them; ``codes``: of those that it refused, by position."""
    return [
        {
            "seq": seq,
            "action": action,
            "region_id": None,
            "parameters": parameters,
            "code": (codes or {}).get(seq, "200"),
        }
        for seq, (action, parameters) in enumerate(calls)
    ]


def these(*vaults: Vault) -> dict[str, Vault]:
    return {vault.id: vault for vault in vaults}


@pytest.mark.parametrize(
    ("calls", "before", "after"),
    [
        pytest.param(raw(CREATE, mirroring(MIRROR)), (), (ORDERS, MIRROR), id="create"),
        pytest.param(raw(DELETE_MIRROR, mirroring(MOVED)), (ORDERS, MIRROR), (ORDERS, MOVED), id="move"),
        pytest.param(raw(DELETE_MIRROR, DELETE), (ORDERS, MIRROR), (), id="delete"),
        pytest.param(raw(("DescribeVaults", {})), (ORDERS,), (ORDERS,), id="only looking"),
        # The order is that of the numbers, not that of the list.
        pytest.param(raw(DELETE_MIRROR, DELETE)[::-1], (ORDERS, MIRROR), (), id="numbers decide"),
    ],
)
def test_right_orders(calls: list[dict[str, Any]], before: tuple[Vault, ...], after: tuple[Vault, ...]) -> None:
    """Nothing to complain about."""
    assert Record.of(calls, these(*before), these(*after)).broken_orders() == ()


@pytest.mark.parametrize(
    ("calls", "before", "after", "broken"),
    [
        pytest.param(
            raw(mirroring(MIRROR), CREATE),
            (),
            (ORDERS, MIRROR),
            ["Mirror orders-dr was created when its source was not there."],
            id="mirror before its source",
        ),
        pytest.param(
            raw(DELETE, DELETE_MIRROR),
            (ORDERS, MIRROR),
            (),
            ["Vault orders was deleted before its mirror orders-dr."],
            id="source deleted first",
        ),
        pytest.param(
            raw(CREATE, mirroring(MIRROR), DELETE),
            (),
            (MIRROR,),
            [
                # Of a vault that is neither there before nor after, nobody can tell what the calls were about.
                "Mirror orders-dr was created when its source was not there.",
                "Vault v-1 was deleted before its mirror orders-dr.",
                "The recorded calls do not explain what became of orders.",
            ],
            id="source created and deleted under its mirror",
        ),
        pytest.param(
            raw(mirroring(MOVED), DELETE_MIRROR),
            (ORDERS, MIRROR),
            (ORDERS, MOVED),
            ["Mirror orders-dr was created while its source still had mirror orders-dr."],
            id="move, create first",
        ),
        pytest.param(
            raw(DELETE_MIRROR, DELETE, mirroring(MOVED)),
            (ORDERS, MIRROR),
            (MOVED,),
            ["Mirror orders-dr was created when its source was not there."],
            id="mirror of a deleted source",
        ),
        pytest.param(
            raw(DELETE, DELETE_MIRROR, DELETE, codes={0: "CannotDeleteReplicationSourceVault"}),
            (ORDERS, MIRROR),
            (),
            ["The service refused DeleteVault orders (CannotDeleteReplicationSourceVault)."],
            id="refused, though the end is right",
        ),
        pytest.param(
            raw(DELETE_MIRROR),
            (ORDERS, MIRROR),
            (),
            ["The recorded calls do not explain what became of orders."],
            id="a vault that vanished",
        ),
        pytest.param(
            raw(CREATE),
            (),
            (ORDERS, MIRROR),
            ["The recorded calls do not explain what became of orders-dr."],
            id="a mirror that nobody created",
        ),
        pytest.param(
            raw(CREATE, CREATE),
            (),
            (ORDERS,),
            ["The recorded calls do not explain what became of orders."],
            id="created twice, there once",
        ),
    ],
)
def test_wrong_orders(
    calls: list[dict[str, Any]], before: tuple[Vault, ...], after: tuple[Vault, ...], broken: list[str]
) -> None:
    """Each wrong order is told, and nothing else."""
    assert list(Record.of(calls, these(*before), these(*after)).broken_orders()) == broken


def test_what_the_service_saw_in_one_line() -> None:
    """In order; a region where a name is in several; tagging at the end."""
    tag = ("TagResources", {"ResourceId.1": "v-1"})
    created = Record.of(raw(CREATE, tag, mirroring(MIRROR)), {}, these(ORDERS, MIRROR))
    assert created.sentence() == "CreateVault orders; then CreateReplicationVault orders-dr (and TagResources x 1)"
    move = Record.of(raw(DELETE_MIRROR, mirroring(MOVED)), these(ORDERS, MIRROR), these(ORDERS, MOVED))
    assert move.sentence() == (
        "DeleteVault orders-dr in cn-shanghai; then CreateReplicationVault orders-dr in cn-beijing"
    )
    gone = Record.of(raw(DELETE_MIRROR, DELETE), these(ORDERS, MIRROR), {})
    assert gone.sentence() == "DeleteVault orders-dr; then DeleteVault orders"
    refused = Record.of(raw(DELETE, codes={0: "Throttling"}), these(ORDERS), these(ORDERS))
    assert refused.sentence() == "DeleteVault orders [refused: Throttling]"
    assert Record.of(raw(("DescribeVaults", {})), {}, {}).sentence() == "no call that changes anything"


def test_a_wrong_step_stops_the_demo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told, no later step is shown, and the whole counts as wrong."""
    wrong = demo.Check("every mirror was deleted before its source", ("Vault orders was deleted first.",))
    monkeypatch.setattr(demo, "STEPS", (("one", lambda _: [wrong, demo.Check("fine")]), ("two", lambda _: [])))
    stage = demo.Stage(demo_world.World(ROOT, demo_world.Service(""), "", {}), has_colour=False)
    assert demo.show(stage) is False
    printed = capsys.readouterr().out
    assert "WRONG  every mirror was deleted before its source\n          Vault orders was deleted first." in printed
    assert "2/2" not in printed
    assert "went wrong" in printed


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), **more}


def left_behind(folder: Path) -> list[str]:
    """Return files in a folder, and processes that know of it."""
    left = sorted(path.name for path in folder.iterdir())
    for process in Path("/proc").glob("[0-9]*"):
        try:
            facts = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in facts and int(process.name) != os.getpid():
            left.append((process / "cmdline").read_bytes().decode().replace("\0", " "))
    return left


def work_tree() -> dict[Path, bytes]:
    files = [path for name in ("examples", "stacks") for path in (ROOT / name).rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files if "__pycache__" not in path.parts}


def test_the_demo(tmp_path: Path) -> None:
    """Every step comes true; nothing is left, neither in the temporary folder nor in the work tree nor running."""
    before = work_tree()
    done = subprocess.run(
        DEMO, env=environment(tmp_path), capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    saw = re.findall(r"^   service saw: (.*)$", done.stdout, re.MULTILINE)
    assert saw[0] == "no call that changes anything"
    assert re.fullmatch(r"CreateVault [a-z, ]+; then CreateReplicationVault [a-z, -]+ \(and TagResources x 4\)", saw[1])
    assert saw[2] == "DeleteVault orders-dr in cn-shanghai; then CreateReplicationVault orders-dr in cn-beijing"
    assert saw[3] == "DeleteVault payments-dr"
    assert set(saw[4].split("; then ")) == {"UpdateVault catalog", "CreateReplicationVault payments-dr"}
    assert len(saw) == 6
    assert "WRONG" not in done.stdout
    assert "\033" not in done.stdout
    assert "everything came true" in done.stdout
    assert left_behind(tmp_path) == []
    assert work_tree() == before


@pytest.mark.parametrize(
    ("number", "command"), [(signal.SIGINT, "pulumi preview"), (signal.SIGTERM, "pulumi up"), (signal.SIGHUP, "cd ")]
)
def test_a_stopped_demo_leaves_nothing(tmp_path: Path, number: signal.Signals, command: str) -> None:
    """Also in the middle of an update."""
    process = subprocess.Popen(
        DEMO,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        shown = next(line for line in process.stdout if f"$ {command}" in line)
        process.send_signal(number)
        rest = process.stdout.read()
    assert process.returncode == 128 + number, shown + rest
    assert rest.endswith("demo: stopped; nothing is left behind\n")
    assert "Traceback" not in rest
    assert left_behind(tmp_path) == []


def test_a_missing_set_up_is_told(tmp_path: Path) -> None:
    """In one line that says what to run."""
    bare = environment(tmp_path, PATH="/usr/bin:/bin", CLOUDBACKUP_TOOLS_DIR=str(tmp_path))
    done = subprocess.run(DEMO, env=bare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == ("demo: The Pulumi CLI is not there. Run `make setup` first; `make demo` does that too.\n")
    assert left_behind(tmp_path) == []
