"""`cloudbackup check`: real programs, without the Pulumi CLI, an account or the network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from offline_harness import BAD, COMMAND, GOOD, Project

ROOT = Path(__file__).parents[2]
DR = 'MirrorVault("orders-dr", source=orders, region_id="cn-{}")\n'
SAME_REGION = GOOD + DR.format("hangzhou")
UNVERIFIED = "not verified against the live account"


def test_a_source_that_is_replaced_with_another_resource(project: Project) -> None:
    """The engine would delete it before its mirror; a vault without a mirror may be."""
    opts = "opts=pulumi.ResourceOptions(replace_with=[key])"
    program = f'key = Vault("key", region_id="cn-beijing")\norders = Vault("orders", region_id="cn-hangzhou", {opts})\n'
    assert project.program(program).check().code == 0
    run = project.program(program + 'MirrorVault("dr", source=orders, region_id="cn-shanghai")\n').check()
    assert (run.code, run.out.count("CB301")) == (3, 1)
    assert 'before its mirror vault "dr"' in " ".join(run.out.split())


def test_a_program_without_problems(project: Project) -> None:
    """The last lines say how many were judged, and that the live account was not asked."""
    run = project.program(GOOD + DR.format("shanghai")).check()
    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines()[0] == "no problems in 2 vaults and mirrors"
    assert run.out.splitlines()[1].startswith(UNVERIFIED)


def test_the_example_that_is_rejected() -> None:
    """The text for a person, and the document for a program."""
    command = [*COMMAND, "check", "examples/02-rejected"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (text.returncode, text.stderr) == (3, "")
    assert text.stdout.startswith(
        """\
orders-dr:
  error CB201: Mirror vault in the region of its source (region_id)
    Mirror vault "orders-dr" and its source "orders" are both in cn-hangzhou. A mirror vault is
    there for the day a region is lost; in the same region it is lost with its source.
    Set region_id of "orders-dr" to a region other than cn-hangzhou.

1 error in 2 vaults and mirrors
not verified against the live account"""
    )
    done = subprocess.run([*command, "--format", "json"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "")
    document = json.loads(done.stdout)
    assert list(document) == ["schema_version", "problems", "not_yet_known", "unverified", "verified_live"]
    assert (document["schema_version"], document["verified_live"]) == (1, False)
    (problem,) = document["problems"]
    assert problem["code"] == "CB201"
    assert problem["detail"].startswith('Mirror vault "orders-dr" and its source "orders" are both in cn-hangzhou.')
    assert (problem["subjects"], problem["argument"], problem["waived"]) == (["orders-dr"], "region_id", None)


@pytest.mark.parametrize(
    ("path", "arguments", "line"),
    [
        ("examples/01-first-mirror", [], "no problems in 2 vaults and mirrors"),
        ("stacks/retail-dr", ["--stack", "dev"], "no problems in 7 vaults and mirrors"),
        ("stacks/retail-dr", ["--stack", "prod"], "no problems in 14 vaults and mirrors"),
    ],
)
def test_examples_and_stacks(path: str, arguments: list[str], line: str, tmp_path: Path) -> None:
    """They are fine, from wherever they are asked for."""
    command = [*COMMAND, "check", str(ROOT / path), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == line


def test_a_stack_has_to_be_chosen(tmp_path: Path) -> None:
    """A program that fails without its configuration may only need --stack."""
    command = [*COMMAND, "check", str(ROOT / "stacks/retail-dr")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "cloudbackup: check: retail-dr:vaults is missing.\n"
        "No configuration was read: choose one of dev, prod with --stack NAME.\n"
    )


def test_warnings_are_told_and_are_fine(project: Project) -> None:
    """A key of the source's region is almost surely the wrong one."""
    project.program(
        """
        a = Vault("a", region_id="cn-hangzhou", encrypt_type="KMS", kms_key_id="key-1")
        MirrorVault("a-dr", source=a, region_id="cn-shanghai", kms_key_id="key-1")
        """
    )
    run = project.check()
    assert run.code == 0
    assert "a-dr:\n  warning CB208: " in run.out
    assert "\n1 warning in 2 vaults and mirrors\n" in run.out
    assert project.check_json().json["problems"][0]["severity"] == "warning"


