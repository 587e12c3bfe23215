"""The one adapter of the port, on the official SDK ``alibabacloud-hbr20170908`` (imported when a call is made).

The service's own words (ReplicationVault, PascalCase) stay in here. For the real service the region is in the host
name; for an endpoint of the user's (an emulator) it travels as a signed ``RegionId`` parameter (hbr-api.md 8.2).
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.cloud.credentials import Connection, SettingsError
from pulumi_cloudbackup.cloud.errors import CloudError
from pulumi_cloudbackup.cloud.retrying import Patience, with_retries
from pulumi_cloudbackup.estate import LiveVault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pulumi_cloudbackup.cloud.port import NewMirror, NewVault, VaultChanges

_PAGE_SIZE: Final = 99
_ANY_REGION: Final = "cn-hangzhou"
"""Where DescribeRegions is asked: it has no region of its own."""
_CONNECT_TIMEOUT_MS: Final = 5_000
_READ_TIMEOUT_MS: Final = 30_000
_TAG_BATCH: Final = 20
_NO_CREDENTIALS: Final = (
    "No credentials were found. Set cloudbackup:accessKeyId and cloudbackup:accessKeySecret (with --secret), or the "
    "variables ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or name an existing profile as account"
)


class SdkCloudBackup:
    """The service for one account, through the official SDK; safe to use from several threads."""

    def __init__(self, connection: Connection, patience: Patience = Patience()) -> None:  # noqa: B008 - frozen
        """Remember how to reach the service; nothing is imported or called yet."""
        self._connection = connection
        self._patience = patience
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def list_vaults(self, region_id: str) -> Sequence[LiveVault]:
        """Return all vaults and mirrors of a region."""
        found: dict[str, LiveVault] = {}
        page = 1
        while True:
            body = self._describe(region_id, page_number=page, page_size=_PAGE_SIZE)
            items = _items(body)
            found |= {item.vault_id: _live(item, region_id) for item in items}
            if len(items) < _PAGE_SIZE or page * _PAGE_SIZE >= (body.total_count or 0):
                return tuple(found.values())
            page += 1

    def get_vault(self, region_id: str, vault_id: str) -> LiveVault | None:
        """Return one vault, or ``None``; the service answers with an empty list or a code (hbr-api.md 2.1)."""
        try:
            body = self._describe(region_id, vault_id=vault_id)
        except CloudError as error:
            if error.is_not_found:
                return None
            raise
        return next((_live(item, region_id) for item in _items(body) if item.vault_id == vault_id), None)

    def create_vault(self, new: NewVault) -> str:
        """Start the creation of a vault and return its id."""
        body = self._call(
            "CreateVault",
            new.region_id,
            "create_vault",
            repeatable=False,
            vault_region_id=new.region_id,
            vault_name=new.vault_name,
            description=new.description,
            vault_type=new.vault_type,
            encrypt_type=new.encrypt_type,
            kms_key_id=new.kms_key_id,
            worm_enabled=new.worm_enabled or None,
        )
        return _created_id("CreateVault", body)

    def create_mirror(self, new: NewMirror) -> str:
        """Start the creation of a mirror and return its id."""
        body = self._call(
            "CreateReplicationVault",
            new.region_id,
            "create_replication_vault",
            repeatable=False,
            vault_region_id=new.region_id,
            vault_name=new.vault_name,
            description=new.description,
            replication_source_region_id=new.source_region_id,
            replication_source_vault_id=new.source_vault_id,
            encrypt_type=new.encrypt_type,
            kms_key_id=new.kms_key_id,
            redundancy_type=new.redundancy_type,
        )
        return _created_id("CreateReplicationVault", body)

    def update_vault(self, region_id: str, vault_id: str, changes: VaultChanges) -> None:
        """Change a vault or mirror in place."""
        if changes.is_empty:
            return
        self._call(
            "UpdateVault",
            region_id,
            "update_vault",
            repeatable=True,
            vault_id=vault_id,
            vault_name=changes.vault_name,
            description=changes.description,
            worm_enabled=changes.worm_enabled,
            resource_group_id=changes.resource_group_id,
        )

    def tag_vault(self, region_id: str, vault_id: str, tags: Mapping[str, str]) -> None:
        """Add tags or overwrite their values."""
        pairs = sorted(tags.items())
        for start in range(0, len(pairs), _TAG_BATCH):
            query: dict[str, str] = {}
            for n, (key, value) in enumerate(pairs[start : start + _TAG_BATCH], 1):
                query |= {f"Tag.{n}.Key": key, f"Tag.{n}.Value": value}
            self._call_plain("TagResources", region_id, {"ResourceType": "vault", "ResourceId.1": vault_id, **query})

    def untag_vault(self, region_id: str, vault_id: str, keys: Sequence[str]) -> None:
        """Remove tags by key."""
        ordered = sorted(keys)
        for start in range(0, len(ordered), _TAG_BATCH):
            query = {f"TagKey.{n}": key for n, key in enumerate(ordered[start : start + _TAG_BATCH], 1)}
            self._call_plain("UntagResources", region_id, {"ResourceType": "vault", "ResourceId.1": vault_id, **query})

    def delete_vault(self, region_id: str, vault_id: str) -> None:
        """Start the deletion of a vault or mirror."""
        self._call("DeleteVault", region_id, "delete_vault", repeatable=True, vault_id=vault_id)

    def list_regions(self) -> Sequence[str]:
        """Return the ids of the regions that the service has."""
        body = self._call("DescribeRegions", _ANY_REGION, "describe_regions", repeatable=True, without_request=True)
        return tuple(region.region_id for region in (body.regions.region if body.regions else None) or ())

    def credentials_hint(self) -> str:
        """Return a digest of the access key's id."""
        key = _checked("GetCredentials", self._connection.access_key)
        return hashlib.sha256(f"cloudbackup:{key}".encode()).hexdigest()[:16]

    def list_mirror_regions(self, region_id: str) -> Sequence[str]:
        """Return the ids of the regions that mirror vaults can be created in."""
        body = self._call(
            "DescribeVaultReplicationRegions", region_id, "describe_vault_replication_regions", repeatable=True
        )
        return tuple((body.regions.region_id if body.regions else None) or ())

    def _describe(self, region_id: str, **request: Any) -> Any:
        return self._call(
            "DescribeVaults", region_id, "describe_vaults", repeatable=True, vault_region_id=region_id, **request
        )

    def _call(
        self,
        action: str,
        region_id: str,
        method: str,
        *,
        repeatable: bool,
        without_request: bool = False,
        **request: Any,
    ) -> Any:
        """Make a call of the SDK's own typed methods and return the body of a successful answer."""

        def call() -> Any:
            from alibabacloud_hbr20170908 import models  # noqa: PLC0415 - half a second, only when a call is made

            client = self._client(action, region_id)
            send = getattr(client, f"{method}_with_options")
            if without_request:
                return send(self._runtime()).body
            name = "".join(part.capitalize() for part in method.split("_")) + "Request"
            return send(getattr(models, name)(**request), self._runtime()).body

        return with_retries(lambda: self._answered(action, call), repeatable=repeatable, patience=self._patience)

    def _call_plain(self, action: str, region_id: str, query: Mapping[str, str]) -> None:
        """Make a call that the SDK has no method for, through its generic door (hbr-api.md 2.1, TagResources)."""

        def call() -> Any:
            from alibabacloud_tea_openapi import utils_models  # noqa: PLC0415 - as above

            params = utils_models.Params(
                action=action,
                version="2017-09-08",
                protocol="HTTPS",
                pathname="/",
                method="POST",
                auth_type="AK",
                style="RPC",
                req_body_type="formData",
                body_type="json",
            )
            request = utils_models.OpenApiRequest(query=dict(query))
            return self._client(action, region_id).call_api(params, request, self._runtime())["body"]

        with_retries(lambda: self._answered(action, call), repeatable=True, patience=self._patience)

    def _answered(self, action: str, call: Callable[[], Any]) -> Any:
        """Make a call; name the address where no answer comes, and the profile where it has no credentials."""
        try:
            return _checked(action, call)
        except CloudError as error:
            if error.code == "Unreachable" and self._connection.endpoint:
                error.message += f" at {self._connection.endpoint}"
            if error.code == "Credentials" and self._connection.profile:
                error.message = f'The profile "{self._connection.profile}" (account) has none. {error.message}'
            raise

    def _runtime(self) -> Any:
        from darabonba.runtime import RuntimeOptions  # noqa: PLC0415 - with the SDK

        return RuntimeOptions(
            connect_timeout=_CONNECT_TIMEOUT_MS, read_timeout=_READ_TIMEOUT_MS, http_proxy=self._connection.own_proxy
        )

    def _client(self, action: str, region_id: str) -> Any:
        with self._lock:
            if region_id not in self._clients:
                self._clients[region_id] = self._new_client(action, region_id)
            return self._clients[region_id]

    def _new_client(self, action: str, region_id: str) -> Any:
        from alibabacloud_hbr20170908.client import Client  # noqa: PLC0415 - as above
        from alibabacloud_tea_openapi import utils_models  # noqa: PLC0415 - as above

        settings: dict[str, Any] = {"region_id": region_id}
        try:
            if (address := self._connection.address) is not None:
                settings["protocol"], settings["endpoint"] = address
                settings["global_parameters"] = utils_models.GlobalParameters(queries={"RegionId": region_id})
            settings |= self._connection.sdk_credentials()
        except SettingsError as error:
            raise CloudError(action, "Settings", str(error)) from None
        return Client(utils_models.Config(**settings))


