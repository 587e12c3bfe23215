"""The live account is asked once for the whole program, at a plain preview (design, "preflight")."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from engine_harness import Project, Service

PAIR = """
orders = Vault("orders", region_id="cn-hangzhou", vault_name="orders")
MirrorVault("{name}", source=orders, region_id="{region}", vault_name="dr"{more})
"""


def pair(name: str = "orders-dr", region: str = "cn-shanghai", more: str = "") -> str:
    return PAIR.format(name=name, region=region, more=more)


def codes(output: str) -> list[str]:
    """The codes of errors, each as often as it is told."""
    return sorted(re.findall(r"^ ?(CB\d+): ", output, re.MULTILINE))


def asked(service: Service, since: int) -> Counter[str]:
    return Counter(call["action"] for call in service.calls(since))


@pytest.fixture
def elsewhere(project: Project, tmp_path: Path, service: Service) -> Project:
    """Another stack of the same account."""
    return Project(tmp_path / "elsewhere", service, name="billing", stack="prod")


def test_a_mirror_renamed_without_alias(project: Project, service: Service) -> None:
    """CB401 names the owner and gives the line that makes it an in-place rename."""
    project.program(pair()).up().ok()
    refused = project.program(pair("orders-mirror")).run("preview").failed()
    assert codes(refused.output) == ["CB401"]
    assert "managed by shop/dev/orders-dr" in refused.output
    (alias,) = re.findall(r"opts=(pulumi\.ResourceOptions\(aliases=\[.*?\]\))", refused.output)
    assert alias == 'pulumi.ResourceOptions(aliases=[pulumi.Alias(name="orders-dr")])'

    update = project.up().failed()
    assert update.calls == []
    renamed = project.program(pair("orders-mirror", more=f", opts={alias}")).up().ok()
    assert renamed.calls == ["UpdateVault dr"]
    assert "1 updated" in renamed.output
    project.preview().ok()


def test_the_alias_is_a_whole_urn_where_a_name_would_not_match(project: Project) -> None:
    """The mirror moved out of a component, so its old URN has another type chain."""
    component = """
    class Team(pulumi.ComponentResource):
        def __init__(self, name):
            super().__init__("acme:index:Team", name)
            self.orders = Vault("orders", region_id="cn-hangzhou", opts=pulumi.ResourceOptions(parent=self))
    team = Team("shop")
    MirrorVault("orders-dr", source=team.orders, region_id="cn-shanghai"{opts})
    """
    project.program(component.format(opts=", opts=pulumi.ResourceOptions(parent=team)")).up().ok()
    project.preview().ok()
    refused = project.program(component.format(opts="")).run("preview").failed()
    assert codes(refused.output) == ["CB401"]
    (alias,) = re.findall(r"opts=(pulumi\.ResourceOptions\(aliases=\[.*?\]\))", refused.output)
    assert "acme:index:Team$pulumi-python:dynamic/cloudbackup:MirrorVault::orders-dr" in alias
    assert project.program(component.format(opts=f", opts={alias}")).up().ok().calls == ["UpdateVault [COPY]-orders"]


def test_a_renamed_component_takes_its_mirror_along(project: Project) -> None:
    """The alias of a parent is an alias of its children."""
    program = """
    class {cls}(pulumi.ComponentResource):
        def __init__(self, name, opts=None):
            super().__init__("acme:index:{cls}", name, None, opts)
            orders = Vault("orders", region_id="cn-hangzhou", opts=pulumi.ResourceOptions(parent=self))
            MirrorVault(f"{{name}}-dr", source=orders, region_id="cn-shanghai", opts=pulumi.ResourceOptions(parent=self))
    {cls}("{name}", pulumi.ResourceOptions({opts}))
    """
    project.program(program.format(cls="Team", name="shop", opts="")).up().ok()
    alias = 'aliases=[pulumi.Alias(name="shop", type_="acme:index:Team")]'
    moved = project.program(program.format(cls="Crew", name="store", opts=alias)).run("preview").ok()
    assert "2 to update" in moved.output
    assert "create" not in moved.output


def test_a_source_that_another_stack_mirrors(project: Project, elsewhere: Project, service: Service) -> None:
    """CB202 names the owner; so it does where the other mirror is in a region that this program does not mention."""
    elsewhere.program(pair(region="cn-beijing")).up().ok()
    source = service.by_name("orders")["VaultId"]
    since = service.last()
    refused = project.program(
        f'MirrorVault("mine", source=ExistingVault("{source}", "cn-hangzhou"), region_id="cn-shanghai")'
    )
    output = refused.run("preview").failed().output
    assert codes(output) == ["CB202"]
    assert "managed by billing/prod/orders-dr" in output
    assert asked(service, since) == {"DescribeVaultReplicationRegions": 1, "DescribeVaults": 3}
    assert project.up().failed().calls == []


def test_a_mirror_of_nobody_can_be_taken_over(project: Project, elsewhere: Project, service: Service) -> None:
    """The console's mirror: the line that adopts it is in the message, and works."""
    elsewhere.program(pair()).up().ok()
    service.patch("dr", Description="made in the console")
    source = service.by_name("orders")["VaultId"]
    program = f'MirrorVault("mine", source=ExistingVault("{source}", "cn-hangzhou"), region_id="cn-shanghai", {{}})'
    refused = project.program(program.format("")).run("preview").failed()
    assert "managed by nobody" in refused.output
    (line,) = re.findall(r'add (adopt_id="[^"]+")', refused.output)
    project.program(program.format(line)).run("preview").ok()
    assert project.up().ok().calls == [f"UpdateVault [COPY]-{source}"]
    project.run("preview").ok()


