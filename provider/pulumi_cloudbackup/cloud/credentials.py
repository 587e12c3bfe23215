"""Where credentials and the endpoint come from; nothing secret is ever printed."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDPOINT_VARIABLE: Final = "CLOUDBACKUP_ENDPOINT"
_KEY_VARIABLES: Final = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
_EMULATOR_KEY: Final = "test"
"""Id and secret that an emulator accepts by default; used for a loopback endpoint where no key is given."""


class SettingsError(ValueError):
    """The endpoint or the credentials are set in a way that cannot work; the message says how to mend it."""


@dataclass(frozen=True)
class Connection:
    """How to reach the service for one account."""

    access_key_id: str | None = None
    """From stack configuration; ``None``: from the official credentials chain."""
    access_key_secret: str | None = field(default=None, repr=False)
    """From stack configuration."""
    profile: str | None = None
    """A profile of the official credentials chain (``account`` of a resource)."""
    endpoint: str | None = None
    """Address of an emulator or gateway, such as ``http://127.0.0.1:8080``; ``None``: the real service."""

    @staticmethod
    def from_settings(settings: Mapping[str, str], profile: str | None) -> Connection:
        """Return the connection that stack configuration (bare keys) and the environment describe."""
        key, secret = settings.get("accessKeyId"), settings.get("accessKeySecret")
        if bool(key) != bool(secret):
            raise SettingsError(
                "cloudbackup:accessKeyId and cloudbackup:accessKeySecret belong together, but only one is set. "
                "Set both, or none to use the official credentials chain."
            )
        endpoint = settings.get("endpoint") or os.environ.get(ENDPOINT_VARIABLE) or None
        if profile is not None:
            key = secret = None
        return Connection(key or None, secret or None, profile, endpoint)

    @property
    def is_explicit(self) -> bool:
        """Whether credentials come from configuration or environment variables, so that asking is expected."""
        return bool(
            self.access_key_id
            or self.profile
            or self._is_loopback
            or all(os.environ.get(variable) for variable in _KEY_VARIABLES)
        )

    @property
    def address(self) -> tuple[str, str] | None:
        """Return scheme and host of the endpoint; raise SettingsError where it cannot be one."""
        if self.endpoint is None:
            return None
        parts = urlsplit(self.endpoint)
        try:
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/")
            usable = usable and (parts.port is None or parts.port > 0) and not parts.query
        except ValueError:
            usable = False
        if not usable:
            raise SettingsError(
                f"The endpoint {self.endpoint!r} is not an address such as http://127.0.0.1:8080, scheme included. "
                f"Mend {ENDPOINT_VARIABLE} or cloudbackup:endpoint."
            )
        return parts.scheme, parts.netloc

    @property
    def _is_loopback(self) -> bool:
        if self.endpoint is None:
            return False
        host = urlsplit(self.endpoint if "//" in self.endpoint else f"https://{self.endpoint}").hostname or ""
        try:
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def own_proxy(self) -> str | None:
        """Return what stands in for a proxy of the environment that must not be used; ``None``: use that one.

        The SDK takes HTTP_PROXY for every address and ignores NO_PROXY. A loopback endpoint is behind no proxy, so it
        is named as its own: every HTTP server takes the absolute form of a request that a proxy is sent.
        """
        proxied = any(os.environ.get(name) for name in ("HTTP_PROXY", "http_proxy"))
        return self.endpoint if proxied and self._is_loopback else None

    def access_key(self) -> str:
        """Return the id of the access key in use; raise the official chain's CredentialException."""
        found = self.sdk_credentials()
        return str(
            found["access_key_id"] if "access_key_id" in found else found["credential"].get_credential().access_key_id
        )

    def sdk_credentials(self) -> dict[str, Any]:
        """Return the arguments of the SDK's ``Config`` that carry the credentials."""
        if self.access_key_id:
            return {"access_key_id": self.access_key_id, "access_key_secret": self.access_key_secret}
        if self.profile is None and self._is_loopback:
            key, secret = (os.environ.get(variable) or _EMULATOR_KEY for variable in _KEY_VARIABLES)
            return {"access_key_id": key, "access_key_secret": secret}
        from alibabacloud_credentials.client import Client  # noqa: PLC0415 - half a second, only when a call is made

        logging.getLogger("credentials").setLevel(logging.CRITICAL)  # it prints tracebacks where it finds nothing
        if self.profile is None:
            return {"credential": Client()}
        return {"credential": Client(provider=_profile_provider(self.profile))}


def _profile_provider(profile: str) -> Any:
    """Return the official provider of the profile: of the vendor's command line, or else of the credentials file."""
    from alibabacloud_credentials.exceptions import CredentialException  # noqa: PLC0415 - as above
    from alibabacloud_credentials.provider import (  # noqa: PLC0415 - as above
        CLIProfileCredentialsProvider,
        ProfileCredentialsProvider,
    )

    command_line = CLIProfileCredentialsProvider(profile_name=profile)
    try:
        command_line.get_credentials()
    except CredentialException:
        return ProfileCredentialsProvider(profile_name=profile)
    return command_line
