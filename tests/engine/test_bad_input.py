"""What a new user gets wrong: one line with a code at preview, never a traceback, and no call to the service."""

from __future__ import annotations

import pytest

from engine_harness import Project, Service

SOURCE = 'orders = Vault("orders", region_id="cn-hangzhou")\n'


@pytest.mark.parametrize(
    ("program", "words"),
    [
        pytest.param(
            'Vault("orders", region_id="cn-hangzo")',
            'CB103: The region "cn-hangzo" of "orders" is not one that the service lists for this account. Did you mean cn-hangzhou',
            id="unknown region",
        ),
        pytest.param(
            'Vault("orders", region_id="cn-hangzhou", vault_name="")',
            'CB101: The vault name of "orders" is empty',
            id="empty name",
        ),
        pytest.param(
            'Vault("orders", region_id="cn-hangzhou", vault_name="x" * 65)',
            "has 65 characters; the service takes 1 to 64",
            id="name of 65",
        ),
        pytest.param(
            'orders = Vault("orders", region_id="cn-hangzhou", encrypt_type="KMS", kms_key_id="alias/a")\n'
            'MirrorVault("dr", source=orders, region_id="cn-shanghai")',
            'CB106: "dr" is encrypted with KMS but names no key',
            id="KMS mirror without key",
        ),
        pytest.param(
            SOURCE + 'MirrorVault("dr", source=orders, region_id="cn-hangzhou")',
            'CB201: Mirror vault "dr" and its source "orders" are both in cn-hangzhou.',
            id="mirror in its source's region",
        ),
        pytest.param(
            SOURCE + 'MirrorVault("dr", source="orders", region_id="cn-shanghai")',
            'CB100: "dr": source has no region_id',
            id="a name as source",
        ),
        pytest.param(
            SOURCE
            + 'MirrorVault("dr", source=orders, region_id="cn-shanghai", opts=pulumi.ResourceOptions(retain_on_delete=True))',
            'CB301: Mirror vault "dr" has retain_on_delete',
            id="retain on delete",
        ),
        pytest.param(
            SOURCE
            + 'dr = MirrorVault("dr", source=orders, region_id="cn-shanghai")\nMirrorVault("dr2", source=dr, region_id="cn-beijing")',
            'CB203: Mirror vault "dr2" has the mirror vault "dr" as its source',
            id="mirror of a mirror",
        ),
        pytest.param(
            'Vault("orders", region_id="cn-hangzhou", opts=pulumi.ResourceOptions(import_="v-1"))',
            'give the argument adopt_id="v-1" instead',
            id="import",
        ),
        pytest.param(
            'Vault("orders", region_id="cn-hangzhou", tags="shop")', 'such as {"team": "shop"}', id="tags that are none"
        ),
        pytest.param('Vault("orders", region_id=5)', "CB100", id="a number as region"),
        pytest.param('Vault("orders", region_id=None)', "region_id is missing", id="no region"),
        pytest.param('Vault("orders", region_id="cn-hangzhou", timeout=0)', "CB100", id="no time at all"),
    ],
)
def test_rejected_at_preview(project: Project, service: Service, program: str, words: str) -> None:
    """The message can be acted on by itself."""
    rejected = project.program(program).preview().failed()
    assert words in rejected.output
    assert rejected.calls == []
    assert len([line for line in rejected.output.splitlines() if "has a problem" in line]) <= 1


def test_worm_cannot_be_switched_off(project: Project) -> None:
    """A one-way switch: check gets the old inputs."""
    project.program('Vault("orders", region_id="cn-hangzhou", worm_enabled=True)').up().ok()
    assert "CB109" in project.program('Vault("orders", region_id="cn-hangzhou")').preview().failed().output


def test_an_open_secret_is_refused(project: Project) -> None:
    """A key that lies readable in the stack's file."""
    project.program(SOURCE).config("cloudbackup:accessKeySecret", "hunter2", "--plaintext")
    refused = project.preview().failed()
    assert "not as a secret" in refused.output
    assert "pulumi config set --secret cloudbackup:accessKeySecret" in refused.output
    assert "hunter2" not in refused.output


def test_credentials_from_configuration(project: Project, service: Service) -> None:
    """Key, secret and endpoint from the stack instead of the environment; nothing in clear in state or output."""
    for name in ("CLOUDBACKUP_ENDPOINT", "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"):
        del project.env[name]
    project.program(SOURCE).config("cloudbackup:endpoint", service.url)
    project.config("cloudbackup:accessKeyId", "test")
    project.config("cloudbackup:accessKeySecret", "wrong-secret", "--secret")
    wrong = project.up().failed()
    assert "SignatureDoesNotMatch" in wrong.output
    assert "wrong-secret" not in wrong.output
    project.config("cloudbackup:accessKeySecret", "test", "--secret")
    assert project.up().ok().calls == ["CreateVault orders"]
    project.run("config", "rm", "cloudbackup:accessKeyId").ok()
    project.program('Vault("orders", region_id="cn-hangzhou", description="new")')
    assert "only one is set" in project.up().failed().output


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("endpoint", "127.0.0.1:8080", "scheme included"),
        ("accessKeyId", "LTAI", "only one is set"),
        ("preflight", "maybe", "Set it to one of: auto, on, off"),
    ],
)
def test_settings_that_cannot_work_stop_the_preview(project: Project, key: str, value: str, words: str) -> None:
    """Before anything is registered, not in the middle of an update."""
    project.program(SOURCE).config(f"cloudbackup:{key}", value)
    assert words in project.preview().failed().output


def test_service_that_cannot_be_reached(project: Project) -> None:
    """A preview works without the service; an update says what to check."""
    project.env["CLOUDBACKUP_ENDPOINT"] = "http://127.0.0.1:9"
    project.program(SOURCE).preview().ok()
    refused = project.up().failed()
    assert "Unreachable: the connection was refused" in refused.output
    assert "Check the network and the endpoint" in refused.output
