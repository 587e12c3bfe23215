"""`cloudbackup plan` with two estate files: arguments, files, formats and exit codes."""

from __future__ import annotations

import gc
import json
import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pulumi_cloudbackup.cli import main
from pulumi_cloudbackup.reports.plans import plan_from_json

COMMAND = [sys.executable, "-m", "pulumi_cloudbackup.cli", "plan"]
Estate = dict[str, Any]
Files = Callable[[Any, Any], list[str]]
Written = Callable[..., tuple[int, str]]


def vault(name: str = "orders", id_: str | None = None, **more: Any) -> Estate:
    there = {} if id_ is None else {"id": id_, "status": "CREATED", "holds_data": False}
    return {"name": name, "region_id": "cn-hangzhou", **there, **more}


def mirror(name: str = "orders-dr", id_: str | None = None, **more: Any) -> Estate:
    there = {} if id_ is None else {"id": id_, "status": "CREATED"}
    return {"name": name, "source": "orders", "region_id": "cn-shanghai", **there, **more}


def estate(*resources: Estate) -> Estate:
    found: Estate = {"schema_version": 1, "vaults": [], "mirrors": []}
    for one in resources:
        found["mirrors" if "source" in one else "vaults"].append(one)
    return found


THERE = estate(vault(id_="v-1"), mirror(id_="v-2"))
DECLARED = estate(vault(), mirror())
RENAMED = estate(vault(), mirror("orders-mirror"))
SAME_REGION = estate(vault(), mirror(region_id="cn-hangzhou"))
NOTHING = estate()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Write two estate files and return the arguments that name them."""

    def write(current: Any, desired: Any) -> list[str]:
        arguments = ["plan"]
        for name, written in (("current", current), ("desired", desired)):
            file = tmp_path / f"{name}.json"
            file.write_bytes(written if isinstance(written, bytes) else json.dumps(written).encode())
            arguments += [f"--{name}", str(file)]
        return arguments

    return write


@pytest.fixture
def written(files: Files, capsys: pytest.CaptureFixture[str]) -> Written:
    """Plan two estates and return the exit code and what was written."""

    def plan(current: Estate, desired: Estate, *arguments: str) -> tuple[int, str]:
        code = main([*files(current, desired), *arguments])
        out, err = capsys.readouterr()
        assert err == ""
        return code, out

    return plan


@pytest.mark.parametrize(
    ("current", "desired", "arguments", "code"),
    [
        pytest.param(THERE, DECLARED, [], 0, id="nothing differs"),
        pytest.param(THERE, DECLARED, ["--detailed-exitcode"], 0, id="nothing differs, asked"),
        pytest.param(NOTHING, DECLARED, [], 0, id="changes are fine"),
        pytest.param(NOTHING, DECLARED, ["--detailed-exitcode"], 2, id="changes, asked"),
        pytest.param(NOTHING, SAME_REGION, [], 3, id="an error"),
        pytest.param(NOTHING, SAME_REGION, ["--detailed-exitcode"], 3, id="an error counts more than changes"),
        pytest.param(THERE, RENAMED, [], 4, id="an error of order that stages cure"),
        pytest.param(THERE, RENAMED, ["--detailed-exitcode", "--strategy", "fewest"], 4, id="by fewest stages"),
        pytest.param(
            estate(*THERE["vaults"], *THERE["mirrors"], vault("sales", "v-3", holds_data=True)),
            RENAMED,
            [],
            3,
            id="an error of order, and another",
        ),
    ],
)
def test_exit_codes(current: Estate, desired: Estate, arguments: list[str], code: int, written: Written) -> None:
    """They say what the plan comes to, whatever the format; stdout is the report and nothing else."""
    for form, begins in (("json", '{"schema_version": 1,\n'), ("markdown", "### Plan of the backup vaults\n\n**")):
        assert written(current, desired, *arguments, "--format", form)[0] == code
        assert written(current, desired, *arguments, "--format", form)[1].startswith(begins)
    assert written(current, desired, *arguments)[0] == code


def test_a_rename(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person reads: the problem with the order that shows it, the changes, the stages, the counts."""
    main(files(THERE, RENAMED))
    out = capsys.readouterr().out
    assert "  orders-mirror:\n    error CB401: Mirror vault created before the old one of its source is deleted" in out
    assert (
        "One order that the engine may choose; its last step breaks the rule:\n"
        '        1. create mirror vault "orders-mirror" in cn-shanghai\n'
    ) in out
    assert "  - delete orders-dr (mirror vault in cn-shanghai): removed\n" in out
    assert "\n  1. CLOUDBACKUP_HOLD='' pulumi up --exclude 'urn:" in out
    assert "\n  2. pulumi up\n" in out
    assert out.endswith(
        "not verified against the live account\n1 to create, 1 to delete, 1 unchanged; 1 error, 1 warning; 2 stages\n"
    )


