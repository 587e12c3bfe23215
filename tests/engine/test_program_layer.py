"""The whole program is judged before any vault of it is registered (design, "When a preview rejects")."""

from __future__ import annotations

import re
import subprocess
import sys
from textwrap import dedent

import pytest

from engine_harness import Project, Service

DOZEN = """
a = Vault("a", region_id="cn-hangzhou", vault_name="x" * 65)
b = Vault("b", region_id="cn-hangzhou", vault_type="ARCHIVE", encrypt_type="KMS")
c = Vault("c", region_id="cn-hangzhou", description="y" * 200, kms_key_id="alias/backup")
d = Vault("d", region_id="", tags={"acs:team": "shop"})
e = Vault("e", region_id="cn-hangzhou", encrypt_type="AES", timeout=-1)
MirrorVault("a-dr", source=a, region_id="cn-hangzhou")
MirrorVault("a-dr-2", source=a, region_id="cn-shanghai")
MirrorVault("b-dr", source=b, region_id="cn-qingdao", encrypt_type="HBR_PRIVATE", redundancy_type="ZRS")
MirrorVault("c-dr", source=c, region_id="cn-shanghai", opts=pulumi.ResourceOptions(retain_on_delete=True))
"""
CODES = [
    "CB100",
    "CB101",
    "CB102",
    "CB103",
    "CB104",
    "CB106",
    "CB107",
    "CB108",
    "CB110",
    "CB201",
    "CB202",
    "CB204",
    "CB206",
    "CB209",
    "CB301",
]


def test_a_dozen_mistakes_in_one_preview(project: Project, service: Service) -> None:
    """All of them at once, each once, grouped by resource, and no vault of ours is registered or created."""
    preview = project.program(DOZEN).preview().failed()
    lines = [line.strip() for line in preview.output.splitlines()]
    assert sorted({code for line in lines for code in re.findall(r"^(CB\d+): ", line)}) == CODES
    problems = [line for line in lines if line.startswith("CB")]
    assert len(problems) == len(set(problems))
    assert [line for line in lines if re.fullmatch(r"[a-e](-dr(-2)?)?:", line)][:5] == ["a:", "b:", "c:", "d:", "e:"]
    assert "cloudbackup:Vault: (create)" not in preview.output

    update = project.up().failed()
    assert update.calls == []
    assert [resource for resource in project.state() if resource in "abcde"] == []


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(
            'Vault("good", region_id="cn-hangzhou")\nVault("bad", region_id="cn-hangzhou", vault_name="")', id="plain"
        ),
        pytest.param(
            'Vault("good", region_id="cn-hangzhou")\n'
            'pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {"stackName": "organization/shop/dev"})\n'
            'Vault("bad", region_id="cn-hangzhou", vault_name="")',
            id="synchronous invoke in mid-program",
        ),
        pytest.param(
            """
            async def main():
                Vault("good", region_id="cn-hangzhou")
                other = pulumi.StackReference("organization/shop/dev")
                await other.get_output("x").future()
                Vault("bad", region_id="cn-hangzhou", vault_name="")
            pulumi.run(main)
            """,
            id="async, awaiting a stack reference",
        ),
        pytest.param(
            """
            class Team(pulumi.ComponentResource):
                def __init__(self, name):
                    super().__init__("acme:index:Team", name)
                    Vault("good", region_id="cn-hangzhou", opts=pulumi.ResourceOptions(parent=self))
                    Vault("bad", region_id="cn-hangzhou", vault_name="", opts=pulumi.ResourceOptions(parent=self))
            Team("shop")
            """,
            id="component",
        ),
        pytest.param(
            'Vault("good", region_id="cn-hangzhou")\n'
            'Vault("bad", region_id=pulumi.Output.from_input("cn-hangzhou"), vault_name=pulumi.Output.from_input("").apply(str))',
            id="outputs",
        ),
        pytest.param(
            'Vault("good", region_id="cn-hangzhou")\n'
            'pulumi.Output.from_input("x").apply(lambda _: Vault("bad", region_id="cn-hangzhou", vault_name=""))',
            id="declared inside apply",
        ),
    ],
)
def test_no_good_vault_is_created_beside_a_bad_one(project: Project, program: str) -> None:
    """However the program is written."""
    project.program('pulumi.export("x", 1)').up().ok()
    refused = project.program(program).up().failed()
    assert "CB101" in refused.output
    assert refused.output.count("is empty; the service takes 1 to 64 characters") <= 2
    assert refused.calls == []


