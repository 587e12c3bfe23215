"""Generated worlds: an account with vaults of others, programs for it, what judging says and what executing does."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine_harness import Service
from pulumi_cloudbackup.cloud import CloudError, Connection, NewMirror, NewVault, Patience, SdkCloudBackup
from pulumi_cloudbackup.estate import UNKNOWN, LiveVault
from pulumi_cloudbackup.estate.owner import marked, owner_of
from pulumi_cloudbackup.planning.matching import urn_of
from pulumi_cloudbackup.resources.account import ask
from pulumi_cloudbackup.resources.checking import checked_mirror, checked_vault
from pulumi_cloudbackup.resources.fates import Evidence
from pulumi_cloudbackup.resources.judging import Judgement, judge_declarations
from pulumi_cloudbackup.resources.mirror_lifecycle import MirrorLifecycle
from pulumi_cloudbackup.resources.own_state import MIRROR_TYPE, VAULT_TYPE, OldResource
from pulumi_cloudbackup.resources.questions import questions
from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.resources.resolving import Declaration, Declared
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.vault_lifecycle import VaultLifecycle

LIMITS = {"vaults": 8, "mirrors_per_region": 2}
"""Quotas of an account that generated programs reach."""
STRANGER = "other/prod/theirs#cccccccccccccccc"
Old = Mapping[str, OldResource]


class Cloud(SdkCloudBackup):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, Patience(attempts=2, first_pause=0.01))


def session(service: Service, limits: Mapping[str, int] | None = None) -> Session:
    """Return a new engine run that asks the live account."""
    settings = {"endpoint": service.url, "preflight": "on", **({"limits": json.dumps(limits)} if limits else {})}
    return Session(settings, connect=Cloud)


@dataclass(frozen=True)
class Prior:
    """A vault that is there before, and what copies it."""

    region_id: str = "cn-hangzhou"
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What the control surface sets after its creation and that of its mirror."""
    owner: str = ""
    encrypt_type: str = "HBR_PRIVATE"
    worm_enabled: bool = False
    mirror_region_id: str = ""
    """Empty: it has no mirror."""
    mirror_ends_in_error: bool = False
    second_mirror_region_id: str = ""
    """A second mirror, which the service lets end in ERROR; empty: none."""

    @property
    def text(self) -> str:
        """The description, with the marker of its owner."""
        return marked("theirs", self.owner) if self.owner else "made in the console"


@dataclass
class Account:
    """The emulated account, once its vaults are there."""

    service: Service
    cloud: Cloud
    priors: list[LiveVault] = field(default_factory=list)
    mirrors: list[LiveVault] = field(default_factory=list)

    @staticmethod
    def with_priors(service: Service, priors: Sequence[Prior]) -> Account:
        """Empty the emulator and create what is there before."""
        service.reset()
        cloud = session(service).cloud(None)
        assert isinstance(cloud, Cloud)
        account = Account(service, cloud)
        ids = [account._vault(f"prior-{number}", prior) for number, prior in enumerate(priors)]
        for number, prior in enumerate(priors):
            account._mirrors(f"prior-{number}", prior, ids[number])
            if prior.fields:
                service.patch(f"prior-{number}", **prior.fields)
            found = cloud.get_vault(prior.region_id, ids[number])
            assert found is not None
            account.priors.append(found)
        return account

    def _vault(self, name: str, prior: Prior) -> str:
        key = "alias/prior" if prior.encrypt_type == "KMS" else None
        return self.cloud.create_vault(
            NewVault(prior.region_id, name, prior.text, "STANDARD", prior.encrypt_type, key, prior.worm_enabled)
        )

    def _mirrors(self, name: str, prior: Prior, vault_id: str) -> None:
        key = "alias/prior" if prior.encrypt_type == "KMS" else None
        for number, region_id in enumerate(filter(None, (prior.mirror_region_id, prior.second_mirror_region_id))):
            if number == 0 and prior.mirror_ends_in_error:
                self.service.fault(action="CreateReplicationVault", fault="end_in_error", times=1)
            mirror = NewMirror(
                region_id, f"{name}-{number}", prior.text, prior.region_id, vault_id, prior.encrypt_type, key, None
            )
            try:
                mirror_id = self.cloud.create_mirror(mirror)
            except CloudError as error:
                assert "Quota" in error.code  # noqa: PT017 - nothing else is wrong with it
                self.service.reset_faults()
                continue
            live = self.cloud.get_vault(region_id, mirror_id)
            assert live is not None
            self.mirrors.append(live)


@dataclass(frozen=True)
class Written:
    """One vault or mirror as a program writes it."""

    name: str
    arguments: Mapping[str, Any]
    source: tuple[str, int] | None = None
    """Mirrors: ``vault``, ``prior``, ``prior mirror`` or ``nobody``, and which."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Mirrors of an existing vault: what the program says about it, ``region_id`` among it where that is wrong."""
    aliases: tuple[str, ...] = ()
    """Earlier names."""
    adopts: tuple[str, int] | None = None
    """The vault to take over: ``prior``, ``prior mirror`` or ``nobody``, and which."""

    @property
    def is_mirror(self) -> bool:
        return self.source is not None

    @property
    def urn(self) -> str:
        return own_urn(self.name, is_mirror=self.is_mirror)


