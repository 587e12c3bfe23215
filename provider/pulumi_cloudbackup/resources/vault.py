"""The Pulumi resource of a vault."""

# No postponed annotations here: the SDK evaluates them again for every single resource.

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from pulumi_cloudbackup.resources.declaring import (
    admitted,
    awaited,
    given,
    keep_type_token,
    kept_by_engine,
    option_values,
    owner_input,
    parent_types,
    refuse_unusable_settings,
    type_chain,
)
from pulumi_cloudbackup.resources.resolving import Declaration
from pulumi_cloudbackup.resources.vault_provider import VaultProvider

_ARGUMENTS = (
    "description",
    "kms_key_id",
    "worm_enabled",
    "resource_group_id",
    "tags",
    "force_destroy",
    "account",
)
"""Arguments that can be read from a vault even where the program did not give them."""
_OUTPUTS = (
    "vault_id",
    "status",
    "created_time",
    "redundancy_type",
    "charge_type",
    "account_id",
    "holds_data",
)


class Vault(Resource, module="cloudbackup", name="Vault"):
    """A vault: where backup data is stored, in one region (reference/hbr-api.md 2.1, CreateVault).

    Changed in place: ``vault_name, description, tags, worm_enabled`` (off to on), ``resource_group_id, force_destroy,
    timeout``. Everything else replaces, delete first: the old vault with its data goes before the new one comes, and
    only if ``force_destroy=True`` is in state already (CB303).
    """

    region_id: pulumi.Output[str]
    """The region that the vault lives in."""
    vault_name: pulumi.Output[str]
    """The display name."""
    description: pulumi.Output[str | None]
    """The description, without the owner marker."""
    kms_key_id: pulumi.Output[str | None]
    """The key, where the encryption is KMS."""
    tags: pulumi.Output[Mapping[str, str] | None]
    """Tags, where the program declares them."""
    worm_enabled: pulumi.Output[bool]
    """Whether backups are immutable."""
    force_destroy: pulumi.Output[bool]
    """The consent that is in state."""
    vault_type: pulumi.Output[str]
    """STANDARD or OTS_BACKUP."""
    encrypt_type: pulumi.Output[str]
    """HBR_PRIVATE or KMS."""
    vault_id: pulumi.Output[str]
    """The id again; wire mirrors to the resource itself, never to this output."""
    status: pulumi.Output[str]
    """UNKNOWN, INITIALIZING, CREATED or ERROR."""
    created_time: pulumi.Output[int]
    """Creation, in UNIX seconds."""
    redundancy_type: pulumi.Output[str]
    """LRS or ZRS, as the region has it."""
    charge_type: pulumi.Output[str]
    """How the service bills the vault, such as V1."""
    account_id: pulumi.Output[str]
    """The account that owns the vault."""
    holds_data: pulumi.Output[bool]
    """Whether the vault held backup data when it was last read."""

    type_chain: pulumi.Input[str]
    """The types of its parents and its own, as in its URN."""
    as_source: dict[str, Any]
    """The arguments that a mirror of this vault is wired to, as they were written."""
    kept_by_engine: frozenset[str]
    """Those of them that the user lets the engine keep as they are (``ignore_changes``), whatever is written."""

    def __init__(  # noqa: PLR0913 - the service's own arguments, all by name
        self,
        resource_name: str,
        *,
        region_id: pulumi.Input[str],
        vault_name: pulumi.Input[str] | None = None,
        description: pulumi.Input[str] | None = None,
        vault_type: pulumi.Input[str] = "STANDARD",
        encrypt_type: pulumi.Input[str] = "HBR_PRIVATE",
        kms_key_id: pulumi.Input[str] | None = None,
        worm_enabled: pulumi.Input[bool] = False,
        resource_group_id: pulumi.Input[str] | None = None,
        tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        adopt_id: pulumi.Input[str] | None = None,
        force_destroy: pulumi.Input[bool] = False,
        account: str | None = None,
        timeout: float | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a vault.

        :param resource_name: The name in the program; the default of ``vault_name`` is this, cut to 64 characters.
        :param region_id: The region id, such as ``cn-hangzhou``.
        :param vault_name: The display name, 1 to 64 characters; the service does not ask for unique names.
        :param description: At most 180 characters: the service takes 255, and the owner marker needs the rest.
        :param vault_type: STANDARD, or OTS_BACKUP for Tablestore.
        :param encrypt_type: HBR_PRIVATE (managed by the service) or KMS.
        :param kms_key_id: A key id or ``alias/...`` of the vault's own region; with KMS only.
        :param worm_enabled: Whether backups are immutable; cannot be switched off again.
        :param resource_group_id: The resource group; left alone where absent.
        :param tags: At most 20 tags; left alone where absent.
        :param adopt_id: An existing vault to take over instead of creating one; read at create only.
        :param force_destroy: Consent that a deletion or replacement destroys backup data; counts once it is in state.
        :param account: A profile of the official credentials chain; absent: the stack's credentials.
        :param timeout: Seconds to wait for a create or delete; 600 where absent.
        :param opts: Pulumi options; ``delete_before_replace=False`` asks for create-first replacement.
        """
        opts = opts or pulumi.ResourceOptions()
        refuse_unusable_settings(resource_name, opts)
        given_opts = opts
        create_first = opts.delete_before_replace is False
        if not create_first:
            opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True))
        default_name = resource_name[:64]
        if isinstance(vault_name, pulumi.Output):
            vault_name = vault_name.apply(lambda given_name: default_name if given_name is None else given_name)
        name = vault_name if vault_name is not None else default_name
        types_above = parent_types(given_opts)
        self.type_chain = type_chain(types_above, self._type_token())
        self.as_source = given(
            region_id=region_id,
            vault_name=name,
            vault_type=vault_type,
            encrypt_type=encrypt_type,
            kms_key_id=kms_key_id,
            account=account,
            force_destroy=force_destroy,
            owner=owner_input(self._type_token(), resource_name, types_above),
        )
        self.kept_by_engine = kept_by_engine(self.as_source, given_opts)
        more = given(
            description=description,
            worm_enabled=worm_enabled,
            resource_group_id=resource_group_id,
            tags=tags,
            adopt_id=adopt_id,
            timeout=timeout,
            create_first=create_first or None,
            retained=bool(given_opts.retain_on_delete) or None,
            resource_name=resource_name,
        )
        declaration = Declaration(
            "Vault",
            resource_name,
            {**self.as_source, **more},
            self,
            option_values(given_opts),
            given_opts.parent,
            types_above,
            given_opts.aliases or (),
            depends_on=awaited(given_opts),
        )
        properties = {**dict.fromkeys((*_ARGUMENTS, *_OUTPUTS)), **admitted(declaration, given_opts)}
        super().__init__(VaultProvider(), resource_name, properties, opts)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Keep our type token for user subclasses: state and policies know vaults by it."""
        keep_type_token(cls, lambda: super(Vault, cls).__init_subclass__(**kwargs))

    @classmethod
    def _type_token(cls) -> str:
        return f"pulumi-python:{cls._resource_type_name}"
