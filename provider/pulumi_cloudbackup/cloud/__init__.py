"""The port to the service and its one adapter on the official SDK, which is imported when a call is made."""

from pulumi_cloudbackup.cloud.credentials import Connection, SettingsError
from pulumi_cloudbackup.cloud.errors import CloudError
from pulumi_cloudbackup.cloud.port import CloudBackup, NewMirror, NewVault, VaultChanges
from pulumi_cloudbackup.cloud.retrying import Patience
from pulumi_cloudbackup.cloud.sdk import SdkCloudBackup
from pulumi_cloudbackup.cloud.waiting import Deadline, wait_until

__all__ = [
    "CloudBackup",
    "CloudError",
    "Connection",
    "Deadline",
    "NewMirror",
    "NewVault",
    "Patience",
    "SdkCloudBackup",
    "SettingsError",
    "VaultChanges",
    "wait_until",
]
