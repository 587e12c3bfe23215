"""The emulated service, as a test sees and moves it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Final

from pulumi_cloudbackup.testing.wrongs import UsageError

_SECONDS: Final = 30
_KEY: Final = "test"


class EmulatedService:
    """A Cloud Backup service on this machine, with a clock and faults to order (docs/emulator.md)."""

    def __init__(self, url: str) -> None:
        """Speak to the emulator at an address."""
        self.url = url

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point Pulumi programs, and the command line, at it."""
        return {
            "CLOUDBACKUP_ENDPOINT": self.url,
            "ALIBABA_CLOUD_ACCESS_KEY_ID": _KEY,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": _KEY,
        }

    def vaults(self) -> list[dict[str, Any]]:
        """Return all vaults, mirror vaults among them, with every field as the service's API names it."""
        found: list[dict[str, Any]] = self._ask("GET", "vaults")["vaults"]
        return found

    def vault(self, name: str) -> dict[str, Any]:
        """Return the vault of a name (``VaultName``); raise UsageError where there is none, or more than one."""
        vaults = self.vaults()
        found = [one for one in vaults if one["VaultName"] == name]
        if len(found) != 1:
            names = ", ".join(sorted(str(one["VaultName"]) for one in vaults)) or "none"
            raise UsageError(f'The service has {len(found)} vaults called "{name}"; there are: {names}.')
        return found[0]

    def change(self, name: str, **fields: Any) -> None:
        """Set fields of a vault, such as ``SnapshotCount=3`` or ``Status="ERROR"``."""
        __tracebackhide__ = True
        self._ask("PATCH", f"vaults/{self.vault(name)['VaultId']}", fields)

    def lose(self, name: str) -> None:
        """Let a disaster take a vault."""
        __tracebackhide__ = True
        self._ask("DELETE", f"vaults/{self.vault(name)['VaultId']}")

    def advance(self, seconds: float) -> None:
        """Move the service's clock."""
        __tracebackhide__ = True
        self._ask("POST", "clock", {"advance_seconds": seconds})

    def fault(self, action: str, fault: str, **more: Any) -> None:
        """Queue a fault for an action of the API, such as ``fault("CreateVault", "throttle", times=2)``."""
        __tracebackhide__ = True
        self._ask("POST", "faults", {"action": action, "fault": fault, **more})

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the calls so far, in order: ``seq, time, action, region_id, parameters, status, code``."""
        found: list[dict[str, Any]] = self._ask("GET", f"calls?since={since}")["calls"]
        return found

    def reset(self) -> None:
        """Empty it."""
        self._ask("POST", "reset", {})

    def _ask(self, method: str, what: str, body: dict[str, Any] | None = None) -> Any:
        __tracebackhide__ = True
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(  # noqa: S310 - an address of this machine
            f"{self.url}/_emulator/{what}", data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise UsageError(f"The emulated service does not take that: {_reason(error)}") from None
        found = json.loads(text) if text else {}
        return found if isinstance(found, dict) else {what.partition("?")[0]: found}


def _reason(error: urllib.error.HTTPError) -> str:
    """Return what the service says of a request that it does not take."""
    try:
        said = json.loads(error.read())
    except ValueError:
        said = None
    return str(said.get("error", said)) if isinstance(said, dict) else f"{error.code} {error.reason}"