def test_everything_about_sources_in_one_preview(project: Project, elsewhere: Project, service: Service) -> None:
    """Lost, never there, in ERROR, trial, archive, database, a mirror, encrypted otherwise: each told once, together."""
    names = ("error", "trial", "archive", "database", "mirrored", "kms", "fine")
    elsewhere.program(
        "\n".join(
            f'{name} = Vault("{name}", region_id="cn-hangzhou"'
            + (', encrypt_type="KMS", kms_key_id="key-1")' if name == "kms" else ")")
            for name in names
        )
        + '\nMirrorVault("mirror", source=mirrored, region_id="cn-beijing", vault_name="mirror")'
    ).up("--parallel", "8").ok()
    service.patch("error", Status="ERROR")
    service.patch("trial", ChargeType="FREE", TrialInfo={"TrialStartTime": 1, "TrialExpireTime": 2})
    service.patch("archive", ChargeType="ARCHIVE")
    service.patch("database", ChargeType="UNI_BACKUP")
    ids = {vault["VaultName"]: (id_, vault["VaultRegionId"]) for id_, vault in service.vaults().items()}
    ids["absent"] = ("v-never-there", "cn-hangzhou")
    mirrors = "\n".join(
        f'MirrorVault("{name}-dr", source=ExistingVault("{id_}", "{region}"), region_id="{("cn-shanghai", "cn-qingdao")[n % 2]}"'
        + (', encrypt_type="HBR_PRIVATE")' if name == "kms" else ")")
        for n, (name, (id_, region)) in enumerate(ids.items())
    )
    since = service.last()
    preview = project.program(mirrors).run("preview").failed()
    told = {
        name: re.findall(r"^ (CB\d+): ", text, re.MULTILINE)
        for name, text in re.findall(r"^ ?([a-z]+)-dr:\n((?: CB.*\n)+)", preview.output, re.MULTILINE)
    }
    assert told == {
        "error": ["CB205"],
        "trial": ["CB204"],
        "archive": ["CB204"],
        "database": ["CB204"],
        "mirrored": ["CB202"],
        "kms": ["CB206"],
        "mirror": ["CB203"],
        "absent": ["CB210"],
    }
    assert asked(service, since)["DescribeVaults"] == 5  # four regions, and once more for what is absent
    assert project.up().failed().calls == []


