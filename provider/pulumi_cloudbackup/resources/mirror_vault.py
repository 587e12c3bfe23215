"""The Pulumi resource of a mirror vault."""

# No postponed annotations here: the SDK evaluates them again for every single resource.

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from pulumi_cloudbackup.resources.declaring import (
    admitted,
    awaited,
    given,
    keep_type_token,
    option_values,
    owner_input,
    parent_types,
    refuse_unusable_settings,
    type_chain,
)
from pulumi_cloudbackup.resources.existing_vault import ExistingVault
from pulumi_cloudbackup.resources.mirror_provider import MirrorVaultProvider
from pulumi_cloudbackup.resources.resolving import Declaration
from pulumi_cloudbackup.resources.vault import Vault

_ARGUMENTS = ("vault_name", "description", "encrypt_type", "kms_key_id", "allow_last_copy_loss", "account")
"""Arguments that can be read from a mirror even where the program did not give them."""
_OUTPUTS = (
    "vault_id",
    "status",
    "created_time",
    "redundancy_type",
    "charge_type",
    "account_id",
    "replication_status",
    "replication_progress",
    "source_status",
)


class MirrorVault(Resource, module="cloudbackup", name="MirrorVault"):
    """A mirror vault: in another region, it continuously receives a copy of all data of one vault (product page).

    Changed in place: ``vault_name, description, allow_last_copy_loss, timeout``. Everything else replaces, delete
    first, because a source has at most one mirror. A mirror whose source is gone, in ERROR or out of reach may hold the
    last copy of its data and is never deleted without ``allow_last_copy_loss`` in state (CB307).
    """

    region_id: pulumi.Output[str]
    """The region that the mirror lives in."""
    vault_name: pulumi.Output[str]
    """The display name."""
    description: pulumi.Output[str]
    """The description, without the owner marker."""
    kms_key_id: pulumi.Output[str | None]
    """The key, where the encryption is KMS."""
    encrypt_type: pulumi.Output[str]
    """HBR_PRIVATE or KMS."""
    source_vault_id: pulumi.Output[str]
    """The id of the source."""
    source_region_id: pulumi.Output[str]
    """The region of the source."""
    vault_id: pulumi.Output[str]
    """The id again."""
    status: pulumi.Output[str]
    """UNKNOWN, INITIALIZING, CREATED or ERROR."""
    created_time: pulumi.Output[int]
    """Creation, in UNIX seconds; the history of the source is copied from 90 minutes after it."""
    redundancy_type: pulumi.Output[str]
    """LRS or ZRS."""
    charge_type: pulumi.Output[str]
    """How the service bills the mirror, such as V1."""
    account_id: pulumi.Output[str]
    """The account that owns the mirror."""
    replication_status: pulumi.Output[str]
    """As the service reports it, such as RUNNING."""
    replication_progress: pulumi.Output[int]
    """Percentage of the source's history that was copied when the mirror was last read."""
    type_chain: pulumi.Input[str]
    """The types of its parents and its own, as in its URN."""
    given_region_id: pulumi.Input[str]
    """The region as it was written."""
    source_status: pulumi.Output[str]
    """The source's status when the mirror was last read; GONE: the mirror may hold the last copy."""

    def __init__(  # noqa: PLR0913 - the service's own arguments, all by name
        self,
        resource_name: str,
        *,
        source: Vault | ExistingVault,
        region_id: pulumi.Input[str],
        vault_name: pulumi.Input[str] | None = None,
        description: pulumi.Input[str] | None = None,
        encrypt_type: pulumi.Input[str] | None = None,
        kms_key_id: pulumi.Input[str] | None = None,
        redundancy_type: pulumi.Input[str] | None = None,
        adopt_id: pulumi.Input[str] | None = None,
        allow_last_copy_loss: pulumi.Input[str] | None = None,
        account: str | None = None,
        timeout: float | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a mirror.

        :param resource_name: The name in the program.
        :param source: The vault to mirror, or an ``ExistingVault`` that this program does not declare.
        :param region_id: The region of the mirror; another one than the source's.
        :param vault_name: The display name; absent: ``[COPY]-<source vault name>``, cut to 64 characters.
        :param description: Absent: ``From <source vault name>(<source id>)``, as the console does.
        :param encrypt_type: Absent: as the source.
        :param kms_key_id: With KMS: a key of the mirror's own region.
        :param redundancy_type: LRS or ZRS; absent: what the region does by default.
        :param adopt_id: An existing mirror to take over instead of creating one; read at create only.
        :param allow_last_copy_loss: The id of this mirror, as consent to lose the last copy of the data.
        :param account: A profile of the official credentials chain; absent: the stack's credentials.
        :param timeout: Seconds to wait for a create or delete; 600 where absent.
        :param opts: Pulumi options; those that break the order of mirror and source are refused (CB301).
        """
        opts = opts or pulumi.ResourceOptions()
        refuse_unusable_settings(resource_name, opts)
        given_opts = opts
        opts = pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(delete_before_replace=True, retain_on_delete=False)
        )
        if account is None and isinstance(source, Vault):
            account = source.as_source.get("account")  # a mirror and its source are in one account (CB214)
        self.given_region_id = region_id
        types_above = parent_types(given_opts)
        self.type_chain = type_chain(types_above, f"pulumi-python:{self._resource_type_name}")
        properties: dict[str, Any] = {
            **_source_inputs(source),
            **given(
                region_id=region_id,
                vault_name=vault_name,
                description=description,
                encrypt_type=encrypt_type,
                kms_key_id=kms_key_id,
                redundancy_type=redundancy_type,
                adopt_id=adopt_id,
                allow_last_copy_loss=allow_last_copy_loss,
                account=account,
                timeout=timeout,
                resource_name=resource_name,
                owner=owner_input(f"pulumi-python:{self._resource_type_name}", resource_name, types_above),
            ),
        }
        declaration = Declaration(
            "MirrorVault",
            resource_name,
            properties,
            self,
            option_values(given_opts),
            given_opts.parent,
            types_above,
            given_opts.aliases or (),
            source,
            awaited(given_opts),
        )
        properties = {**admitted(declaration, given_opts), **_as_kept(source)}
        outputs = dict.fromkeys((*_ARGUMENTS, *_OUTPUTS))
        super().__init__(MirrorVaultProvider(), resource_name, {**outputs, **properties}, opts)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Keep our type token for user subclasses: state and policies know mirrors by it."""
        keep_type_token(cls, lambda: super(MirrorVault, cls).__init_subclass__(**kwargs))


def _as_kept(source: object) -> dict[str, Any]:
    """Wire a mirror to what its source really is, where the engine keeps that whatever the program says."""
    if not isinstance(source, Vault):
        return {}
    return {f"source_{key}": getattr(source, key) for key in source.kept_by_engine if hasattr(source, key)}


def _source_inputs(source: object) -> dict[str, Any]:
    """Wire a mirror to its source: to the id, which stays known in updates, and to the source's own inputs."""
    match source:
        case Vault():
            return {
                "source_vault_id": source.id,
                **{f"source_{key}": value for key, value in source.as_source.items()},
            }
        case ExistingVault():
            return {
                "source_vault_id": source.id,
                "source_region_id": source.region_id,
                **given(source_vault_name=source.vault_name, source_encrypt_type=source.encrypt_type),
            }
        case MirrorVault():  # judged with the whole program: CB203
            return {
                "source_vault_id": source.id,
                "source_region_id": source.given_region_id,
            }
        case str():  # an id without its region: CB100
            return {"source_vault_id": source}
        case _:
            return {}