def test_nothing_is_declared(project: Project) -> None:
    """It is said, and is fine."""
    run = project.program('pulumi.export("x", 1)').check()
    assert (run.code, run.out, run.err) == (0, "no vaults or mirror vaults are declared\n", "")
    run = project.check_json()
    assert (run.code, run.codes) == (0, [])
    assert "no vaults or mirror vaults are declared" in run.err


def test_what_is_known_only_after_apply(project: Project) -> None:
    """A rule over it has not been judged, and that is said."""
    project.program(
        """
        network = pulumi.StackReference("acme/network/prod")
        Vault("orders", region_id=network.get_output("region"))
        """
    )
    run = project.check()
    assert run.code == 0
    assert "known only after apply:\n  orders, region_id: " in run.out
    assert {"code": "CB103", "subject": "orders", "argument": "region_id"} in project.check_json().json["not_yet_known"]


LOUD = """
import os, subprocess, sys, warnings
print("printed")
sys.stdout.write("written\\n")
sys.__stdout__.write("dunder\\n")
os.write(1, b"descriptor\\n")
subprocess.run(["echo", "child"])
pulumi.log.info("informed")
pulumi.log.warn("warned")
warnings.warn("python's own")
"""


def test_what_a_program_prints_does_not_reach_stdout(project: Project) -> None:
    """Stdout is the report and nothing else."""
    run = project.program(LOUD + SAME_REGION).check_json()
    assert (run.code, run.codes) == (3, ["CB201"])
    for word in ("printed", "written", "dunder", "descriptor", "child", "info: informed", "warning: warned"):
        assert word in run.err
    assert run.err.count("CB201") == 0


SHAPES = {
    "plain": BAD,
    "outputs": 'Vault("bad", region_id=pulumi.Output.from_input("cn-hangzhou"), vault_name=pulumi.Output.from_input("").apply(str))',
    "async": f"async def main():\n    {BAD}pulumi.run(main)",
    "async, awaiting a stack reference": """
async def main():
    await pulumi.StackReference("acme/network/prod").get_output("x").future()
    Vault("bad", region_id="cn-hangzhou", vault_name="")
pulumi.run(main)
""",
    "async, awaiting its own vault": """
async def main():
    orders = Vault("orders", region_id="cn-hangzhou")
    known = await orders.id.future()
    Vault("bad", region_id="cn-hangzhou", vault_name=known or "")
pulumi.run(main)
""",
    "a task": """
import asyncio
async def later():
    Vault("bad", region_id="cn-hangzhou", vault_name="")
asyncio.get_event_loop().create_task(later())
""",
    "component": """
class Team(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("acme:index:Team", name)
        Vault("bad", region_id="cn-hangzhou", vault_name="", opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({})
Team("shop")
""",
    "apply": f'pulumi.Output.from_input("x").apply(lambda _: {BAD.strip()})',
    "beside another provider's": f"""
thing = pulumi.CustomResource("acme:index/thing:Thing", "thing", {{"a": 1}})
pulumi.runtime.invoke("acme:index:getThing", {{"a": 1}})
pulumi.runtime.invoke_output("acme:index:getThing", {{"a": thing.id}}).apply(print)
{BAD}
pulumi.export("thing", thing.id)
""",
    "options of all kinds": """
first = Vault("first", region_id="cn-hangzhou")
Vault("bad", region_id="cn-hangzhou", vault_name="", opts=pulumi.ResourceOptions(
    protect=True, depends_on=[first], aliases=[pulumi.Alias(name="old")], ignore_changes=["description"],
    additional_secret_outputs=["status"], retain_on_delete=True, version="1.2.3", deleted_with=first,
    custom_timeouts=pulumi.CustomTimeouts(create="5m"), replace_on_changes=["tags"], delete_before_replace=True,
    transforms=[lambda args: None],
    hooks=pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook("h", lambda args: None)]),
))
""",
    "a transform of the stack": f"pulumi.runtime.register_resource_transform(lambda args: None)\n{BAD}",
    "sys.exit()": f"{BAD}import sys\nsys.exit()",
    "sys.exit(0)": f"{BAD}import sys\nsys.exit(0)",
    "reads stdin": f"import sys\nassert sys.stdin.read() == ''\n{BAD}",
    "asks its arguments": f"import sys\nassert sys.argv == ['.']\n{BAD}",
}