def test_regions_that_the_live_list_denies(project: Project, service: Service) -> None:
    """A doubt offline, an error live, with the nearest names; nobody is asked in a region that is not there."""
    program = 'a = Vault("a", region_id="cn-hangzou")\nMirrorVault("a-dr", source=a, region_id="me-east-1")'
    refused = project.program(program).run("preview").failed()
    assert codes(refused.output) == ["CB103", "CB207"]
    assert "cn-hangzhou" in refused.output
    assert {call["region_id"] for call in service.calls()} <= {"cn-hangzhou", "me-east-1"}
    project.config("cloudbackup:preflight", "off")
    doubtful = project.run("preview").ok()
    assert sorted(re.findall(r"warning: (CB\d+)", doubtful.output.partition("Diagnostics:")[2])) == ["CB103", "CB207"]


def test_quotas_count_what_others_have_and_what_this_program_gives_up(
    project: Project, elsewhere: Project, service: Service
) -> None:
    """Five mirrors in a region at most; one that is replaced makes room for its successor, on the way too."""
    many = 'for n in range({n}):\n    v = Vault(f"v{{n}}", region_id="cn-hangzhou")\n    MirrorVault(f"m{{n}}", source=v, region_id="cn-shanghai")\n'
    elsewhere.program(many.format(n=4)).up("--parallel", "16").ok()
    project.program(pair()).up().ok()
    full = project.program(
        pair() + 'x = Vault("x", region_id="cn-hangzhou")\nMirrorVault("x-dr", source=x, region_id="cn-shanghai")'
    )
    refused = full.run("preview").failed()
    assert codes(refused.output) == ["CB211"]
    assert "6 mirror vaults in cn-shanghai, 5 of which exist already" in refused.output
    project.config("cloudbackup:limits", '{"mirrors_per_region": 6}')
    full.run("preview").ok()
    project.run("config", "rm", "cloudbackup:limits").ok()
    project.program(pair()).run("preview", "--replace", project.urn("MirrorVault", "orders-dr")).ok()
    moved = (
        pair(region="cn-beijing")
        + 'x = Vault("x", region_id="cn-hangzhou")\nMirrorVault("x-dr", source=x, region_id="cn-shanghai")'
    )
    raced = project.program(moved).run("preview").failed()
    assert codes(raced.output) == ["CB404"], "the one that moves may leave after the new one has come"


def test_a_hundred_vaults_are_at_least_that_many(project: Project, service: Service) -> None:
    """Only the regions that matter are listed, so the count is a lower bound and says so; two pages are read."""
    project.program('for n in range(98):\n    Vault(f"v{n}", region_id="cn-hangzhou")').up("--parallel", "64").ok()
    other = Project(project.folder.parent, service, name="other")
    since = service.last()
    other.program('for n in range(2):\n    Vault(f"w{n}", region_id="cn-hangzhou")').run("preview").ok()
    assert asked(service, since) == {"DescribeRegions": 1, "DescribeVaults": 1}
    refused = other.program('for n in range(3):\n    Vault(f"w{n}", region_id="cn-hangzhou")').run("preview").failed()
    assert codes(refused.output) == ["CB212"]
    assert "at least 101 vaults, 98 of which exist already" in refused.output


def test_replacements_that_would_lose_data_are_told_together(project: Project, service: Service) -> None:
    """Without consent, of the last copy, locked: all in one preview, and none of them is begun."""
    program = """
    for name in ("data", "locked", "empty"):
        Vault(name, region_id="cn-hangzhou", vault_type="{kind}", worm_enabled=(name == "locked"))
    orders = Vault("orders", region_id="cn-hangzhou")
    MirrorVault("orders-dr", source=orders, region_id="{region}", vault_name="dr")
    """
    project.program(program.format(kind="STANDARD", region="cn-shanghai")).up().ok()
    service.patch("data", SnapshotCount=3)
    service.patch("locked", SnapshotCount=1)
    service.patch("orders", Status="ERROR")
    refused = project.program(program.format(kind="OTS_BACKUP", region="cn-beijing")).run("preview").failed()
    assert codes(refused.output) == ["CB205", "CB303", "CB303", "CB305", "CB307"]
    assert 'Changing vault_type replaces vault "data"' in refused.output
    assert "(3 backup points)" in refused.output
    assert project.up().failed().calls == []