@pytest.mark.parametrize(
    ("program", "words"),
    [
        pytest.param(
            'raise ValueError("boom")', ['raise ValueError("boom")', "ValueError: boom"], id="its own exception"
        ),
        pytest.param(
            """
            async def main():
                await pulumi.StackReference("organization/shop/dev").get_output("x").future()
                raise ValueError("boom")
            pulumi.run(main)
            """,
            ['raise ValueError("boom")', "ValueError: boom"],
            id="of an async program",
        ),
        pytest.param('MirrorVault("far", source="orders", region_id="cn-beijing")', ["CB100"], id="ours"),
        pytest.param(
            'MirrorVault("far", source=MirrorVault("dr", source=orders, region_id="cn-shanghai"), region_id="cn-beijing")',
            ["CB203"],
            id="mirror of a mirror",
        ),
    ],
)
def test_half_a_program_is_not_created(project: Project, program: str, words: list[str]) -> None:
    """A body that ends by an exception has not said all it meant to; every problem is told with it."""
    bad = 'orders = Vault("orders", region_id="cn-hangzhou"{})\n'
    refused = project.program(bad.format("") + dedent(program)).run("up", "--yes", "--skip-preview")
    assert refused.code != 0
    assert refused.calls == []
    assert all(word in refused.output for word in words)
    assert "site-packages" not in refused.output
    both = project.program(bad.format(', vault_name=""') + dedent(program)).run("preview")
    assert both.code != 0
    assert "CB101" in both.output
    assert all(word in both.output for word in words)


def test_a_program_that_awaits_its_own_vault_does_not_hang(project: Project) -> None:
    """The gate opens when nothing but held registrations is outstanding; what comes later is judged when it comes."""
    program = """
    async def main():
        orders = Vault("orders", region_id="cn-hangzhou")
        known = await orders.id.future()
        MirrorVault("orders-dr", source=orders, region_id="{region}", vault_name=f"dr-of-{{known or 'new'}}")
    pulumi.run(main)
    """
    project.program(program.format(region="cn-shanghai")).preview().ok()
    assert len(project.up().ok().calls) == 2
    project.destroy().ok()
    refused = project.program(program.format(region="cn-hangzhou")).up().failed()
    assert "CB201" in refused.output
    assert refused.calls == ["CreateVault orders"]


def test_secrets_are_neither_judged_nor_shown_by_the_program(project: Project) -> None:
    """A secret is unknown to the program layer, so no message of it can quote one."""
    project.program('Vault("orders", region_id="cn-hangzhou", tags={"k": pulumi.Output.secret("see http://hunter2")})')
    refused = project.preview().failed()
    assert "CB108" in refused.output
    assert "hunter2" not in refused.output


def test_warnings_are_told_and_do_not_fail(project: Project) -> None:
    """A mirror that names its source's key id almost surely names a key of the wrong region."""
    preview = (
        project.program(
            """
        a = Vault("a", region_id="cn-hangzhou", encrypt_type="KMS", kms_key_id="key-1")
        MirrorVault("a-dr", source=a, region_id="cn-shanghai", kms_key_id="key-1")
        """
        )
        .preview()
        .ok()
    )
    assert "warning: CB208" in preview.output
    assert preview.output.count("CB208") == 1


def test_plain_unit_tests_with_mocks_work(project: Project) -> None:
    """Users' own tests with Pulumi's mocks have no stack and no engine; nothing is held there."""
    (project.folder / "test_mine.py").write_text(
        """
import pulumi

class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        return [f"{args.name}-id", args.inputs]
    def call(self, args):
        return {}

pulumi.runtime.set_mocks(Mocks())

from pulumi_cloudbackup import MirrorVault, Vault

@pulumi.runtime.test
def test_mirror():
    orders = Vault("orders", region_id="cn-hangzhou")
    mirror = MirrorVault("orders-dr", source=orders, region_id="cn-shanghai")
    def check(values):
        assert values == ["orders-id", "cn-shanghai"]
    return pulumi.Output.all(mirror.source_vault_id, mirror.region_id).apply(check)
"""
    )
    import subprocess  # noqa: PLC0415 - only this test needs it
    import sys  # noqa: PLC0415 - as above

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"],
        cwd=project.folder,
        env=project.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


INLINE = """
import pulumi
from pulumi import automation
from pulumi_cloudbackup import ExistingVault, MirrorVault, Vault


def program():
    a = Vault("a", region_id="cn-hangzhou", vault_name="{name}")
    MirrorVault("a-dr", source={source}, region_id="cn-shanghai")


stack = automation.create_or_select_stack("dev", project_name="inline", program=program)
lines = []
for command in (lambda: stack.preview(on_output=lines.append), lambda: stack.up(on_output=lines.append)):
    try:
        command()
        print("succeeded")
    except automation.CommandError:
        print("refused")
print("\\n".join(lines))
print("the caller lives")
"""