def test_the_loss_of_data_comes_first(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """A vault with backups and without consent."""
    assert main(files(estate(vault(id_="v-1", holds_data=True)), NOTHING)) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "data loss:",
        "  delete orders (vault in cn-hangzhou): whatever backup data it holds is destroyed",
    ]
    assert lines[4].startswith("    error CB303: ")


def test_json_can_be_approved(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed can be read back, and is the same every time."""
    arguments = [*files(THERE, RENAMED), "--format", "json"]
    main(arguments)
    first = capsys.readouterr().out
    approved = plan_from_json(first)
    assert [str(step.op) for step in approved.steps if step.op.deletes] == ["delete"]
    assert len(approved.stages) == 2
    main(arguments)
    assert capsys.readouterr().out == first


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_out(form: str, files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report goes to the file instead, and one line says so."""
    arguments = [*files(THERE, RENAMED), "--format", form]
    assert main(arguments) == 4
    printed = capsys.readouterr().out
    file = tmp_path / "report"
    assert main([*arguments, "--out", str(file)]) == 4
    assert capsys.readouterr() == (
        "",
        f"cloudbackup: plan: wrote {file}: 1 to create, 1 to delete, 1 unchanged; 1 error, 1 warning; 2 stages\n",
    )
    assert file.read_text(encoding="utf-8") == printed


def test_copy_rate(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """A faster copy leaves a source bare for a shorter time."""
    current = estate(vault(id_="v-1", bytes_stored=10**12), mirror(id_="v-2"))
    minutes = []
    for rate in ("1000000", "1M", "1g"):
        assert main([*files(current, RENAMED), "--format", "json", "--copy-rate", rate]) == 4
        minutes.append(json.loads(capsys.readouterr().out)["exposure"][0]["minutes"])
    assert minutes[0] == minutes[1] > minutes[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--current", "a"], "--current and --desired go together", id="current alone"),
        pytest.param(["--desired", "a"], "--current and --desired go together", id="desired alone"),
        pytest.param([".", "--current", "a", "--desired", "b"], "PATH does not go with", id="a path too"),
        pytest.param(
            ["--stack", "s", "--current", "a", "--desired", "b"], "--stack does not go with", id="a stack too"
        ),
        pytest.param(
            ["--state", "s", "--current", "a", "--desired", "b"], "--state does not go with", id="a state too"
        ),
        pytest.param(["--offline", "--current", "a", "--desired", "b"], "--offline does not go", id="offline too"),
        pytest.param(["--state", "s"], "--state goes with --offline", id="state alone"),
        pytest.param(["--format", "yaml"], "invalid choice: 'yaml'", id="format"),
        pytest.param(["--strategy", "best"], "invalid choice: 'best'", id="strategy"),
        pytest.param(["--copy-rate", "0"], "'0' is not a number of bytes per second", id="no rate"),
        pytest.param(["--copy-rate", "fast"], "'fast' is not a number of bytes per second", id="rate in words"),
        pytest.param(["--copy-rate", "5T"], "'5T' is not a number of bytes per second", id="unknown unit"),
        pytest.param(["--copy-rate", "nan"], "'nan' is not a number of bytes per second", id="not a number"),
        pytest.param(["--copy-rate", ""], "'' is not a number of bytes per second", id="empty rate"),
        pytest.param(["a", "b"], "unrecognized arguments: b", id="two paths"),
    ],
)
def test_wrong_arguments(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 1."""
    assert main(["plan", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("cloudbackup: plan: ")
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("desired", "says"),
    [
        pytest.param(b"", "The file is not JSON: Expecting value", id="empty"),
        pytest.param(b'{"schema_version": 1, "vau', "The file is not JSON: Unterminated string", id="cut off"),
        pytest.param(b"\xff\xff\xff", "The file is not JSON: ", id="no text"),
        pytest.param(b"[" * 100_000, "it is nested too deeply", id="deep"),
        pytest.param([], "The file is not an estate", id="a list"),
        pytest.param({}, "schema_version is None", id="no version"),
        pytest.param({"schema_version": 2}, "schema_version is 2: this release reads version 1.", id="newer"),
        pytest.param(estate(vault(region_id=5)), "vaults.0.region_id: ", id="wrong kind"),
        pytest.param({**NOTHING, "more": 1}, "more: ", id="unknown key"),
        pytest.param(estate(vault(), vault()), "the name 'orders' is used by more than one", id="name twice"),
        pytest.param(
            estate(vault("orders", urn="urn:x"), vault("bills", urn="urn:x")),
            "the URN 'urn:x' is used by more than one",
            id="URN twice",
        ),
    ],
)
def test_wrong_files(desired: Any, says: str, files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """The line names the file, the place in it and the reason."""
    arguments = files(NOTHING, desired)
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"cloudbackup: plan: {arguments[-1]}: ")
    assert says in err
    assert err.count("\n") == 1


def test_a_file_that_is_wrong_everywhere(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """The first places are told, and how many more there are."""
    arguments = files(estate(*(vault(f"v{number}", region_id=5) for number in range(100))), NOTHING)
    assert main(arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert all(f"{arguments[2]}: vaults.{number}.region_id: " in lines[number] for number in range(20))
    assert lines[-1] == "cloudbackup: ... and 80 more places"
    assert all(line.startswith("cloudbackup: plan: ") for line in lines[:-1])


@pytest.mark.parametrize("name", ["missing", "missing/too", ".", "a\0b"])
def test_a_file_that_cannot_be_read(
    name: str, files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which one, and why."""
    arguments = files(NOTHING, NOTHING)
    assert main([*arguments[:-1], f"{tmp_path}/{name}"]) == 1
    assert f"{tmp_path}/{name} cannot be read: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["missing/too", "."])
def test_a_report_that_cannot_be_written(
    name: str, files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which file, and why."""
    assert main([*files(NOTHING, NOTHING), "--out", f"{tmp_path}/{name}"]) == 1
    err = capsys.readouterr().err
    assert f"{tmp_path}/{name} cannot be written: " in err
    assert err.count("\n") == 1


def test_dependencies_in_a_circle(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """No engine would run them, so they are no plan."""
    circle = estate(vault("a", depends_on=["b"]), vault("b", depends_on=["a"]))
    assert main(files(NOTHING, circle)) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("cloudbackup: plan: ")
    assert "bug" not in err


def test_the_collector_is_on_again(files: Files) -> None:
    """A process that goes on needs it, whatever came of the plan."""
    assert gc.isenabled()
    main(files(NOTHING, DECLARED))
    assert gc.isenabled()
    main(files(NOTHING, b""))
    assert gc.isenabled()


def coloured(arguments: list[str], **variables: str) -> bool:
    """Run the command on a terminal, and return whether it was coloured."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    process = subprocess.Popen([*COMMAND, *arguments[1:]], stdout=theirs, env=environment | variables)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 4096):
            written += chunk
    except OSError:
        pass  # Linux says so when nobody has the other end open any more.
    os.close(ours)
    assert process.wait() == 4
    assert b"CB401" in written
    return b"\x1b[" in written


def test_colour(files: Files) -> None:
    """Only on a terminal, and only where nobody minds (https://no-color.org)."""
    arguments = files(THERE, RENAMED)
    assert coloured(arguments)
    assert not coloured(arguments, NO_COLOR="1")
    assert not coloured(arguments, TERM="dumb")
    done = subprocess.run([*COMMAND, *arguments[1:]], capture_output=True, check=False)
    assert (done.returncode, b"\x1b" in done.stdout) == (4, False)


def test_what_is_imported(files: Files) -> None:
    """JSON needs neither Pulumi nor the cloud's SDK nor templates."""
    script = (
        "import sys; from pulumi_cloudbackup.cli import main; main(sys.argv[1:]); "
        "sys.stderr.write(str(sorted(name for name in sys.modules if '.' not in name)))"
    )
    arguments = [*files(THERE, RENAMED), "--format", "json"]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    heavy = {"pulumi", "grpc", "jinja2", "deepdiff", "alibabacloud_hbr20170908", "starlette", "yaml"}
    assert not heavy & set(json.loads(done.stderr.replace("'", '"')))


def test_nobody_reads(files: Files) -> None:
    """The program ends without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*COMMAND, *files(THERE, RENAMED)[1:]], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["a", "b", "c", "\ud800", "a|`\x1b[2J"])
TEXTS = st.sampled_from(["", "a", "v-1", "v-2", "cn-hangzhou", "cn-shanghai", {"$unknown": True}])
TRUTHS = st.booleans() | st.just({"$unknown": True})
COMMON = {
    "id": TEXTS,
    "vault_name": TEXTS,
    "account": st.sampled_from(["default", "far"]),
    "adopt_id": TEXTS,
    "aliases": st.lists(NAMES, max_size=2),
    "depends_on": st.lists(NAMES, max_size=2),
    "encrypt_type": TEXTS,
    "holds_data": TRUTHS,
    "managed_by": st.sampled_from(["this", "other", "none"]),
    "owner": st.text(max_size=5),
    "pending_delete": st.booleans(),
    "pending_replacement": st.booleans(),
    "protect": st.booleans(),
    "status": st.sampled_from(["CREATED", "ERROR", "INITIALIZING", "GONE", "x"]),
    "urn": TEXTS,
    "options": st.fixed_dictionaries({}, optional={"delete_before_replace": st.booleans(), "parent": NAMES}),
}
VAULT = {"worm_enabled": TRUTHS, "force_destroy": TRUTHS, "tags": st.dictionaries(NAMES, TEXTS, max_size=2)}
SOURCE = NAMES | st.fixed_dictionaries({"id": TEXTS, "region_id": TEXTS})


def resources(more: dict[str, st.SearchStrategy[Any]], **needed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    one = st.fixed_dictionaries({"name": NAMES, "region_id": TEXTS, **needed}, optional={**COMMON, **more})
    return st.lists(one, max_size=3, unique_by=lambda resource: resource["name"])


SOUND = {"vaults": resources(VAULT), "mirrors": resources({"redundancy_type": TEXTS}, source=SOURCE)}
OTHER = {"usage": JSON, "limits": JSON, "foreign": JSON, "mirrors": JSON, "vaults": st.lists(JSON, max_size=2)}
ESTATES = st.one_of(
    *(st.fixed_dictionaries({"schema_version": st.just(1)}, optional=parts) for parts in (SOUND, SOUND, SOUND, OTHER))
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(current=ESTATES, desired=ESTATES, form=st.sampled_from(["text", "json", "markdown"]))
@example(current=NOTHING, desired=estate(vault("\ud800")), form="text")
def test_nonsense(current: Estate, desired: Estate, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the files hold, a person gets a report or a reason, never a traceback; JSON can be read back."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["plan", "--format", form]
        for name, written in (("current", current), ("desired", desired)):
            (Path(folder) / name).write_text(json.dumps(written))
            arguments += [f"--{name}", f"{folder}/{name}"]
        code = main(arguments)
    out, err = capsys.readouterr()
    assert code in (0, 3, 4) if err == "" else code == 1
    assert (out == "") is (err != "")
    assert "bug" not in err
    if form == "json" and code != 1:
        plan_from_json(out)


RETAINED: Estate = {"options": {"retain_on_delete": True}}
WITH_OTHER: Estate = {"options": {"deleted_with": "other"}}


@pytest.mark.parametrize(
    ("current", "desired", "line", "summary"),
    [
        pytest.param(
            estate(vault(id_="v-1", **RETAINED)),
            NOTHING,
            "- forget orders (vault in cn-hangzhou): removed, the vault stays in cn-hangzhou and nobody manages it "
            "(retain_on_delete)",
            "1 to forget",
            id="retained",
        ),
        pytest.param(
            estate(vault(id_="v-1", **RETAINED)),
            estate(vault(region_id="cn-chengdu", **RETAINED)),
            "-+ replace orders (vault in cn-hangzhou -> cn-chengdu): arguments, the old vault stays in cn-hangzhou and "
            "nobody manages it (retain_on_delete)",
            "1 to replace",
            id="replaced and retained",
        ),
        pytest.param(
            estate(vault(id_="v-1", **{**WITH_OTHER, "holds_data": True}), vault("other", "v-2")),
            NOTHING,
            "- forget orders (vault in cn-hangzhou): removed, the vault stays in cn-hangzhou and nobody manages it "
            "(deleted_with: the service deletes nothing along with another vault)",
            "1 to delete, 1 to forget",
            id="deleted with another",
        ),
        # Nothing is created first and last at the same time: the old region is told first in either order.
        pytest.param(
            estate(vault(id_="v-1")),
            estate(vault(region_id="cn-beijing", options={"delete_before_replace": False})),
            "+- replace orders (vault in cn-hangzhou -> cn-beijing): arguments, created before the old one is deleted",
            "1 to replace",
            id="created first",
        ),
        pytest.param(
            estate(vault(id_="v-1", **{**RETAINED, "status": "GONE"})),
            NOTHING,
            "- delete orders (vault): removed, no call to the service",
            "1 to delete",
            id="retained and gone",
        ),
    ],
)
def test_what_becomes_of_the_old_vault(
    current: Estate, desired: Estate, line: str, summary: str, written: Written
) -> None:
    """It is deleted, or it stays where it was and nobody manages it."""
    code, out = written(current, desired)
    assert code == 0
    assert f"\n  {line}\n" in f"\n{out}"
    assert out.splitlines()[-1] == summary


def test_what_stays_in_json(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads the option and the region, and an approved plan has them again."""
    assert main([*files(estate(vault(id_="v-1", **RETAINED)), NOTHING), "--format", "json"]) == 0
    out = capsys.readouterr().out
    (change,) = json.loads(out)["changes"]
    assert (change["action"], change["left_by"], change["left_in"]) == ("delete", "retain_on_delete", "cn-hangzhou")
    assert plan_from_json(out).changes[0].is_forgotten


def test_created_first_names_the_old_region_first_in_markdown(written: Written) -> None:
    """Text and Markdown tell the same."""
    desired = estate(vault(region_id="cn-beijing", options={"delete_before_replace": False}))
    _, out = written(estate(vault(id_="v-1")), desired, "--format", "markdown")
    assert "vault in cn-hangzhou -&gt; cn-beijing" in out


@pytest.mark.parametrize(
    ("current", "desired", "says"),
    [
        pytest.param(
            NOTHING,
            estate(vault("a", depends_on=["b"]), vault("b", depends_on=["a"])),
            "estate: the dependencies go round in a circle: a → b → a",
            id="circle",
        ),
        pytest.param(
            estate(vault("a", "v-1", depends_on=["b"]), vault("b", "v-2", depends_on=["a"])),
            estate(vault("a"), vault("b")),
            "estate: the dependencies go round in a circle: a → b → a",
            id="circle of what is there",
        ),
        pytest.param(
            NOTHING,
            estate(mirror("m", source="m2"), mirror("m2", source="m")),
            "estate: the dependencies go round in a circle: m → m2 → m",
            id="mirrors in a circle",
        ),
        pytest.param(
            NOTHING,
            estate(mirror("m", source="m")),
            "estate: the dependencies go round in a circle: m → m",
            id="its own source",
        ),
        pytest.param(
            NOTHING,
            estate(vault(depends_on=["zz"])),
            "depends_on of 'orders': there is no 'zz' in this file",
            id="misspelt dependency",
        ),
        pytest.param(
            estate(vault(id_="v-1", bytes_stored=-5)),
            estate(vault()),
            "bytes_stored of 'orders': -5 is below zero",
            id="size below zero",
        ),
        pytest.param(
            {**NOTHING, "limits": {"foo": 1}},
            NOTHING,
            "limits.foo: there is no such limit: vaults and mirrors_per_region are known",
            id="unknown limit",
        ),
        pytest.param(
            {**NOTHING, "limits": {"vaults": -1}}, NOTHING, "limits.vaults: -1 is below zero", id="limit below zero"
        ),
        pytest.param(
            NOTHING,
            estate(vault("a", aliases=["old"]), vault("b", aliases=["old"])),
            "aliases of 'b': 'old' is an alias of 'a' too",
            id="alias twice",
        ),
        pytest.param(
            NOTHING,
            estate(vault("a", aliases=["b"]), vault("b")),
            "aliases of 'a': 'b' is declared too",
            id="alias too",
        ),
        pytest.param(
            NOTHING,
            b'{"schema_version": 1, "vaults": [{"name": "a", "region_id": "r"}], "vaults": []}',
            "vaults: is written twice; only the last one would count.",
            id="key twice",
        ),
    ],
)
def test_faults_of_files(
    current: Any, desired: Any, says: str, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a typing error loses is told with the file and the names, not passed over."""
    arguments = files(current, desired)
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err in {f"cloudbackup: plan: {arguments[place]}: {says}\n" for place in (2, 4)}


@pytest.mark.parametrize(
    "desired",
    [
        pytest.param(estate(vault("a", aliases=["a", "old"])), id="its own name"),
        pytest.param(estate(vault("a", aliases=["old"]), mirror("m", source="a", aliases=["old"])), id="another kind"),
        pytest.param(estate(vault("a"), vault("b", depends_on=["a"])), id="a name"),
        pytest.param(
            {**estate(vault("a", depends_on=["urn:k"])), "foreign": [{"urn": "urn:k"}]}, id="another resource"
        ),
        pytest.param({**NOTHING, "limits": {"vaults": 200, "mirrors_per_region": 0}}, id="limits"),
        pytest.param({**estate(vault("vaults")), "usage": {"vaults": 3}}, id="a key in other places"),
    ],
)
def test_no_faults(desired: Estate, files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """What only looks like a fault is planned."""
    assert main(files(NOTHING, desired)) in (0, 3)
    assert capsys.readouterr().err == ""


FULL: Estate = {"holds_data": True}


@pytest.mark.parametrize(
    ("desired", "says"),
    [
        pytest.param(
            estate(vault("orders2")),
            'If "orders" was renamed, add to "orders2": '
            'opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="orders")]). Then it keeps its data. Otherwise undo',
            id="renamed",
        ),
        pytest.param(estate(vault("orders2", region_id="cn-beijing")), "Undo the change; or", id="in another region"),
        pytest.param(estate(vault("orders2", vault_type="OTS_BACKUP")), "Undo the change; or", id="of another type"),
        pytest.param(estate(vault("archive")), "Undo the change; or", id="of another name"),
        pytest.param(NOTHING, "Undo the change; or", id="removed"),
    ],
)
def test_a_vault_that_was_renamed(desired: Estate, says: str, files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Data that an alias keeps is not to be destroyed."""
    assert main([*files(estate(vault(id_="v-1", **FULL)), desired), "--format", "json"]) == 3
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["code"] == "CB303"
    assert problem["fix"].startswith(says)


def test_a_vault_that_got_another_parent(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """It has the same name; the alias is its old URN."""
    before = estate(vault(id_="v-1", urn="urn:pulumi:d::p::x:Vault::orders", **FULL))
    after = estate(vault(urn="urn:pulumi:d::p::my:C$x:Vault::orders"))
    assert main([*files(before, after), "--format", "json"]) == 3
    fix = json.loads(capsys.readouterr().out)["problems"][0]["fix"]
    alias = 'opts=pulumi.ResourceOptions(aliases=["urn:pulumi:d::p::x:Vault::orders"])'
    assert fix.startswith(f'If "orders" only got another parent, add to it: {alias}. Then it keeps')


def test_stages_are_offered_where_there_are_some(written: Written) -> None:
    """A report that says that there are none does not advise them."""
    by_id: Estate = {"source": {"id": "v-1", "region_id": "cn-hangzhou"}}
    current = estate(vault(id_="v-1"), mirror(id_="v-2", **by_id))
    desired = estate(vault(vault_type="OTS_BACKUP"), mirror(**{**by_id, "region_id": "cn-beijing"}))
    code, out = written(current, desired)
    assert code == 3
    assert "CB403" in out
    assert "There is no safe sequence of runs" in out
    assert "safe stages\n" not in out.replace("no safe stages\n", "")


def test_a_source_that_leaves_the_program_alone(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Its mirror stays on its id: what is wanted is to hand it over."""
    desired = estate(mirror(source={"id": "v-1", "region_id": "cn-hangzhou"}))
    assert main([*files(THERE, desired), "--format", "json"]) == 3
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["code"] == "CB304"
    assert problem["fix"].endswith("`cloudbackup release orders`.")


def test_a_last_copy_is_not_replaced_later(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a mirror has to stay, nothing is said of the time without it, nor of replacing its source."""
    current = estate(vault(id_="v-1", status="ERROR"), mirror(id_="v-2"))
    assert main([*files(current, estate(vault(), mirror(region_id="cn-beijing"))), "--format", "json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert [problem["code"] for problem in document["problems"]] == ["CB307"]
    assert document["exposure"] == []


@pytest.mark.parametrize(
    ("stored", "rate", "words"),
    [
        pytest.param(0, "25M", "and there is nothing to copy", id="nothing"),
        pytest.param(10**6, "100", "and 167 minutes for 1000000 bytes at 100 bytes/s", id="slow"),
        pytest.param(10**6, "2500", "and 7 minutes for 1000000 bytes at 2.5 kB/s", id="faster"),
    ],
)
def test_a_mirror_that_an_interrupted_run_deleted(stored: int, rate: str, words: str, written: Written) -> None:
    """Its source has none right now."""
    current = estate(vault(id_="v-1", bytes_stored=stored), mirror(id_="v-2", pending_replacement=True))
    _, out = written(current, DECLARED, "--copy-rate", rate)
    assert f"it has no mirror vault now; 90 minutes before a new mirror copies the history, {words}\n" in out


def test_exposure_in_the_order_of_names(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Not in that of ids, which are other ones for the same stack built anew."""
    ids = {"a": "v-3", "b": "v-1", "c": "v-2"}
    current = estate(
        *(vault(name, id_) for name, id_ in ids.items()),
        *(mirror(f"{name}-dr", f"m-{id_}", source=name) for name, id_ in ids.items()),
    )
    desired = estate(*map(vault, ids), *(mirror(f"{name}-dr", source=name, region_id="cn-beijing") for name in ids))
    assert main([*files(current, desired), "--format", "json"]) == 0
    assert [one["source"] for one in json.loads(capsys.readouterr().out)["exposure"]] == ["a", "b", "c"]


def test_a_source_that_never_had_a_mirror(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Is not told to be without one until a later stage."""
    names = [f"shop-{number}" for number in range(6)]
    current = estate(
        *(vault(name, f"v-{name}") for name in names),
        *(mirror(f"{name}-dr", f"m-{name}", source=name) for name in names[:5]),
    )
    desired = estate(*map(vault, names), *(mirror(f"{name}-dr", source=name) for name in names[1:]))
    assert main([*files(current, desired), "--format", "json"]) == 4
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert [one["bare_sources"] for one in stages] == [[], []]
