"""What both dynamic providers share: the session of this host process, and the engine's result types."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckFailure, CheckResult, ConfigureRequest, DiffResult, ReadResult

from pulumi_cloudbackup.cloud import CloudError
from pulumi_cloudbackup.estate import Unknown
from pulumi_cloudbackup.resources.host import prepare_host
from pulumi_cloudbackup.resources.observing import note_refusal, observed_to
from pulumi_cloudbackup.resources.refusal import Refusal, refusing, tell
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.settings import SETTINGS
from pulumi_cloudbackup.resources.watchdog import Watchdog, engine_address
from pulumi_cloudbackup.resources.wire import Properties, to_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pulumi_cloudbackup.cloud import CloudBackup, Connection
    from pulumi_cloudbackup.planning.comparing import Difference
    from pulumi_cloudbackup.resources.checking import Checked

_lock = threading.Lock()
_session: Session | None = None


def configure(request: ConfigureRequest) -> None:
    """Open the session of this process; the engine configures each provider class, the first one opens it."""
    global _session  # noqa: PLW0603 - one host process is one engine run, and the engine gives no other place
    with _lock:
        if _session is None:
            prepare_host()
            _session = _open_session(request)


@refusing
def _open_session(request: ConfigureRequest) -> Session:
    settings = {key: request.config.get(f"cloudbackup:{key}") for key in SETTINGS}
    watchdog = Watchdog(engine_address(sys.argv))
    watchdog.start()
    return Session({key: value for key, value in settings.items() if value}, watchdog.end_if_engine_is_gone)


def open_offline(configuration: Mapping[str, str]) -> None:
    """Open the session of a process that runs a program without the engine: the live account is never asked."""
    global _session  # noqa: PLW0603 - as above

    def nobody(_: Connection) -> CloudBackup:
        raise CloudError("", "Offline", "the live account is not asked offline")

    settings = {key: configuration.get(f"cloudbackup:{key}", "") for key in SETTINGS} | {"preflight": "off"}
    with _lock:
        _session = Session({key: value for key, value in settings.items() if value}, connect=nobody)


def session() -> Session:
    """Return the session of this process."""
    if _session is None:
        raise AssertionError("configure() comes first")
    return _session


def plain(properties: Properties) -> dict[str, Any]:
    """Return the properties without the engine's own key, for the calls that never see unknowns."""
    return {key: value for key, value in properties.items() if key != "__provider"}


def check_result(checked: Checked) -> CheckResult:
    """Tell the engine the complete inputs and the errors; warnings go to the host's error output.

    The failures name no property: the engine would print its value, in clear also where it is a secret.
    """
    is_observed = observed_to() is not None  # then a plan tells everything
    is_enforced = not is_observed and session().judging.enforce
    if not is_observed:
        for warning in checked.warnings:
            tell(warning)
    if not is_observed and not is_enforced:
        for problem in checked.errors:
            tell(f"not enforced: {problem.one_line}")
    failures = [CheckFailure("", problem.one_line) for problem in checked.errors if is_enforced]
    return CheckResult(to_engine(checked.inputs), failures)


def diff_result(difference: Difference, *, create_first: bool) -> DiffResult:
    """Tell the engine what differs; a replacement deletes first unless the user chose otherwise on a vault."""
    return DiffResult(
        changes=not difference.is_empty,
        replaces=list(difference.replaces),
        delete_before_replace=not create_first,
    )


def refuse_or_note(judge: Callable[[], None]) -> None:
    """Judge a replacement; what is refused is noted where a plan observes the run, which tells it with all the rest."""
    try:
        judge()
    except Refusal as refusal:
        observer = observed_to()
        if observer is None or refusal.problem is None:
            raise
        note_refusal(observer, refusal.problem)


def read_result(id_: str, found: tuple[dict[str, Any], dict[str, Any] | None] | None) -> ReadResult:
    """Tell the engine what is there; never ``None`` as id, on which the host stumbles (pulumi-engine.md 8)."""
    if found is None:
        return ReadResult("", {})
    outputs, inputs = found
    return ReadResult(id_, outputs, inputs)


def same_account_or_replace(vault_id: str, before: Properties, after: Properties, difference: Difference) -> Difference:
    """Make a change of ``account`` a replacement where it means another account, not just another profile name.

    A vault is seen by its own account only, so the new profile's view of it decides. Where nobody can tell, the
    change stays an update, which refuses by itself if the vault is not seen: nothing is destroyed on a guess.
    """
    if "account" not in difference.updates:
        return difference
    account, region_id = after.get("account"), before.get("region_id")
    if isinstance(account, Unknown) or not isinstance(region_id, str):
        return replace(difference, replaces=(*difference.replaces, "account"))
    try:
        seen = session().cloud(account).get_vault(region_id, vault_id) is not None
    except CloudError:
        return difference
    return difference if seen else replace(difference, replaces=(*difference.replaces, "account"))


def refuse_readoption(vault_id: str, after: Properties) -> None:
    """Refuse to replace a vault by itself: its ``adopt_id`` names the vault that is deleted first."""
    if after.get("adopt_id") == vault_id:
        raise Refusal(
            f'The change replaces vault {vault_id}, and adopt_id="{vault_id}" would then take over what was just '
            "deleted. Remove adopt_id; it is needed only once."
        )
