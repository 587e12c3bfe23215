"""The actions of the service that the emulator has, one function each.

Decides what a call does once its caller is known. Every function takes the house and the call and returns the fields
that the answer has beyond its envelope, or raises a Refusal. Sources: reference sections 2.1, 3 and 8.4; TagResources
and UntagResources: terraform-provider-alicloud `alicloud/service_alicloud_hbr_v2.go` (SetResourceTags).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_cloudbackup.emulator import rules
from pulumi_cloudbackup.emulator.fields import STATUSES, VAULT_TYPES, fields_of_new_vault
from pulumi_cloudbackup.emulator.parameters import LARGEST_INT32, LARGEST_INT64, Parameters
from pulumi_cloudbackup.emulator.refusals import (
    NOT_FOUND,
    invalid_parameter,
    missing_parameter,
    own,
    vault_not_found,
)
from pulumi_cloudbackup.emulator.settings import Settings
from pulumi_cloudbackup.emulator.tasks import Task, Tasks
from pulumi_cloudbackup.emulator.vaults import Search, Vault, Vaults, new_id

DEFAULT_PAGE_SIZE = 10
RESOURCES_PER_CALL = 50
"""How many ids a tagging call may name (other products' TagResources: 50; for this one assumed)."""

_FILTER_TAG_LIMIT = 20


@dataclass(frozen=True)
class House:
    """What the actions work on."""

    settings: Settings
    """Times, quotas, regions."""

    vaults: Vaults
    """All vaults."""

    tasks: Tasks
    """All tasks."""


@dataclass(frozen=True)
class Call:
    """One call whose caller is known."""

    action: str
    """Its name."""

    owner: int
    """The account's uid."""

    region_id: str | None
    """The region that is called; None when nothing names one."""

    parameters: Parameters
    """What was sent along."""

    now: float
    """The emulator's time."""

    ends_in_error: bool
    """Whether a fault wants the vault that is made to fail."""


def create_vault(house: House, call: Call) -> dict[str, Any]:
    """Make a vault; with Replication=true, an empty replication target vault (section 1, target-vault model)."""
    parameters = call.parameters
    region_id = _region_of_new_vault(house, call)
    fields = {
        **_texts_of_new_vault(parameters),
        **rules.encryption(parameters),
        "RedundancyType": rules.redundancy(region_id, None),
        "Replication": parameters.boolean("Replication") or False,
        "VaultRegionId": region_id,
        "VaultType": parameters.choice("VaultType", VAULT_TYPES) or "STANDARD",
        "WormEnabled": parameters.boolean("WormEnabled") or False,
    }
    rules.vault_quota(house.vaults, call.owner, house.settings)
    if fields["Replication"]:
        rules.target_quota(house.vaults, call.owner, region_id, house.settings)
    return _begin(house, call, fields, failure="UNKNOWN_ERROR" if call.ends_in_error else None, occupies=False)


def create_replication_vault(house: House, call: Call) -> dict[str, Any]:
    """Make a mirror of a source; a second mirror is accepted and fails later (section 3)."""
    parameters = call.parameters
    region_id = _region_of_new_vault(house, call)
    source_region_id = parameters.required("ReplicationSourceRegionId")
    source_id = parameters.required("ReplicationSourceVaultId")
    texts = _texts_of_new_vault(parameters)
    encryption = rules.encryption(parameters)
    asked_redundancy = rules.asked_redundancy(parameters)
    rules.known_region("ReplicationSourceRegionId", source_region_id, house.settings)
    rules.mirror_regions(source_region_id, region_id, house.settings)
    source = house.vaults.find(call.owner, source_id, source_region_id)
    if source is None:
        raise own(
            "SourceVaultNotFound", f'The source vault "{source_id}" is not found in {source_region_id}.', NOT_FOUND
        )
    rules.mirrorable_source(source, call.now)
    rules.equal_encryption(source, encryption["EncryptType"])
    fields = {
        **texts,
        **encryption,
        "RedundancyType": rules.redundancy(region_id, asked_redundancy),
        "Replication": True,
        "ReplicationSourceOwnerId": source.owner,
        "ReplicationSourceRegionId": source.region_id,
        "ReplicationSourceVaultId": source.vault_id,
        "VaultRegionId": region_id,
        "VaultType": source.fields["VaultType"],
        "WormEnabled": source.fields["WormEnabled"],
    }
    rules.vault_quota(house.vaults, call.owner, house.settings)
    rules.target_quota(house.vaults, call.owner, region_id, house.settings)
    if house.vaults.is_mirrored(source):
        return _begin(house, call, fields, failure="SOURCE_VAULT_ALREADY_HAS_REPLICATION", occupies=False)
    return _begin(house, call, fields, failure="UNKNOWN_ERROR" if call.ends_in_error else None, occupies=True)


def update_vault(house: House, call: Call) -> dict[str, Any]:
    """Change what can change: name, description, resource group, WORM off to on (with it that of the mirror)."""
    parameters = call.parameters
    vault_id = parameters.required("VaultId")
    name, description = parameters.text("VaultName"), parameters.text("Description")
    worm = parameters.boolean("WormEnabled")
    if name is not None:
        rules.name_length(name)
    if description is not None:
        rules.description_length(description)
    vault = _living(house, call, vault_id)
    if worm is not None:
        rules.worm_change(vault, enable=worm)
        vault.fields["WormEnabled"] = worm
    if name is not None:
        vault.fields["VaultName"] = name
    if description is not None:
        vault.fields["Description"] = description
    if parameters.text("ResourceGroupId"):
        vault.fields["ResourceGroupId"] = parameters.required("ResourceGroupId")
    _save_changed(house, call, vault)
    target = house.vaults.target_of(vault_id)
    if worm and target is not None and not target.fields["WormEnabled"]:
        target.fields["WormEnabled"] = True
        _save_changed(house, call, target)
    return {}


def delete_vault(house: House, call: Call) -> dict[str, Any]:
    """Delete a vault; its source, if it was a mirror, may be deleted mirror_release_seconds after it is gone.

    Deleting a vault again that is still listed is fine (assumed).
    """
    vault_id = call.parameters.required("VaultId")
    vault = house.vaults.find(call.owner, vault_id, call.region_id)
    if vault is None:
        raise vault_not_found(vault_id, call.region_id)
    if vault.gone_at is not None:
        return {}
    rules.deletable(house.vaults, vault, call.now)
    vault.gone_at = call.now + house.settings.deleting_seconds
    vault.ready_at = None
    source = house.vaults.get(vault.source_id) if vault.occupies and vault.source_id is not None else None
    if source is not None:
        source.release_at = vault.gone_at + house.settings.mirror_release_seconds
        house.vaults.save(source)
    house.tasks.cancel(vault_id, call.now)
    house.vaults.save(vault)
    house.vaults.settle(call.now)
    return {}


def describe_vaults(house: House, call: Call) -> dict[str, Any]:
    """List vaults of the region that is called, or of all regions when nothing names one.

    A filter that is absent or empty lets everything pass; without `Replication` mirrors are listed too (section 3,
    read back of a mirror). Names match exactly (assumed).
    """
    parameters = call.parameters
    number = parameters.integer("PageNumber", 1, LARGEST_INT32) or 1
    size = parameters.integer("PageSize", 1, house.settings.largest_page) or DEFAULT_PAGE_SIZE
    search = _search(house, call)
    total, found = house.vaults.page(search, number, size)
    vault_id = parameters.filter("VaultId")
    if not total and vault_id and house.settings.unknown_vault_is_refused:
        raise vault_not_found(vault_id, call.region_id)
    return {
        "PageNumber": number,
        "PageSize": size,
        "TotalCount": total,
        "Vaults": {"Vault": [house.vaults.describe(vault, call.now) for vault in found]},
    }


def describe_regions(house: House, _call: Call) -> dict[str, Any]:
    """List the service's regions."""
    regions = house.settings.regions.items()
    return {"Regions": {"Region": [{"RegionId": region_id, "LocalName": name} for region_id, name in regions]}}


def describe_vault_replication_regions(house: House, _call: Call) -> dict[str, Any]:
    """List the regions that take mirrors; the same whatever region is called (not known)."""
    return {"Regions": {"RegionId": list(house.settings.replication_regions)}}


def describe_task(house: House, call: Call) -> dict[str, Any]:
    """Tell how far a task is."""
    task_id = call.parameters.required("TaskId")
    task = house.tasks.find(call.owner, task_id, call.region_id)
    if task is None:
        raise own("TaskNotFound", f'The task "{task_id}" is not found.', NOT_FOUND)
    return task.describe(call.now)


def tag_resources(house: House, call: Call) -> dict[str, Any]:
    """Add tags to vaults, or change their values."""
    vaults = _tagged_vaults(house, call)
    pairs = [(key, value or "") for key, value in call.parameters.tags()]
    if not pairs:
        raise missing_parameter("Tag.1.Key")
    rules.tag_texts(pairs)
    for vault in vaults:
        tags = vault.tags | dict(pairs)
        rules.tag_quota(tags)
        vault.set_tags(tags)
        _save_changed(house, call, vault)
    return {}


def untag_resources(house: House, call: Call) -> dict[str, Any]:
    """Take tags from vaults, by key or all; a tag that is not there is no error."""
    vaults = _tagged_vaults(house, call)
    keys = call.parameters.numbered("TagKey")
    everything = call.parameters.boolean("All") or False
    if not everything:
        rules.not_empty("TagKey", keys)
    for vault in vaults:
        vault.set_tags({key: value for key, value in vault.tags.items() if not everything and key not in keys})
        _save_changed(house, call, vault)
    return {}


def change_resource_group(house: House, call: Call) -> dict[str, Any]:
    """Move a vault to another resource group (any group is taken to exist)."""
    parameters = call.parameters
    resource_id = parameters.required("ResourceId")
    group_id = parameters.required("NewResourceGroupId")
    _only_vaults(parameters)
    vault = _living(house, call, resource_id)
    vault.fields["ResourceGroupId"] = group_id
    _save_changed(house, call, vault)
    return {}


ACTIONS: Mapping[str, Callable[[House, Call], dict[str, Any]]] = {
    "ChangeResourceGroup": change_resource_group,
    "CreateReplicationVault": create_replication_vault,
    "CreateVault": create_vault,
    "DeleteVault": delete_vault,
    "DescribeRegions": describe_regions,
    "DescribeTask": describe_task,
    "DescribeVaultReplicationRegions": describe_vault_replication_regions,
    "DescribeVaults": describe_vaults,
    "TagResources": tag_resources,
    "UntagResources": untag_resources,
    "UpdateVault": update_vault,
}
"""What the emulator can do."""

CREATING = frozenset({"CreateVault", "CreateReplicationVault"})
"""The actions that make a vault."""

_OTHER_ACTIONS = """
    AddContainerCluster AddCrossAccount AddDataSource BrowseFiles CancelBackupJob CancelRestoreJob CheckRole
    CreateBackupJob CreateBackupPlan CreateClients CreateHanaBackupPlan CreateHanaInstance CreateHanaRestore
    CreatePolicyBindings CreatePolicyV2 CreateRestoreJob CreateTempFileUploadUrl CreateVaultReplication
    DeleteAirEcsInstance DeleteBackupClient DeleteBackupClientResource DeleteBackupPlan DeleteClient
    DeleteContainerCluster DeleteCrossAccount DeleteHanaBackupPlan DeleteHanaInstance DeletePolicyBinding DeletePolicyV2
    DeleteSnapshot DeleteUdmDisk DeleteUdmEcsInstance DeleteVaultReplication DescribeBackupClients DescribeBackupJobs2
    DescribeBackupPlans DescribeClients DescribeContainerCluster DescribeContainerResource DescribeCrossAccounts
    DescribeDataSources DescribeFeatureTrialInfo DescribeHanaBackupPlans DescribeHanaBackupSetting
    DescribeHanaBackupsAsync DescribeHanaDatabases DescribeHanaInstances DescribeHanaRestores
    DescribeHanaRetentionSetting DescribeOtsTableSnapshots DescribePoliciesV2 DescribePolicyBindings
    DescribeRecoverableOtsInstances DescribeRestoreJobs2 DescribeUdmSnapshots DetachNasFileSystem DisableBackupPlan
    DisableHanaBackupPlan EnableBackupPlan EnableHanaBackupPlan ExecuteBackupPlan ExecutePolicyV2 GenerateRamPolicy
    GetBasicStatistics GetTempFileDownloadLink GetTrialInfo InstallBackupClients ListProtectedResources ListSnapshots
    ListTagResources OpenHbrService RemoveDataSource SearchHistoricalSnapshots StartHanaDatabaseAsync
    StopHanaDatabaseAsync UninstallBackupClients UninstallClient UpdateBackupPlan UpdateClientSettings
    UpdateContainerCluster UpdateDataSource UpdateHanaBackupPlan UpdateHanaBackupSetting UpdateHanaInstance
    UpdateHanaRetentionSetting UpdatePolicyBinding UpdatePolicyV2 UpgradeBackupClients UpgradeClient
"""
NOT_IMPLEMENTED = frozenset(_OTHER_ACTIONS.split())
"""Actions of the real service (SDK 2.7.1, and ListTagResources) that the emulator refuses as not implemented."""


def region_of_subject(house: House, owner: int, parameters: Parameters) -> str | None:
    """Return the region of the vault or task that a call is about (section 8.5: a call may carry no region)."""
    for name in ("VaultId", "ResourceId", "ResourceId.1"):
        subject_id = parameters.filter(name)
        vault = house.vaults.find(owner, subject_id, None) if subject_id else None
        if vault is not None:
            return vault.region_id
    task_id = parameters.filter("TaskId")
    task = house.tasks.find(owner, task_id, None) if task_id else None
    return task.region_id if task is not None else None


def _region_of_new_vault(house: House, call: Call) -> str:
    """Return where a vault is to be made."""
    region_id = call.parameters.required("VaultRegionId")
    rules.known_region("VaultRegionId", region_id, house.settings)
    rules.one_region(call.region_id, region_id)
    return region_id


def _texts_of_new_vault(parameters: Parameters) -> dict[str, str]:
    """Return name, description and storage class of a new vault."""
    name = parameters.text("VaultName")
    if name is None:
        raise missing_parameter("VaultName")
    rules.name_length(name)
    description = parameters.text("Description") or ""
    rules.description_length(description)
    storage_class = parameters.choice("VaultStorageClass", ("STANDARD", "ARCHIVE", "COLD_ARCHIVE", "IA"))
    if storage_class not in (None, "STANDARD"):
        raise invalid_parameter("VaultStorageClass", f"{storage_class} is deprecated; STANDARD is the only one left.")
    return {"VaultName": name, "Description": description}


def _begin(house: House, call: Call, fields: dict[str, Any], *, failure: str | None, occupies: bool) -> dict[str, Any]:
    """Start the initialisation of a vault and return its id and task."""
    ready_at = call.now + house.settings.initializing_seconds
    vault = Vault(
        vault_id=new_id("v"),
        fields={
            **fields_of_new_vault(new_id("hbr"), f"rg-acfm{call.owner}"),
            **fields,
            "CreatedTime": int(call.now),
            "Status": "INITIALIZING",
            "UpdatedTime": int(call.now),
            "VaultOwnerId": call.owner,
        },
        ready_at=ready_at,
        outcome="ERROR" if failure else "CREATED",
        outcome_message=failure if fields["Replication"] else None,
        occupies=occupies,
    )
    house.vaults.save(vault)
    task = Task(
        task_id=new_id("t"),
        owner=call.owner,
        region_id=vault.region_id,
        vault_id=vault.vault_id,
        name=call.action,
        created=call.now,
        due_at=ready_at,
        failure=failure,
        cancelled_at=None,
    )
    house.tasks.add(task)
    house.vaults.settle(call.now)
    return {"VaultId": vault.vault_id, "TaskId": task.task_id}


def _living(house: House, call: Call, vault_id: str) -> Vault:
    """Return the vault that a call wants to change."""
    vault = house.vaults.find(call.owner, vault_id, call.region_id)
    if vault is None:
        raise vault_not_found(vault_id, call.region_id)
    if vault.gone_at is not None:
        raise own("VaultBeingDeleted", f'The vault "{vault_id}" is being deleted.')
    return vault


def _save_changed(house: House, call: Call, vault: Vault) -> None:
    """Write a vault that a call changed."""
    vault.fields["UpdatedTime"] = int(call.now)
    house.vaults.save(vault)


def _search(house: House, call: Call) -> Search:
    """Read the filters of DescribeVaults."""
    parameters = call.parameters
    equal: list[tuple[str, str | int]] = []
    if call.region_id is not None:
        equal.append(("region", call.region_id))
    region_id = parameters.filter("VaultRegionId")
    if region_id is not None:
        rules.known_region("VaultRegionId", region_id, house.settings)
        equal.append(("region", region_id))
    for name, column in (("VaultId", "vault_id"), ("VaultName", "name"), ("ResourceGroupId", "resource_group")):
        value = parameters.filter(name)
        if value is not None:
            equal.append((column, value))
    for name, column, words in (("Status", "status", STATUSES), ("VaultType", "type", VAULT_TYPES)):
        if parameters.filter(name) is not None:
            equal.append((column, parameters.choice(name, words) or ""))
    if parameters.filter("Replication") is not None:
        equal.append(("replication", int(parameters.boolean("Replication") or False)))
    owner = parameters.integer("VaultOwnerId", 0, LARGEST_INT64)
    if owner is not None:
        equal.append(("owner", owner))
    tags = parameters.tags()
    if len(tags) > _FILTER_TAG_LIMIT:
        raise invalid_parameter("Tag", f"At most {_FILTER_TAG_LIMIT} tags can be searched for.")
    return Search(call.owner, tuple(equal), tuple((key, value or None) for key, value in tags))


def _tagged_vaults(house: House, call: Call) -> list[Vault]:
    """Return the vaults that a tagging call names."""
    _only_vaults(call.parameters)
    ids = call.parameters.numbered("ResourceId")
    rules.not_empty("ResourceId", ids)
    if len(ids) > RESOURCES_PER_CALL:
        raise invalid_parameter("ResourceId", f"At most {RESOURCES_PER_CALL} resources can be named.")
    return [_living(house, call, vault_id) for vault_id in dict.fromkeys(ids)]


def _only_vaults(parameters: Parameters) -> None:
    """Refuse resources that the emulator does not have."""
    parameters.required("ResourceType")
    if parameters.choice("ResourceType", ("vault", "client", "hanainstance")) != "vault":
        raise own("NotImplemented", "The emulator has vaults only, no clients and no SAP HANA instances.")