def test_legitimate_replacements_are_not_rejected(project: Project, service: Service) -> None:
    """By a change, with an alias, on request, after an interrupted one; and a re-run after a crash."""
    project.program(pair()).up().ok()
    mirror, source = project.urn("MirrorVault", "orders-dr"), project.urn("Vault", "orders")
    project.run("preview", "--replace", mirror).ok()
    project.run("preview", "--replace", source).ok()
    project.program(pair(region="cn-beijing")).run("preview").ok()
    alias = ', opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="orders-dr")])'
    project.program(pair("renamed", "cn-beijing", alias)).run("preview").ok()
    service.fault(action="CreateReplicationVault", fault="success_false", times=1, code="Busy", message="not now")
    interrupted = project.up().failed()
    assert interrupted.calls == ["DeleteVault dr", "CreateReplicationVault dr [Busy]"]
    project.run("preview").ok()
    assert project.up().ok().calls == ["CreateReplicationVault dr"]
    assert project.run("preview").ok().output.count("unchanged") == 1


def test_a_source_created_in_the_same_run_is_not_missing(project: Project) -> None:
    """Its id is given as text by an async program: the listing made before does not hold it."""
    program = """
    async def main():
        orders = Vault("orders", region_id="cn-hangzhou")
        id_ = await orders.id.future()
        if id_:
            MirrorVault("orders-dr", source=ExistingVault(id_, "cn-hangzhou"), region_id="cn-shanghai", vault_name="dr")
    pulumi.run(main)
    """
    assert project.program(program).up().ok().calls == ["CreateVault orders", "CreateReplicationVault dr"]
    project.run("preview").ok()


def test_a_stack_reference_is_known_in_time(project: Project, elsewhere: Project, service: Service) -> None:
    """The id of another stack's vault is judged at preview, not when the mirror is created."""
    elsewhere.env = project.env
    elsewhere.program(pair() + 'pulumi.export("id", orders.id)').up().ok()
    refused = project.program(
        """
        id_ = pulumi.StackReference("organization/billing/prod").get_output("id")
        MirrorVault("mine", source=ExistingVault(id_, "cn-hangzhou"), region_id="cn-shanghai")
        """
    )
    assert codes(refused.run("preview").failed().output) == ["CB202"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"fault": "success_false", "code": "Forbidden.RAM", "message": "not allowed"}, "Grant the RAM action hbr:"),
        ({"fault": "throttle"}, "The service was asked too often"),
        ({"fault": "http_503"}, "not fully checked against the live account"),
    ],
)
def test_an_account_that_does_not_answer_is_a_warning(
    project: Project, service: Service, fault: dict[str, str], words: str
) -> None:
    """It never fails a preview; it is said once, and that the result was not verified."""
    for action in ("DescribeVaults", "DescribeVaultReplicationRegions", "DescribeRegions"):
        service.fault(action=action, times=100, **fault)
    preview = project.program(pair()).run("preview").ok()
    diagnostics = preview.output.partition("Diagnostics:")[2]
    assert "warning: not fully checked against the live account" in diagnostics
    assert words in diagnostics
    assert "checked against the live account." not in diagnostics.replace(
        "not fully checked against the live account", ""
    )
    told = [line for line in diagnostics.splitlines() if "warning" in line]
    assert len(told) == len(set(told)) <= 2


def test_modes(project: Project, service: Service) -> None:
    """``off`` asks nothing and says so; ``auto`` asks where credentials are configured; ``on`` asks in any case."""
    project.program(pair()).config("cloudbackup:preflight", "off")
    since = service.last()
    assert "not checked against the live account: cloudbackup:preflight is off" in project.run("preview").ok().output
    assert asked(service, since) == {}
    project.run("config", "rm", "cloudbackup:preflight").ok()
    assert " checked against the live account." in project.run("preview").ok().output
    env = dict(project.env)
    for name in ("CLOUDBACKUP_ENDPOINT", "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"):
        del project.env[name]
    quiet = project.run("preview").ok()
    assert "not checked against the live account: no credentials come from" in quiet.output
    project.env = env


def test_an_unchanged_program_asks_each_region_once(project: Project, service: Service) -> None:
    """Two regions and one list of regions, in previews and in updates alike."""
    project.program(pair()).up().ok()
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        since = service.last()
        project.run(*command).ok()
        assert asked(service, since) == {"DescribeVaultReplicationRegions": 1, "DescribeVaults": 2}