@pytest.mark.parametrize("name", SHAPES)
def test_however_a_program_is_written(project: Project, name: str) -> None:
    """The same problem."""
    run = project.program(SHAPES[name]).check_json()
    assert (run.code, "CB101" in run.codes) == (3, True), run


def test_a_mirror_of_a_mirror(project: Project) -> None:
    """A problem like any other, beside those of the rest."""
    project.program(
        BAD + GOOD + 'dr = MirrorVault("dr", source=orders, region_id="cn-shanghai")\n'
        'MirrorVault("dr2", source=dr, region_id="cn-beijing")\n'
    )
    run = project.check_json()
    assert (run.code, run.codes, run.err) == (3, ["CB101", "CB203"], "")
    assert run.json["problems"][1]["subjects"] == ["dr2"]


CODED = """
class Mirror(pulumi.ComponentResource):
    def __init__(self, resource_name):
        raise pulumi.RunError("CB203: The source is a mirror. There is no mirror of one. Mirror the vault instead.")
Mirror("dr2")
"""


def test_an_error_with_a_code(project: Project) -> None:
    """What a constructor refuses with a code is a problem, beside those that were judged."""
    run = project.program(BAD + CODED).check_json()
    assert (run.code, run.codes, run.err) == (3, ["CB101", "CB203"], "")
    problem = run.json["problems"][1]
    assert problem["summary"] == "Mirror of a mirror vault"
    assert (problem["subjects"], problem["severity"]) == (["dr2"], "error")
    assert problem["detail"] == "The source is a mirror. There is no mirror of one."
    assert problem["fix"] == "Mirror the vault instead."
    text = project.check()
    assert text.code == 3
    assert "dr2:\n  error CB203: Mirror of a mirror vault\n    The source is a mirror." in text.out
    assert "\n2 errors in 1 vault or mirror\n" in text.out


def test_an_error_with_a_code_that_is_none(project: Project) -> None:
    """A text of the user's own."""
    assert "CB999: mine" in project.program('raise pulumi.RunError("CB999: mine")').check().failed().err