def _checked(action: str, call: Callable[[], Any]) -> Any:
    """Make every way in which a call can fail a CloudError, HTTP 200 with ``Success: false`` included."""
    from alibabacloud_credentials.exceptions import CredentialException  # noqa: PLC0415 - with the SDK
    from alibabacloud_tea_openapi.exceptions import AlibabaCloudException  # noqa: PLC0415 - with the SDK

    try:
        body = call()
    except CloudError:
        raise
    except AlibabaCloudException as error:
        raise CloudError(
            action=action,
            code=str(error.code),
            message=_own_words(error),
            request_id=error.request_id,
            http_status=error.status_code,
        ) from None
    except Exception as error:  # noqa: BLE001 - the SDK wraps failures in several classes of several packages
        cause = getattr(error, "inner_exception", None) or error
        if isinstance(cause, CredentialException):
            raise CloudError(action, "Credentials", _NO_CREDENTIALS) from None
        raise CloudError(action, "Unreachable", _transport_words(cause)) from None
    if isinstance(body, str):
        return body
    fields = body if isinstance(body, dict) else {"Success": body.success, "Code": body.code, "Message": body.message}
    code = str(fields.get("Code") or "200")
    if fields.get("Success") is False or code != "200":
        request_id = fields.get("RequestId") if isinstance(body, dict) else body.request_id
        raise CloudError(action, code, str(fields.get("Message") or "no message"), request_id, 200)
    return body