def own_urn(name: str, *, is_mirror: bool) -> str:
    kind = MIRROR_TYPE if is_mirror else VAULT_TYPE
    return urn_of(stack="dev", project="shop", parent_types="", resource_type=kind, name=name)


def own_owner(name: str, *, is_mirror: bool) -> str:
    kind = MIRROR_TYPE if is_mirror else VAULT_TYPE
    more = {"owner_id": "", "parent_types": "", "resource_type": kind, "name": name}
    return owner_of(organization="organization", project="shop", stack="dev", **more)


def declared(program: Sequence[Written], account: Account) -> list[Declared]:
    """Return what the program layer makes of a program: the inputs as the classes' constructors wire them."""
    vaults = [one for one in program if not one.is_mirror]
    resources = {one.name: object() for one in vaults}
    found = []
    for one in program:
        properties = {
            **(source_properties(one, vaults, account) if one.source else vault_defaults(one)),
            **one.arguments,
            **({"adopt_id": existing(one.adopts, account)[0]} if one.adopts else {}),
            "resource_name": one.name,
            "owner": own_owner(one.name, is_mirror=one.is_mirror),
        }
        source = resources[vaults[one.source[1]].name] if one.source is not None and one.source[0] == "vault" else None
        kind, resource = ("MirrorVault", object()) if one.is_mirror else ("Vault", resources[one.name])
        options: dict[str, Any] = {}
        declaration = Declaration(kind, one.name, properties, resource, options, source=source)
        aliases = tuple(own_urn(name, is_mirror=one.is_mirror) for name in one.aliases)
        found.append(Declared(declaration, properties, one.urn, aliases))
    return found


def vault_defaults(one: Written) -> dict[str, Any]:
    return {
        "vault_name": one.name[:64],
        "vault_type": "STANDARD",
        "encrypt_type": "HBR_PRIVATE",
        "worm_enabled": False,
        "force_destroy": False,
    }


def source_properties(one: Written, vaults: Sequence[Written], account: Account) -> dict[str, Any]:
    assert one.source is not None
    kind, number = one.source
    if kind == "vault":
        source = vaults[number]
        told = {**vault_defaults(source), **source.arguments}
        wired = ("region_id", "vault_name", "vault_type", "encrypt_type", "kms_key_id", "force_destroy")
        return {
            "source_vault_id": UNKNOWN,
            **{f"source_{key}": told[key] for key in wired if key in told},
            "source_owner": own_owner(source.name, is_mirror=False),
        }
    id_, region_id = existing(one.source, account)
    return {"source_vault_id": id_, "source_region_id": region_id, **{f"source_{k}": v for k, v in one.told.items()}}


def existing(which: tuple[str, int], account: Account) -> tuple[str, str]:
    """Return the id and the region of a vault that was there before."""
    kind, number = which
    there = {"prior": account.priors, "prior mirror": account.mirrors}.get(kind, [])
    return (there[number].id, there[number].region_id) if number < len(there) else ("v-none", "cn-hangzhou")


def judged(one: Sequence[Declared], service: Service, old: Old, limits: Mapping[str, int] | None = None) -> Judgement:
    """Judge as the program layer does with the live account in sight."""
    run = session(service, limits)
    live = ask(run, questions(one, old))
    assert not any(answer.failures for answer in live.values()), live
    return judge_declarations(one, Evidence(old, live, "shop/dev/", int(time.time()), "2026-01-01", run.judging))


@dataclass
class Execution:
    """What became of a program."""

    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By name, of what was created."""
    refused: dict[str, str] = field(default_factory=dict)
    """By name, why."""
    skipped: set[str] = field(default_factory=set)
    """Mirrors whose source was refused."""

    def state(self, program: Sequence[Written]) -> dict[str, OldResource]:
        """Return the stack's state as the program's next run finds it."""
        return {one.urn: OldResource(one.urn, self.outputs[one.name]) for one in program if one.name in self.outputs}


def executed(
    program: Sequence[Written], resources: Sequence[Declared], service: Service, *, dies_after: int = 1000
) -> Execution:
    """Create everything with the real lifecycles, sources first, whatever judging says, or only the first few."""
    run = session(service)
    unasked = Session({"endpoint": service.url, "preflight": "off"})
    done = Execution()
    sources = [one.name for one in program if not one.is_mirror]
    for written, one in sorted(zip(program, resources, strict=True), key=lambda pair: pair[0].is_mirror)[:dies_after]:
        properties = {**one.properties, "timeout": 5.0}
        if written.source is not None and written.source[0] == "vault":
            source = sources[written.source[1]]
            if source not in done.outputs:
                done.skipped.add(written.name)
                continue
            properties["source_vault_id"] = done.outputs[source]["vault_id"]
        lifecycle = MirrorLifecycle(run) if written.is_mirror else VaultLifecycle(run)
        check = checked_mirror if written.is_mirror else checked_vault
        try:
            _, done.outputs[written.name] = lifecycle.create(check(unasked, {}, properties).inputs)
        except (Refusal, CloudError) as error:
            done.refused[written.name] = str(error)
    return done


def renamed(one: Written, name: str, *, alias: bool) -> Written:
    return replace(one, name=name, aliases=(one.name,) if alias else ())