FAILURES = {
    "exception": ('x = 1\nraise ValueError("no such size")', ["__main__.py:4: ValueError: no such size"]),
    "exception in a function": (
        "def size():\n    return {}['shop']\nsize()",
        ["__main__.py:4: KeyError: 'shop'", "__main__.py:5 in <module>: size()", "__main__.py:4 in size: return"],
    ),
    "exception in a module": ("import local", ["local.py:2: ZeroDivisionError: division by zero"]),
    "exception in apply": (
        'pulumi.Output.from_input(1).apply(lambda _: 1 / 0)\nVault("a", region_id="cn-hangzhou")',
        ["__main__.py:3: ZeroDivisionError"],
    ),
    "exception in an async program": (
        "async def main():\n    raise ValueError('late')\npulumi.run(main)",
        ["__main__.py:4: ValueError: late"],
    ),
    "exception after a vault": (BAD + "1 / 0", ["__main__.py:4: ZeroDivisionError"]),
    "syntax error": ("def f(:\n    pass", ["__main__.py:3: SyntaxError: ", "def f(:"]),
    "syntax error in a module": ("import crooked", ["crooked.py:1: SyntaxError: "]),
    "indentation": ("if True:\nx = 1", ["__main__.py:4: IndentationError: "]),
    "missing module": (
        "import no_such_module",
        ["__main__.py:3: ModuleNotFoundError: No module named 'no_such_module'", sys.executable],
    ),
    "wrong argument": (
        'Vault("a", region="cn-hangzhou")',
        ["__main__.py:3: TypeError: ", "unexpected keyword argument 'region'"],
    ),
    "exception in apply, for an argument": (
        (
            "def region(x):\n    return {'a': 1}[x]\n"
            'Vault("a", region_id="cn-hangzhou", tags={"a": pulumi.Output.from_input("b").apply(region)})'
        ),
        ["__main__.py:4: KeyError: 'b'\n  __main__.py:4 in region: return {'a': 1}[x]\n"],
    ),
    "exception in apply, as the SDK wraps it": (
        (
            "def region(x):\n    raise ValueError('no such')\n"
            'orders = Vault("orders", region_id="cn-hangzhou")\n'
            'MirrorVault("dr", source=orders, region_id="cn-shanghai", description=orders.region_id.apply(region))'
        ),
        [
            "__main__.py:4: ValueError: no such\n",
            "  while processing resource: 'dr'\n  while processing input: 'description'\n",
        ],
    ),
    "missing configuration": (
        'pulumi.Config().require("size")',
        ['__main__.py:3: missing required configuration "shop:size"', "--config shop:size=VALUE"],
    ),
    "its own words": ('raise pulumi.RunError("two\\nlines")', ["check: two\nlines\n"]),
    "a setting that cannot work": (
        'Vault("a", region_id="cn-hangzhou", opts=pulumi.ResourceOptions(import_="v-1"))',
        ['give the argument adopt_id="v-1" instead'],
    ),
    "logged error": (
        'pulumi.log.error("out of order")\n' + GOOD,
        ["error: out of order\n", "the program logged 1 error"],
    ),
    "twice the same name": (
        GOOD + GOOD,
        ["__main__.py:4: Duplicate resource URN ", "Vault::orders'; try giving it a unique name"],
    ),
    "sys.exit(2)": ("import sys\nsys.exit(2)", ["__main__.py:4: the program ended itself: exit code 2"]),
    "sys.exit with words": ("import sys\nsys.exit('enough')", ["__main__.py:4: the program ended itself: enough"]),
    "os._exit(0)": (
        "import os\nos._exit(0)",
        ["process ended by itself (exit code 0) before its vaults could be judged"],
    ),
    "killed": ("import os\nos.kill(os.getpid(), 9)", ["process ended by itself (signal SIGKILL)"]),
    "interrupt": ("raise KeyboardInterrupt", ["__main__.py:3: KeyboardInterrupt"]),
    "an answer that is not known": (
        'found = pulumi.runtime.invoke("acme:index:getThing", {}).value\nfound["id"]',
        ["__main__.py:4: TypeError: ", "Not known without its provider, and None here: acme:index:getThing."],
    ),
    "too deep": ("def f():\n    f()\nf()", ["RecursionError: ", " more ...\n"]),
    "an error without words": ("class Oops(Exception):\n    pass\nraise Oops", ["__main__.py:5: Oops\n"]),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_program_that_fails(project: Project, name: str) -> None:
    """Exit code 1, the user's own lines, none of ours, and nothing on stdout."""
    text, words = FAILURES[name]
    project.write("local.py", "\n1 / 0\n").write("crooked.py", "def\n")
    run = project.program(text).check_json("--timeout", "20").failed()
    for word in words:
        assert word in run.err, run.err


def test_a_name_that_we_do_not_have(project: Project) -> None:
    """The message is Python's own, which names the file of the module; the frames are the user's."""
    run = project.program("from pulumi_cloudbackup import Vaults").check()
    assert (run.code, run.out) == (1, "")
    first, *frames = run.err.splitlines()
    assert first.startswith("cloudbackup: check: __main__.py:3: ImportError: cannot import name 'Vaults'")
    assert frames == ["  __main__.py:3 in <module>: from pulumi_cloudbackup import Vaults"]


def test_files_are_named_from_where_a_person_is(project: Project) -> None:
    """As a path that can be opened from there."""
    project.write("sub/Pulumi.yaml", "name: shop\nruntime: python\n").write("sub/__main__.py", "1 / 0\n")
    assert f"{os.sep}".join(("sub", "__main__.py:1: ZeroDivisionError")) in project.check("sub").failed().err


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("import time\ntime.sleep(60)", id="sleeps"),
        pytest.param("while True: pass", id="spins"),
        pytest.param(
            "import asyncio\nasync def main():\n    await asyncio.Event().wait()\npulumi.run(main)", id="awaits"
        ),
        pytest.param("import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()", id="thread"),
    ],
)
def test_a_program_that_hangs(project: Project, program: str) -> None:
    """It is ended in time, and that is said."""
    begin = time.monotonic()
    run = project.program(program).check("--timeout", "1").failed()
    assert "the program still runs after 1 s and was ended\n" in run.err
    assert "--timeout SECONDS" in run.err
    assert time.monotonic() - begin < 10


CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open("started.part", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.rename("started.part", "started")
time.sleep(600)
"""


def _is_running(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, None])
def test_nothing_is_left_running(project: Project, number: signal.Signals | None) -> None:
    """However it ends: the program, what it has started, and the folder between the processes are gone."""
    project.program(CHILD)
    temporary = project.folder / "tmp"
    temporary.mkdir()
    project.env["TMPDIR"] = str(temporary)
    command = [*COMMAND, "check", "--timeout", "600" if number else "2"]
    with subprocess.Popen(
        command, cwd=project.folder, env=project.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        _wait_for((project.folder / "started").exists)
        numbers = [int(one) for one in (project.folder / "started").read_text().split()]
        if number is not None:
            process.send_signal(number)
        _out, err = process.communicate(timeout=20)
    if number is signal.SIGINT:
        assert err == "cloudbackup: interrupted\n"
        # Python ends by the signal itself when that came while it made a class, as it does for what it still loads.
        assert process.returncode in (1, -signal.SIGINT)
    _wait_for(lambda: not any(_is_running(one) for one in numbers))
    _wait_for(lambda: list(temporary.iterdir()) == [])


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        pytest.param(
            "name: shop\nruntime: nodejs\n", "the runtime is nodejs; only python programs can be checked", id="runtime"
        ),
        pytest.param("name: [\n", "Pulumi.yaml: line 2: ", id="no YAML"),
        pytest.param(
            "name: shop\nruntime: python\nmain: nowhere\n", "main is nowhere, which does not exist", id="main"
        ),
        pytest.param(None, "there is no Pulumi.yaml in .; give the directory of a Pulumi project", id="none"),
    ],
)
def test_what_is_no_python_project(project: Project, yaml: str | None, words: str) -> None:
    """One line that names the file."""
    project.program("")
    (project.folder / "Pulumi.yaml").unlink()
    if yaml is not None:
        project.write("Pulumi.yaml", yaml)
    run = project.check().failed()
    assert words in run.err
    assert run.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--timeout", "0"],
        ["--timeout", "inf"],
        ["--timeout", "soon"],
        ["--config", "novalue"],
        ["--config", "=x"],
        ["--format", "yaml"],
        ["--stack", "../etc/passwd/x"],
        ["--strict"],
        ["a", "b"],
        ["nowhere"],
        [""],
        ["x" * 5000],
    ],
)
def test_wrong_arguments(project: Project, arguments: list[str]) -> None:
    """One line, exit code 1."""
    (project.folder / "Pulumi.yaml").unlink()
    run = project.check(*arguments).failed()
    assert run.err.startswith("cloudbackup: check: ")
    assert run.err.count("\n") == 1


CONFIGURED = 'config = pulumi.Config()\nVault("orders", region_id="cn-hangzhou", vault_name=config.require("name"))\n'


@pytest.mark.parametrize(
    ("files", "arguments", "code"),
    [
        pytest.param({"dev": '""'}, [], 3, id="the only stack"),
        pytest.param({"dev": '""', "prod": "p"}, ["--stack", "prod"], 0, id="chosen"),
        pytest.param({"dev": '""', "prod": "p"}, ["--stack", "acme/shop/dev"], 3, id="chosen in full"),
        pytest.param({"dev": '""'}, ["--config", "name=x"], 0, id="the command line wins"),
        pytest.param({}, ["--config", "shop:name="], 3, id="the command line alone"),
        pytest.param({"dev": '""', "prod": "p"}, ["--config", "name=x"], 0, id="several, none chosen, none needed"),
        pytest.param({"dev": '""', "prod": "p"}, [], 1, id="several, none chosen"),
    ],
)
def test_configuration(project: Project, files: dict[str, str], arguments: list[str], code: int) -> None:
    """An empty name is a problem, so the exit code tells which configuration was read."""
    for stack, name in files.items():
        project.write(f"Pulumi.{stack}.yaml", f"config:\n  shop:name: {name}\n")
    run = project.program(CONFIGURED).check(*arguments)
    assert run.code == code
    if code == 1:
        assert run.failed().err == (
            'cloudbackup: check: __main__.py:4: missing required configuration "shop:name"\n'
            "Give it with --config shop:name=VALUE.\n"
            "No configuration was read: choose one of dev, prod with --stack NAME.\n"
        )


def test_defaults_of_the_project(project: Project) -> None:
    """Pulumi.yaml itself can hold configuration."""
    project.write("Pulumi.yaml", "name: shop\nruntime: python\nconfig:\n  name: {type: string, default: ''}\n")
    assert project.program(CONFIGURED).check().code == 3


def test_a_stack_without_a_file(project: Project) -> None:
    """It may be misspelt."""
    project.write("Pulumi.dev.yaml", "config: {}\n")
    run = project.program(GOOD).check("--stack", "dv")
    assert run.code == 0
    assert run.err == "cloudbackup: check: stack dv has no configuration file; there are those of dev\n"


SECRETS = """
config = pulumi.Config()
assert config.require_object("database")["user"] == "me"
Vault("orders", region_id="cn-hangzhou", tags={"k": config.require_secret("token")})
"""


def test_encrypted_configuration(project: Project) -> None:
    """It is stood in for and named; it stays a secret, so that a key of the account is accepted."""
    project.write(
        "Pulumi.dev.yaml",
        """\
        encryptionsalt: v1:abc
        config:
          cloudbackup:accessKeyId: LTAI
          cloudbackup:accessKeySecret: {secure: v1:abc}
          shop:token: {secure: v1:abc}
          shop:database: {user: me, password: {secure: v1:abc}}
        """,
    )
    run = project.program(SECRETS).check()
    assert run.code == 0, run
    assert run.err == (
        "cloudbackup: check: encrypted configuration is not decrypted but stood in for: "
        "cloudbackup:accessKeySecret, shop:database, shop:token (--config KEY=VALUE gives a value)\n"
    )
    given = project.check("--config", "token=x", "--config", 'database={"user": "me"}')
    assert given.code == 0
    assert "stood in for: cloudbackup:accessKeySecret (" in given.err


def test_a_key_that_lies_open(project: Project) -> None:
    """Refused as in a preview, and not shown."""
    project.write("Pulumi.dev.yaml", "config:\n  cloudbackup:accessKeySecret: hunter2\n")
    run = project.program(GOOD).check().failed()
    assert "not as a secret" in run.err
    assert "hunter2" not in run.err


def test_another_python(project: Project) -> None:
    """The virtual environment that Pulumi.yaml names runs the program."""
    project.write("Pulumi.yaml", "name: shop\nruntime:\n  name: python\n  options:\n    virtualenv: venv\n")
    project.program('import os\nassert os.environ["VIRTUAL_ENV"].endswith("venv")\n' + BAD)
    run = project.check("--config", "x=y")
    assert "has no Python; the program runs with" in run.err
    python = project.write("venv/bin/python", f'#!/bin/sh\nexec {sys.executable} "$@"\n').folder / "venv/bin/python"
    python.chmod(0o755)
    assert project.check().code == 3
    project.write("venv/bin/python", f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    without = project.check().failed()
    assert "cannot import pulumi_cloudbackup: No module named" in without.err
    assert "-m pip install pulumi-cloudbackup" in without.err
    project.write("venv/bin/python", "no program")
    assert "cannot be run: Exec format error" in project.check().failed().err


@pytest.mark.parametrize(
    ("main", "file"), [("src", "src/__main__.py"), ("src/app.py", "src/app.py"), (None, "__main__.py")]
)
def test_main(project: Project, main: str | None, file: str) -> None:
    """A folder or a file; the program runs where it is."""
    project.write("Pulumi.yaml", "name: shop\nruntime: python\n" + (f"main: {main}\n" if main else ""))
    head = "import os, pulumi\nassert os.path.samefile(os.getcwd(), os.path.dirname(os.path.abspath(__file__)))\n"
    project.write(file, f"{head}from pulumi_cloudbackup import Vault\n{BAD}1 / 0\n")
    assert f"{file}:5: ZeroDivisionError" in project.check().failed().err
    project.write(file, f"{head}from pulumi_cloudbackup import Vault\n{BAD}")
    assert project.check().code == 3


def test_modules_with_names_of_the_standard_library(project: Project) -> None:
    """They are the program's own affair and do not keep it from being started."""
    for name in ("json.py", "typing.py", "asyncio.py", "pydantic.py", "yaml.py"):
        project.write(name, "raise SystemExit('shadowed')\n")
    command = [str(Path(sysconfig.get_path("scripts")) / "cloudbackup"), "check"]
    done = subprocess.run(command, cwd=project.program(BAD).folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "")


def test_names_in_any_language(project: Project) -> None:
    """A terminal that lacks the letters is no reason to fail."""
    project.program('Vault("订单-é", region_id="cn-hangzhou", vault_name="")')
    assert project.check_json().json["problems"][0]["subjects"] == ["订单-é"]
    project.env |= {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    run = project.check()
    assert run.code == 3
    assert "\\u8ba2\\u5355-\\xe9:" in run.out


def test_an_environment_of_another_run(project: Project) -> None:
    """Configuration that a real run left in the environment is not this one's."""
    project.env["PULUMI_CONFIG"] = '{"shop:name": "x"}'
    assert "missing required configuration" in project.program(CONFIGURED).check().failed().err


def test_no_room_between_the_processes(project: Project) -> None:
    """Where no temporary folder can be made, that is said."""
    project.program(GOOD)
    script = (
        "import sys, tempfile; tempfile._get_candidate_names = lambda: iter(['x/y'] * 3)\n"
        "from pulumi_cloudbackup.cli import main; sys.exit(main(['check']))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot be run: No such file or directory" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_command_line_does_not_load_pulumi(project: Project) -> None:
    """Only the program's own process does."""
    script = (
        "import sys; from pulumi_cloudbackup.cli import main; main(['check']); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project.program(GOOD).folder, capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "pulumi_cloudbackup.engine.running" in loaded
    assert not {"pulumi", "grpc", "starlette", "alibabacloud_hbr20170908"} & loaded


@pytest.mark.parametrize("arguments", ['tags=["team"]', 'description=["text"]', 'tags={"a": [1]}', "worm_enabled=3"])
def test_a_value_that_no_engine_takes(project: Project, arguments: str) -> None:
    """What the SDK cannot even send is a problem of the program, told as one."""
    run = project.program(
        f'from pulumi_cloudbackup import Vault\n\nVault("orders", region_id="cn-hangzhou", vault_name="", {arguments})'
    ).check()
    assert run.code == 3, run.err
    assert "CB100" in run.out
    assert "CB101" in run.out


def test_a_setting_that_means_nothing(project: Project) -> None:
    """It is a note, beside whatever the rules say."""
    run = project.program(GOOD).check("--config", "cloudbackup:limit=5")
    assert run.code == 0
    assert "note: cloudbackup:limit is set, but there is no such setting. Did you mean cloudbackup:limits?" in run.out