@pytest.mark.parametrize(
    "late",
    [
        'pulumi.StackReference("organization/shop/dev").get_output("x").apply(lambda _: {})',
        'Team("t").urn.apply(lambda _: {})',
    ],
)
def test_what_is_declared_while_the_account_is_asked_is_judged_too(
    project: Project, service: Service, late: str
) -> None:
    """Declared in the apply of something that takes a while."""
    program = f"""
    class Team(pulumi.ComponentResource):
        def __init__(self, name):
            super().__init__("acme:index:Team", name)
    a = Vault("a", region_id="cn-hangzhou")
    MirrorVault("a-dr", source=a, region_id="cn-shanghai")
    {late.format('MirrorVault("a-far", source=a, region_id="cn-beijing")')}
    """
    project.program('pulumi.export("x", 1)').up().ok()
    service.fault(action="DescribeVaults", fault="slow", seconds=0.5, times=2)
    assert codes(project.program(program).run("preview").failed().output) == ["CB202"]
    assert project.up().failed().calls == []


def test_a_vault_as_parent(project: Project, service: Service) -> None:
    """Its URN comes only with its registration, but what it is called is known."""
    parented = ", opts=pulumi.ResourceOptions(parent=orders{})"
    project.program(pair(more=parented.format(""))).up().ok()
    project.run("preview").ok()
    service.patch("orders", Status="ERROR")
    project.run("preview").ok()
    service.patch("orders", Status="CREATED")
    refused = project.program(pair("renamed", more=parented.format(""))).run("preview").failed()
    assert codes(refused.output) == ["CB401"]
    (alias,) = re.findall(r"aliases=(\[.*?\])", refused.output)
    assert alias == '[pulumi.Alias(name="orders-dr")]'
    project.program(pair("renamed", more=parented.format(f", aliases={alias}"))).run("preview").ok()


def test_what_is_known_only_in_check_is_judged_there(project: Project, elsewhere: Project, service: Service) -> None:
    """Secret ids: two mirrors of one source, keys of another region, and no message that shows a secret."""
    elsewhere.env = project.env
    elsewhere.program(
        'v = Vault("v", region_id="cn-hangzhou")\npulumi.export("id", pulumi.Output.secret(v.id))'
    ).up().ok()
    refused = (
        project.program(
            """
        id_ = pulumi.StackReference("organization/billing/prod").get_output("id")
        for region in ("shanghai", "beijing"):
            MirrorVault(region, source=ExistingVault(id_, "cn-hangzhou"), region_id=f"cn-{region}")
        """
        )
        .run("preview")
        .failed()
    )
    assert "CB202" in refused.output
    hidden = project.program(
        'MirrorVault("m", source=ExistingVault(pulumi.Output.secret("v-hunter2"), "cn-hangzhou"), region_id="cn-beijing")'
    )
    output = hidden.run("preview").failed().output
    assert "CB210: The source [secret] of mirror vault" in output
    assert "hunter2" not in output
    doubtful = (
        project.program(
            """
        key = pulumi.Output.secret("key-1")
        a = Vault("a", region_id="cn-hangzhou", encrypt_type="KMS", kms_key_id=key)
        MirrorVault("a-dr", source=a, region_id="cn-shanghai", kms_key_id=key)
        """
        )
        .run("preview")
        .ok()
    )
    assert doubtful.output.count("warning CB208") >= 1


@pytest.mark.parametrize(
    "source",
    [
        'ExistingVault(None, "cn-hangzhou")',
        'ExistingVault("v-1", None)',
        "ExistingVault(pulumi.Output.from_input(None), 'cn-hangzhou')",
    ],
)
def test_a_source_that_is_none(project: Project, source: str) -> None:
    """Such as an output of another stack that is misspelt."""
    refused = project.program(f'MirrorVault("m", source={source}, region_id="cn-shanghai")').run("preview").failed()
    assert codes(refused.output) == ["CB100"]


