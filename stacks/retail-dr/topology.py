"""What is backed up where: the stack's configuration as typed values.

Decides what configuration is acceptable and says what is not in sentences that name the key, all of them at once. Must
not judge what the provider's own rules judge (regions, names, one mirror per vault): a preview does that.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pulumi
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

_LONGEST_SHOWN = 40
_ASIDE = re.compile(r", (?:unable|not|got) ")
"""Where pydantic's messages begin to explain how it works."""

Text = Annotated[str, Field(min_length=1)]


class _Settings(BaseModel):
    """Settings as they are written in ``Pulumi.<stack>.yaml``: camelCase, and nothing that is not known."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Safety(_Settings):
    """How hard it is to lose a vault of this environment; the defaults are those of production."""

    protect: bool = True
    """Whether Pulumi refuses to delete or replace anything here."""
    force_destroy: bool = False
    """Whether vaults may be deleted with the backups in them."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 600
    """How long one vault may take to be created or deleted."""


class VaultSettings(_Settings):
    """One vault and where its mirror is."""

    region: Text
    """Where the vault is: beside what it backs up."""
    mirror_region: Text | None = None
    """Where its mirror is; absent: it is not mirrored, and is lost with its region."""
    team: Text
    """Who answers for the data."""
    data_class: Literal["public", "internal", "confidential", "restricted"]
    """How the company classifies the data."""
    vault_type: Literal["STANDARD", "OTS_BACKUP"] = "STANDARD"
    """OTS_BACKUP for Tablestore, STANDARD for everything else."""
    encrypt_type: Literal["HBR_PRIVATE", "KMS"] = "HBR_PRIVATE"
    """KMS: with the company's own key of each region; the mirror is encrypted in the same way."""
    worm_enabled: bool = False
    """Whether backups are immutable until they expire; cannot be switched off again."""


class Topology(_Settings):
    """Everything that one environment declares."""

    safety: Safety = Safety()
    kms_keys: dict[str, Text] = {}
    """The KMS key of each region that has one."""
    vaults: Annotated[dict[str, VaultSettings], Field(min_length=1)]
    """Each vault by the name of its workload."""

    def kms_key(self, vault: VaultSettings, region: str) -> str | None:
        """Return the key that a vault, or its mirror, is encrypted with in a region; ``None``: with none of ours."""
        return self.kms_keys[region] if vault.encrypt_type == "KMS" else None


def load(config: pulumi.Config) -> Topology:
    """Read the configuration of the stack; raise RunError as ``parse`` does."""
    written = {key: config.get_object(key) for key in ("safety", "kmsKeys", "vaults")}
    return parse({key: value for key, value in written.items() if value is not None}, config.name)


def parse(written: dict[str, Any], namespace: str) -> Topology:
    """Return the topology that was written; raise RunError with one sentence for each thing that is wrong in it."""
    try:
        topology = Topology.model_validate(written)
    except ValidationError as error:
        raise pulumi.RunError("\n".join(_sentence(detail, namespace) for detail in error.errors())) from None
    if missing := list(_missing_keys(topology, namespace)):
        raise pulumi.RunError("\n".join(missing))
    return topology


def _missing_keys(topology: Topology, namespace: str) -> Iterator[str]:
    """Tell which regions lack the key that a vault or its mirror needs there."""
    for name, vault in topology.vaults.items():
        for what, region in ((name, vault.region), (f"the mirror of {name}", vault.mirror_region)):
            if vault.encrypt_type == "KMS" and region is not None and region not in topology.kms_keys:
                yield f"{namespace}:kmsKeys.{region} is missing: {what} is encrypted with KMS in that region."


def _sentence(detail: ErrorDetails, namespace: str) -> str:
    """Say what is wrong with one key, in words that do not presume knowledge of pydantic."""
    key = f"{namespace}:{'.'.join(str(part) for part in detail['loc'])}"
    match detail["type"]:
        case "missing":
            return f"{key} is missing."
        case "extra_forbidden":
            model = VaultSettings if detail["loc"][0] == "vaults" else Safety
            known = ", ".join(field.alias or name for name, field in model.model_fields.items())
            return f"{key} is not a setting; those of {key.rpartition('.')[0]} are {known}."
        case "model_type" | "dict_type":
            demand = "should hold settings of its own"
        case _:
            demand = "should " + _ASIDE.split(detail["msg"].partition(" should ")[2])[0]
    return f"{key} is {_shown(detail['input'])} and {demand}."


def _shown(value: object) -> str:
    """Show what was written, as far as it fits into a sentence."""
    text = "empty" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