def _own_words(error: Any) -> str:
    """Return the service's message without the frame that the SDK puts around it."""
    data = error.data if isinstance(error.data, dict) else {}
    return str(data.get("Message") or error.message or "no message")


def _transport_words(error: Exception) -> str:
    """Return one line about a failed connection, without addresses that libraries print of themselves."""
    text = str(error)
    for sign, words in (
        ("timed out", "no answer in time"),
        ("refused", "the connection was refused"),
        ("resolve", "the host name could not be resolved"),
        ("Remote end closed", "the connection was closed before an answer came"),
        ("reset by peer", "the connection was reset"),
    ):
        if sign in text:
            return words
    return f"no answer ({type(error).__name__})"


def _created_id(action: str, body: Any) -> str:
    if not body.vault_id:
        raise CloudError(action, "NoVaultId", "the service answered without a vault id", body.request_id, 200)
    return str(body.vault_id)


def _items(body: Any) -> Sequence[Any]:
    return (body.vaults.vault if body.vaults else None) or ()


def _live(item: Any, region_id: str) -> LiveVault:
    """Translate one item of DescribeVaults."""
    progress = item.replication_progress
    return LiveVault(
        id=item.vault_id,
        region_id=item.vault_region_id or region_id,
        vault_name=item.vault_name or "",
        raw_description=item.description or "",
        vault_type=item.vault_type or "STANDARD",
        status=item.status or "UNKNOWN",
        status_message=item.vault_status_message or None,
        encrypt_type=item.encrypt_type or "HBR_PRIVATE",
        kms_key_id=item.kms_key_id or None,
        redundancy_type=item.redundancy_type or None,
        worm_enabled=bool(item.worm_enabled),
        charge_type=item.charge_type or None,
        is_trial=bool(item.trial_info and item.trial_info.trial_expire_time),
        resource_group_id=item.resource_group_id or None,
        owner_account_id=str(item.vault_owner_id) if item.vault_owner_id else None,
        tags={tag.key: tag.value or "" for tag in (item.tags.tag if item.tags else None) or () if tag.key},
        created_time=int(item.created_time) if item.created_time else None,
        is_mirror=bool(item.replication),
        source_region_id=item.replication_source_region_id or None,
        source_vault_id=item.replication_source_vault_id or None,
        mirror_region_id=item.replication_target_region_id or None,
        mirror_vault_id=item.replication_target_vault_id or None,
        replication_status=item.replication_status or None,
        replication_progress=progress.historical_replication_progress if progress else None,
        snapshot_count=int(item.snapshot_count or 0),
        bytes_done=int(item.bytes_done or 0),
        bytes_stored=sum(
            int(size or 0) for size in (item.storage_size, item.archive_storage_size, item.archive_bytes_done)
        ),
    )