def test_after_a_lost_state(project: Project, service: Service) -> None:
    """Vaults that say they are ours: taken up where they surely are, otherwise a person decides."""
    project.program(pair()).up().ok()
    service.patch("orders", SnapshotCount=1)
    for urn in (project.urn("MirrorVault", "orders-dr"), project.urn("Vault", "orders")):
        project.run("state", "delete", "--yes", urn).ok()
    refused = project.run("preview").failed()
    assert codes(refused.output) == ["CB113"]
    assert 'add adopt_id="v-' in refused.output
    moved = (
        project.program(
            pair(region="cn-beijing").replace(
                'vault_name="orders"', f'adopt_id="{service.by_name("orders")["VaultId"]}"'
            )
        )
        .run("preview")
        .failed()
    )
    assert codes(moved.output) == ["CB202"]
    assert "managed by shop/dev/orders-dr" in moved.output


def test_recoveries_that_are_not_rejected(project: Project, service: Service) -> None:
    """A lost source with a new mirror may be created again; a crashed attempt in ERROR is removed and made anew."""
    project.program(pair()).up().ok()
    service.lose("dr")
    service.lose("orders")
    both = project.program(pair("new"))
    both.run("preview", "--refresh").ok()
    assert "CB210" in both.run("preview").failed().output
    assert both.run("up", "--yes", "--skip-preview", "--refresh").ok().calls == [
        "CreateVault orders",
        "CreateReplicationVault dr",
    ]


def test_options_that_change_what_counts(project: Project, service: Service) -> None:
    """What the engine ignores, and what it keeps, is no problem."""
    program = 'Vault("orders", region_id="{region}", vault_name="{name}", opts=pulumi.ResourceOptions({opts}))'
    project.program(program.format(region="cn-hangzhou", name="orders", opts="retain_on_delete=True")).up().ok()
    service.patch("orders", SnapshotCount=2)
    project.program(program.format(region="cn-beijing", name="orders", opts="retain_on_delete=True")).run(
        "preview"
    ).ok()
    # What the old state says of an option is what the engine does with the old vault.
    project.program(program.format(region="cn-beijing", name="orders", opts="")).run("preview").ok()
    project.program(program.format(region="cn-hangzhou", name="orders", opts="")).up().ok()
    assert codes(
        project.program(program.format(region="cn-beijing", name="orders", opts="")).run("preview").failed().output
    ) == ["CB303"]
    ignoring = 'ignore_changes=["vault_name", "region_id"]'
    project.program(program.format(region="cn-beijing", name="x" * 65, opts=ignoring)).run("preview").ok()


def test_accounts_are_asked_each(project: Project, service: Service, tmp_path: Path) -> None:
    """A source that another profile's account does not have is missed there, too."""
    (tmp_path / ".alibabacloud").mkdir()
    (tmp_path / ".alibabacloud" / "credentials.ini").write_text(
        "[two]\nenabled = true\ntype = access_key\naccess_key_id = test\naccess_key_secret = test\n"
    )
    refused = project.program(
        'Vault("v", region_id="cn-hangzhou")\n'
        'MirrorVault("m", source=ExistingVault("v-nope", "cn-hangzhou"), region_id="cn-beijing", account="two")'
    )
    assert codes(refused.run("preview").failed().output) == ["CB210"]


SWAPPED_BELOW = """
class Team(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("acme:index:Team", name)

{before}team = Team("team")
below = pulumi.ResourceOptions(parent=team)
a, b = Vault("a", region_id="cn-hangzhou"), Vault("b", region_id="cn-hangzhou")
MirrorVault("a-dr", source={first}, region_id="cn-shanghai", opts=below)
MirrorVault("b-dr", source={second}, region_id="cn-shanghai", opts=below)
"""


def test_mirrors_below_a_component_that_swap_their_sources(project: Project) -> None:
    """The component waits for nothing, so neither mirror waits for the other."""
    project.program(SWAPPED_BELOW.format(before="", first="a", second="b")).up().ok()
    refused = project.program(SWAPPED_BELOW.format(before="", first="b", second="a")).run("preview").failed()
    assert codes(refused.output) == ["CB402", "CB402"]
    assert "known only during the update" not in refused.output
    assert project.up().failed().calls == []