@pytest.mark.parametrize(
    ("name", "source", "codes"),
    [
        ("", "a", {"CB101"}),
        ("fine", 'ExistingVault("v-nowhere", "cn-hangzhou")', {"CB210"}),
        ("fine", "a", set()),
    ],
)
def test_inline_programs(project: Project, service: Service, name: str, source: str, codes: set[str]) -> None:
    """Never kill the caller; what only the live account shows is found by the provider host, whose settings count."""
    project.program("")
    (project.folder / "inline.py").write_text(INLINE.format(name=name, source=source))
    since = service.last()
    done = subprocess.run(
        [sys.executable, "inline.py"],
        cwd=project.folder,
        env=project.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=120,
    )
    assert "the caller lives" in done.stdout
    assert set(re.findall(r"\b(CB\d+): ", done.stdout)) == codes
    assert done.stdout.count("refused") == (2 if codes else 0)
    assert [call for call in service.mutations(since) if "a-dr" in call or "[COPY]" in call] == (
        [] if codes else ["CreateReplicationVault [COPY]-fine"]
    )


def test_strict_makes_warnings_errors_and_waivers_answer_for_them(project: Project) -> None:
    """A waived problem is shown as waived; an expired waiver counts no more, an unused one is told."""
    project.program(
        """
        a = Vault("a", region_id="cn-hangzhou", encrypt_type="KMS", kms_key_id="key-1")
        MirrorVault("a-dr", source=a, region_id="cn-shanghai", kms_key_id="key-1")
        b = Vault("b", region_id="cn-hangzhou", kms_key_id="key-1")
        """
    )
    project.config("cloudbackup:strict", "true")
    strict = project.run("preview").failed()
    assert sorted(re.findall(r"^ (CB\d+): ", strict.output, re.MULTILINE)) == ["CB107", "CB208"]

    def waive(number: int, code: str, resource: str, expires: str) -> None:
        for field, value in (("code", code), ("resource", resource), ("reason", "agreed"), ("expires", expires)):
            project.config(f"cloudbackup:waivers[{number}].{field}", value, "--path", "--plaintext").ok()

    waive(0, "CB208", "a-dr", "2999-12-31")
    waive(1, "CB107", "b", "2001-01-31")
    expired = project.run("preview").failed()
    assert sorted(re.findall(r"^ (CB\d+): ", expired.output, re.MULTILINE)) == ["CB107"]
    assert 'The waiver of CB107 for "b" expired on 2001-01-31 and counts no more.' in expired.output
    waive(1, "CB107", "b", "2999-12-31")
    waive(2, "CB207", "a", "2999-12-31")
    waived = project.run("preview").ok()
    assert "waived (agreed): CB208" in waived.output
    assert "waived (agreed): CB107" in waived.output
    assert 'The waiver of CB207 for "a" names no problem of this program; remove it.' in waived.output


def test_settings_that_mean_nothing_are_told(project: Project) -> None:
    """A misspelt setting would otherwise be silent."""
    project.program('Vault("a", region_id="cn-hangzhou")').config("cloudbackup:prefligth", "off")
    told = project.run("preview").ok().output
    assert (
        "warning: cloudbackup:prefligth is set, but there is no such setting. Did you mean cloudbackup:preflight?"
        in told
    )
    project.config("cloudbackup:strict", "yes")
    assert "cloudbackup:strict is 'yes'. Set it to true or false." in project.run("preview").failed().output


def test_what_an_engine_side_transform_changes_is_judged_by_check(project: Project) -> None:
    """It runs after the program was judged, so its mistakes come from the provider, one resource at a time."""
    project.program(
        """
        def shorten(args):
            if "vault_name" in args.props:
                return pulumi.ResourceTransformResult({**args.props, "vault_name": "x" * 65}, args.opts)
        pulumi.runtime.register_resource_transform(shorten)
        Vault("a", region_id="cn-hangzhou")
        """
    )
    refused = project.up().failed()
    assert "CB101" in refused.output
    assert refused.calls == []


LATE = """
import asyncio

async def slow():
    await asyncio.sleep(1.5)
    return "cn-hangzhou"

pulumi.Output.from_input(slow()).apply(lambda region: Vault("orders", region_id=region))
"""


def test_a_program_that_declares_nothing_any_more_is_judged_at_its_end(project: Project, service: Service) -> None:
    """A list in a configuration that became empty: every vault of the stack goes, and the preview says what is lost."""
    project.program('Vault("orders", region_id="cn-hangzhou")').up().ok()
    service.patch("orders", SnapshotCount=1)
    project.program(LATE).preview().ok()  # declared late is declared

    project.program('pulumi.export("x", 1)')
    refused = project.preview().failed()
    assert "CB303" in refused.output
    update = project.up().failed()
    assert "CB303" in update.output
    assert update.calls == []
    assert "Traceback" not in refused.output + update.output

    project.config("cloudbackup:preflight", "off")
    unasked = project.preview().ok()
    assert "known only during the update, and checked then: orders (holds_data)." in unasked.output
    project.config("cloudbackup:preflight", "on")
    project.config("cloudbackup:enforce", "false")
    assert "not enforced: CB303" in project.preview().ok().output
