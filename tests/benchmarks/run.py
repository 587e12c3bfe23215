"""Benchmarks: ratios measured side by side in one run, because machines are noisy. Never a test that fails at random.

    python tests/benchmarks/run.py [--resources 2 1000] [--rounds 3] [--only again|import|offline|plan|preview|refresh|up]

``preview``: a real ``pulumi preview`` of N resources of ours beside the same program with dynamic resources that do
nothing (the floor). ``again``: the same once they are deployed. ``up``: 32 vaults that initialise for 3 s each. ``import``: our package beyond Pulumi's own.
``refresh``: calls and time for 100 vaults. ``plan``: ``cloudbackup plan`` of two estate files of 10,000 and of 100,000
resources, a tenth of them changed, beside what ``json.loads`` needs for the two files. ``offline``: ``cloudbackup plan
--offline`` of N resources beside the real preview, and beside the floor: the same number of resources that do nothing,
offline too; a small policy test beside the start of an interpreter with its imports.

Runs are taken by turns, and of several the fastest counts: whatever else the machine does only adds to the others.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "tools")]

from engine_harness import Project, Service  # noqa: E402 - found through the path set above
from pulumi_cloudbackup.emulator import Emulator, Settings  # noqa: E402 - as above

FLOOR_MODULE = """
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Nothing(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        return CreateResult(props["vault_name"], props)


ATTRIBUTES = ("description", "kms_key_id", "worm_enabled", "resource_group_id", "tags", "force_destroy", "vault_id",
              "status", "created_time", "redundancy_type", "charge_type", "account_id", "holds_data", "account")


class Idle(Resource, module="floor", name="Idle"):
    # Does nothing, with as many attributes as ours: what an attribute costs is the SDK's own.

    def __init__(self, name, **props):
        super().__init__(Nothing(), name, {**dict.fromkeys(ATTRIBUTES), **props})
"""
FLOOR = """
from floor import Idle

for n in range({pairs}):
    source = Idle(f"v{{n}}", region_id="cn-hangzhou", vault_name=f"v{{n}}", vault_type="STANDARD",
                  encrypt_type="HBR_PRIVATE", force_destroy=False, worm_enabled=False, owner=f"shop/dev/v{{n}}",
                  resource_name=f"v{{n}}")
    Idle(f"m{{n}}", source_vault_id=source.id, source_region_id="cn-hangzhou", source_vault_name=f"v{{n}}",
         source_vault_type="STANDARD", source_encrypt_type="HBR_PRIVATE", region_id="cn-shanghai",
         vault_name=f"m{{n}}", owner=f"shop/dev/m{{n}}", resource_name=f"m{{n}}")
"""
OURS = """
regions = ("cn-shanghai", "cn-beijing", "cn-shenzhen", "cn-qingdao")
for n in range({pairs}):
    source = Vault(f"v{{n}}", region_id="cn-hangzhou")
    MirrorVault(f"m{{n}}", source=source, region_id=regions[n % 4])
"""
TERRAFORM = 4.4
"""Seconds of `terraform plan` for 1,000 resources (reference/pulumi-engine.md 0.9, 2 cores)."""
IMPORTS = "import pulumi_cloudbackup.testing, pulumi_cloudbackup.policies"
SMALL = """
import sys
from pulumi_cloudbackup.policies import tags_are_given
from pulumi_cloudbackup.testing import preview
preview(sys.argv[1], stack="dev").no_problems(allow_warnings=True).complies(tags_are_given("a").advisory())
"""
LIMITS = '{"vaults": 100000, "mirrors_per_region": 100000}'
"""So many resources are beyond the documented quotas of one account."""


def timed(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def benchmark_import(_: argparse.Namespace) -> None:
    """Compare importing Pulumi with importing our resources too, in fresh processes by turns."""
    programs = {"pulumi": "import pulumi", "ours": "import pulumi; from pulumi_cloudbackup import Vault"}
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _round in range(15):
        for name, program in programs.items():
            times[name].append(timed(lambda p=program: subprocess.run([sys.executable, "-c", p], check=True)))  # type: ignore[misc] # a default binds the loop's value
    floor, ours = (min(times[name]) for name in programs)
    print(
        f"import: pulumi {floor:.3f} s, with pulumi_cloudbackup {ours:.3f} s, beyond it {ours - floor:.3f} s (target 0.1)"
    )


def benchmark_preview(arguments: argparse.Namespace) -> None:
    """Preview the same number of resources of ours and of the floor by turns."""
    with Emulator(Settings(initializing_seconds=0)) as emulator, tempfile.TemporaryDirectory() as folder:
        service = Service(emulator.url)
        floor = Project(Path(folder), service, name="floor-project")
        (floor.folder / "floor.py").write_text(FLOOR_MODULE)
        ours = Project(Path(folder), service)
        for resources in arguments.resources:
            floor.program(FLOOR.format(pairs=resources // 2))
            ours.program(OURS.format(pairs=resources // 2)).config("cloudbackup:limits", LIMITS)
            runs = {"floor": (floor, "auto"), "ours": (ours, "auto"), "ours, account not asked": (ours, "off")}
            times: dict[str, list[float]] = {name: [] for name in runs}
            calls = 0
            for _round in range(arguments.rounds):
                for name, (project, preflight) in runs.items():
                    project.config("cloudbackup:preflight", preflight)
                    before = service.last()
                    times[name].append(timed(lambda p=project: p.run("preview").ok()))  # type: ignore[misc] # a default binds the loop's value
                    calls = max(calls, len(service.calls(before)))
            best = {name: min(taken) for name, taken in times.items()}
            told = ", ".join(
                f"{name} {best[name]:.2f} s, ratio {best[name] / best['floor']:.2f}" for name in list(runs)[1:]
            )
            print(f"preview of {resources}: floor {best['floor']:.2f} s, {told} (target 1.25), {calls} API calls")


def benchmark_again(arguments: argparse.Namespace) -> None:
    """Preview what is deployed already: then the program plans the way from its stack's old state too."""
    with Emulator(Settings(initializing_seconds=0)) as emulator, tempfile.TemporaryDirectory() as folder:
        service = Service(emulator.url)
        floor, ours = (Project(Path(folder), service, name=name) for name in ("floor-project", "shop"))
        (floor.folder / "floor.py").write_text(FLOOR_MODULE)
        resources = max(arguments.resources)
        floor.program(FLOOR.format(pairs=resources // 2))
        # No account has room for so many: what would call the service only notes the call.
        shutil.copy(HERE.parent / "planning_engine/obliging.py", ours.folder)
        log = Path(folder) / "calls.jsonl"
        log.touch()
        ours.env["OBLIGING_LOG"] = str(log)
        program = "import obliging\nobliging.call_no_service()\n" + OURS.format(pairs=resources // 2)
        ours.program(program).config("cloudbackup:limits", LIMITS)
        ours.config("cloudbackup:preflight", "off")
        times: dict[str, list[float]] = {"floor": [], "ours": []}
        for project in (floor, ours):
            # The state is written once, at the end: a file backend rewrites all of it after each step otherwise.
            project.env |= {"PULUMI_EXPERIMENTAL": "1", "PULUMI_SKIP_CHECKPOINTS": "1"}
            project.up("--parallel", "64", "--disable-integrity-checking").ok()
        for _round in range(arguments.rounds):
            for name, project in (("floor", floor), ("ours", ours)):
                times[name].append(timed(lambda p=project: p.run("preview").ok()))  # type: ignore[misc] # as above
        best = {name: min(taken) for name, taken in times.items()}
        print(
            f"preview of {resources} that are there: floor {best['floor']:.2f} s, ours {best['ours']:.2f} s, "
            f"ratio {best['ours'] / best['floor']:.2f} (target 1.25)"
        )


def benchmark_up(_: argparse.Namespace) -> None:
    """Create 32 vaults that initialise for 3 s each; beside them one, for the engine's own share."""
    with Emulator(Settings(initializing_seconds=3)) as emulator, tempfile.TemporaryDirectory() as folder:
        service = Service(emulator.url)
        times = []
        for n in (1, 32):
            project = Project(Path(folder), service, name=f"up{n}")
            project.program(f'for n in range({n}):\n    Vault(f"v{{n}}", region_id="cn-hangzhou")\n')
            project.run("stack", "ls")
            times.append(timed(lambda p=project: p.up("--parallel", "64").ok()))  # type: ignore[misc] # a default binds the loop's value
            service.reset()
        print(f"up of 32 vaults of 3 s: {times[1]:.1f} s, of one: {times[0]:.1f} s, ratio {times[1] / times[0]:.2f}")


def benchmark_refresh(_: argparse.Namespace) -> None:
    """Refresh 100 vaults of a region and count the calls."""
    with Emulator(Settings(initializing_seconds=0)) as emulator, tempfile.TemporaryDirectory() as folder:
        service = Service(emulator.url)
        project = Project(Path(folder), service)
        project.program('for n in range(100):\n    Vault(f"v{n}", region_id="cn-hangzhou")\n').up(
            "--parallel", "64"
        ).ok()
        before = service.last()
        seconds = timed(lambda: project.refresh().ok())
        print(f"refresh of 100 vaults: {len(service.calls(before))} API calls (target 2), {seconds:.1f} s")


REGIONS = ("cn-hangzhou", "cn-shanghai", "cn-beijing", "cn-shenzhen", "cn-qingdao")
PAIRS_PER_ACCOUNT = 20
LOADS = """
import json, sys, time
texts = [open(name, "rb").read() for name in sys.argv[1:]]
start = time.perf_counter()
found = [json.loads(text) for text in texts]
print(time.perf_counter() - start)
"""


def estate_files(folder: Path, resources: int) -> list[str]:
    """Write two estates: of forty pairs, two vaults are changed in place, one mirror moves, one pair goes, one comes."""
    current: dict[str, Any] = {"schema_version": 1, "vaults": [], "mirrors": []}
    desired: dict[str, Any] = {"schema_version": 1, "vaults": [], "mirrors": []}
    for n in range(resources // 2):
        account, kind = f"account-{n // PAIRS_PER_ACCOUNT:04d}", n % 40
        tags = {"team": f"team-{n % 50}", "env": "prod"}
        vault = {"name": f"v{n:06d}", "region_id": REGIONS[n % 5], "account": account, "tags": tags}
        vault["description"] = f"Backups of service {n}"
        mirror = {
            "name": f"v{n:06d}-dr",
            "source": vault["name"],
            "region_id": REGIONS[(n + 1) % 5],
            "account": account,
        }
        if kind != 9:
            facts = {"status": "CREATED", "created_time": 1700000000 + n}
            current["vaults"].append({**vault, **facts, "id": f"v-{2 * n:08d}", "holds_data": False})
            current["mirrors"].append({**mirror, **facts, "id": f"v-{2 * n + 1:08d}", "replication_progress": 100})
        if kind != 7:
            written: dict[int, dict[str, Any]] = {
                1: {"description": "Changed"},
                3: {"tags": {"team": "other"}},
                21: {"description": "Changed too"},
            }
            moved = {"region_id": REGIONS[(n + 2) % 5]} if kind == 5 else {}
            desired["vaults"].append({**vault, **written.get(kind, {})})
            desired["mirrors"].append({**mirror, **moved})
    names = []
    for name, estate in (("current", current), ("desired", desired)):
        file = folder / f"{name}-{resources}.json"
        file.write_text(json.dumps(estate))
        names.append(str(file))
    return names


def benchmark_plan(arguments: argparse.Namespace) -> None:
    """Plan two estate files of each size; beside it ``json.loads`` of both, and the start of an interpreter."""
    fastest: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        none = estate_files(Path(folder), 0)
        for size in (10_000, 100_000):
            files = estate_files(Path(folder), size)
            loads, starts, nothings, plans, memory = [], [], [], [], 0.0
            for _round in range(arguments.rounds):
                said = subprocess.run([sys.executable, "-c", LOADS, *files], check=True, capture_output=True, text=True)
                loads.append(float(said.stdout))
                starts.append(timed(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True)))
                nothings.append(measured_plan(none)[0])
                seconds, peak = measured_plan(files)
                plans.append(seconds)
                memory = max(memory, peak)
            fastest[size] = min(plans) - min(starts)
            beyond_imports = (min(plans) - min(nothings)) / min(loads)
            print(
                f"plan of {size} resources: json.loads of both files {min(loads):.3f} s, plan {min(plans):.2f} s; less "
                f"interpreter start ({min(starts):.2f} s) ratio {fastest[size] / min(loads):.1f} (target 8), less a plan "
                f"of nothing ({min(nothings):.2f} s) ratio {beyond_imports:.1f}; peak memory {memory:.0f} MB"
            )
    small, large = fastest.values()
    print(f"plan: 100,000 resources take {large / small:.1f} times as long as 10,000 (target 12)")


def measured_plan(files: list[str]) -> tuple[float, float]:
    """Run the command; return its seconds and its peak memory in MB."""
    command = [sys.executable, "-m", "pulumi_cloudbackup.cli", "plan", "--current", files[0], "--desired", files[1]]
    start = time.monotonic()
    with subprocess.Popen([*command, "--format", "json"], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"plan ended with exit code {process.returncode}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def benchmark_offline(arguments: argparse.Namespace) -> None:
    """Plan a program offline, and beside it preview it for real, and plan one whose resources do nothing."""
    with Emulator(Settings(initializing_seconds=0)) as emulator, tempfile.TemporaryDirectory() as folder:
        service = Service(emulator.url)
        ours, floor = Project(Path(folder), service), Project(Path(folder), service, name="floor-project")
        (floor.folder / "floor.py").write_text(FLOOR_MODULE)
        resources = max(arguments.resources)
        ours.program(OURS.format(pairs=resources // 2)).config("cloudbackup:limits", LIMITS)
        ours.config("cloudbackup:preflight", "off")
        floor.program(FLOOR.format(pairs=resources // 2)).run("stack", "ls")
        runs = {
            "offline": lambda: offline_plan(ours),
            "floor offline": lambda: offline_plan(floor),
            "real preview": lambda: ours.run("preview").ok(),
        }
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _round in range(arguments.rounds):
            for name, run in runs.items():
                times[name].append(timed(run))
        best = {name: min(taken) for name, taken in times.items()}
        print(
            f"offline plan of {resources}: {best['offline']:.2f} s, the SDK's floor {best['floor offline']:.2f} s, "
            f"real preview {best['real preview']:.2f} s, {best['real preview'] / best['offline']:.1f} times as "
            f"long (target 2); `terraform plan` of as many took {TERRAFORM} s where the reference was measured"
        )
        ours.program('Vault("orders", region_id="cn-hangzhou")\n')
        imports = "import pulumi_cloudbackup.engine.worker"
        small, start = [], []
        for _round in range(arguments.rounds * 3):
            small.append(timed(lambda: subprocess.run([sys.executable, "-c", SMALL, str(ours.folder)], check=True)))
            start.append(timed(lambda: subprocess.run([sys.executable, "-c", IMPORTS], check=True)))
            start[-1] += timed(lambda: subprocess.run([sys.executable, "-c", imports], check=True))
        print(
            f"a small policy test: {min(small):.2f} s, {min(small) - min(start):.2f} s beyond the start of both "
            "interpreters and their imports (target 0.3)"
        )


def offline_plan(project: Project) -> None:
    command = [sys.executable, "-m", "pulumi_cloudbackup.cli", "plan", "--offline", str(project.folder)]
    subprocess.run([*command, "--stack", project.stack, "--format", "json"], check=True, stdout=subprocess.DEVNULL)


BENCHMARKS = {
    "again": benchmark_again,
    "offline": benchmark_offline,
    "import": benchmark_import,
    "plan": benchmark_plan,
    "preview": benchmark_preview,
    "refresh": benchmark_refresh,
    "up": benchmark_up,
}


def main() -> None:
    """Run what was asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resources", type=int, nargs="+", default=[2, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=BENCHMARKS, nargs="+", default=list(BENCHMARKS))
    arguments = parser.parse_args()
    for name in arguments.only:
        BENCHMARKS[name](arguments)


if __name__ == "__main__":
    main()
