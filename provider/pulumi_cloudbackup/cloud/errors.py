"""What the service, or the way to it, did wrong: exceptions with data. Callers act on codes, never on text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_THROTTLED: Final = ("Throttling", "Rejected.Throttling", "ServiceUnavailable")
_NOT_FOUND: Final = ("InvalidResourceId.NotFound", "VaultNotExist", "InvalidVaultId.NotFound")
_FORBIDDEN: Final = ("Forbidden", "NoPermission", "Forbidden.RAM", "Forbidden.NoPermission")
_WRONG_KEY: Final = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "IncompleteSignature", "InvalidSecurityToken")
NOT_YET_DELETABLE: Final = ("CannotDeleteReplicationSourceVault", "VaultBoundPolicyCannotBeDeleted")
"""Codes of DeleteVault that pass by themselves some time after what blocks the vault is gone (hbr-api.md 4)."""


@dataclass
class CloudError(Exception):
    """A call to the service failed."""

    action: str
    """The API action, such as CreateVault."""
    code: str
    """The service's code; ``Unreachable`` where no answer came; ``Credentials`` where none were found."""
    message: str
    """The service's own words, without secrets."""
    request_id: str | None = None
    """The request id, to give to the vendor's support."""
    http_status: int | None = None
    """The HTTP status; 200 where the answer carried ``Success: false``; ``None`` where no answer came."""

    def __str__(self) -> str:
        """Tell action, code, words and request id in one line."""
        request = f" (request id {self.request_id})" if self.request_id else ""
        return f"{self.action} failed with {self.code}: {self.message.rstrip('.')}.{request}"

    @property
    def is_throttled(self) -> bool:
        """Whether the service refused for load: nothing has happened."""
        return self.code.startswith(_THROTTLED) or self.http_status == 429  # noqa: PLR2004 - "too many requests"

    @property
    def may_have_happened(self) -> bool:
        """Whether the call may have had its effect although it failed: no answer, or an error inside the service."""
        return not self.is_throttled and (
            self.code == "Unreachable" or (self.http_status is not None and self.http_status >= 500)  # noqa: PLR2004 - HTTP
        )

    @property
    def is_passing(self) -> bool:
        """Whether the same call may succeed a moment later."""
        return self.is_throttled or self.may_have_happened

    @property
    def is_not_found(self) -> bool:
        """Whether the service says that the vault does not exist; an unknown access key is a 404, too, but not this."""
        return self.code in _NOT_FOUND

    @property
    def is_forbidden(self) -> bool:
        """Whether a permission is missing."""
        return self.http_status == 403 or self.code.startswith(_FORBIDDEN)  # noqa: PLR2004 - HTTP

    @property
    def is_wrong_key(self) -> bool:
        """Whether the access key is not one that the service takes: every other call will fail as well."""
        return self.code.startswith(_WRONG_KEY)

    @property
    def is_refused(self) -> bool:
        """Whether the service understood the call and does not take it, for what it says and not for who asks."""
        return not (self.is_passing or self.is_forbidden or self.is_wrong_key or self.code == "Credentials")

    @property
    def is_not_yet_deletable(self) -> bool:
        """Whether a delete is refused for something that may pass."""
        return self.code in NOT_YET_DELETABLE
