"""Stacks as the engine shows them to a policy pack, through the code of ``pulumi_policy`` itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi_policy.policy
from pulumi.runtime.proto import analyzer_pb2

LATER = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes a text that is known only after apply."""
OURS = "pulumi-python:dynamic/cloudbackup"
OWNER = "shop/dev/"


@dataclass(frozen=True)
class Shown:
    """One resource."""

    type: str
    name: str
    props: Mapping[str, Any]
    parent: str = ""
    needs: Mapping[str, Iterable[str]] = field(default_factory=dict)
    protect: bool = False
    ignore: Iterable[str] = ()
    aliases: Iterable[str] = ()

    @property
    def urn(self) -> str:
        chain = f"{self.parent.split('::')[2]}$" if self.parent else ""
        return f"urn:pulumi:dev::shop::{chain}{self.type}::{self.name}"

    @property
    def sent(self) -> analyzer_pb2.AnalyzerResource:
        sent = analyzer_pb2.AnalyzerResource(type=self.type, name=self.name, urn=self.urn, parent=self.parent)
        sent.properties.update(self.props)
        sent.options.protect = self.protect
        sent.options.ignoreChanges.extend(self.ignore)
        sent.options.aliases.extend(self.aliases)
        for key, urns in self.needs.items():
            sent.propertyDependencies[key].urns.extend(urns)
            sent.dependencies.extend(urns)
        return sent


def shown(type_: str, name: str, *, parent: Shown | None = None, **options: Any) -> Shown:
    return Shown(type_, name, options.pop("props", {}), parent.urn if parent else "", **options)


def vault(name: str, **given: Any) -> Shown:
    """A vault that is to be created; what is given is an argument, an output or an option."""
    return _ours("Vault", name, {"region_id": "cn-hangzhou", "encrypt_type": "HBR_PRIVATE"}, given)


def dr(source: str, **given: Any) -> Shown:
    """The mirror of a vault, which is to be created too."""
    defaults = {
        "region_id": "cn-shanghai",
        "encrypt_type": "HBR_PRIVATE",
        "source_vault_id": LATER,
        "source_owner": OWNER + source,
        "source_region_id": "cn-hangzhou",
        "source_vault_name": source,
    }
    return _ours("MirrorVault", f"{source}-dr", defaults, given)


def urn(kind: str, name: str) -> str:
    return Shown(f"{OURS}:{kind}", name, {}).urn


def secret(value: Any) -> dict[str, Any]:
    """Return a secret as the engine sends it."""
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value}


def request(found: Iterable[Shown]) -> analyzer_pb2.AnalyzeStackRequest:
    return analyzer_pb2.AnalyzeStackRequest(resources=[one.sent for one in found])


def resources(found: Iterable[Shown]) -> list[pulumi_policy.PolicyResource]:
    """Return resources as a policy gets them."""
    seen: list[pulumi_policy.PolicyResource] = []
    analyzed(
        [pulumi_policy.StackValidationPolicy("look", "Look.", lambda arguments, _: seen.extend(arguments.resources))],
        found,
    )
    return seen


def analyzed(policies: list[Any], found: Iterable[Shown]) -> list[analyzer_pb2.AnalyzeDiagnostic]:
    """Return what a pack tells the engine."""
    level = pulumi_policy.EnforcementLevel.ADVISORY
    servicer: Any = pulumi_policy.policy._PolicyAnalyzerServicer("pack", "0.0.1", policies, level)
    return list(servicer.AnalyzeStack(request(found), None).diagnostics)


def _ours(kind: str, name: str, defaults: dict[str, Any], given: dict[str, Any]) -> Shown:
    options = {key: given.pop(key) for key in ("needs", "protect", "ignore", "aliases") if key in given}
    parent = given.pop("parent", None)
    props = {"resource_name": name, "owner": OWNER + name, **defaults, **given}
    props = {key: value for key, value in props.items() if value is not None}
    return Shown(f"{OURS}:{kind}", name, props, parent.urn if parent else "", **options)
