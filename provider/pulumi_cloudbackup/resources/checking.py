"""What ``check`` returns: complete inputs with defaults filled in, and the problems one resource decides by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.cloud import CloudError
from pulumi_cloudbackup.estate import regions
from pulumi_cloudbackup.estate.mirror import default_mirror_description, default_mirror_name, mirror_encrypt_type
from pulumi_cloudbackup.estate.vault import DEFAULT_ENCRYPT_TYPE, DEFAULT_VAULT_TYPE
from pulumi_cloudbackup.resources.wire import UnusableArguments, mirror_of, resource_name, source_of, vault_of
from pulumi_cloudbackup.rules import Problem, Severity, judge, judge_mirror, judge_vault
from pulumi_cloudbackup.rules.argument_rules import DESCRIPTION_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_cloudbackup.resources.session import Session


ASKED_LIVE: Final = ("CB103",)
"""Codes of doubts that the live account can answer: the program leaves them to ``check`` where that one will ask."""


@dataclass(frozen=True)
class Checked:
    """Complete inputs and what is wrong with them."""

    inputs: Mapping[str, Any]
    """The inputs with every default filled in; unknowns stay unknown."""
    problems: tuple[Problem, ...]
    """Broken rules, warnings included."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What stops the preview."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is only told, and was not told by the program already: doubts that the live account did not answer."""
        return tuple(
            problem for problem in self.problems if problem.severity is Severity.WARNING and problem.code in ASKED_LIVE
        )


def checked_vault(session: Session, before: Mapping[str, Any], after: Mapping[str, Any]) -> Checked:
    """Check a vault; ``before``: its last inputs, empty where the engine gives none."""
    inputs = {
        **after,
        "vault_name": after.get("vault_name", resource_name(after)[:64]),
        "vault_type": after.get("vault_type", DEFAULT_VAULT_TYPE),
        "encrypt_type": after.get("encrypt_type", DEFAULT_ENCRYPT_TYPE),
        "worm_enabled": after.get("worm_enabled", False),
        "force_destroy": after.get("force_destroy", False),
    }
    try:
        vault = vault_of(inputs)
    except UnusableArguments as error:
        return Checked(inputs, error.problems)
    problems = judge_vault(vault, _live_regions(session, inputs)).problems
    if before.get("worm_enabled") is True:
        problems += judge(("CB109",), vault.name, before["worm_enabled"], vault).problems
    return Checked(inputs, problems)


def checked_mirror(session: Session, after: Mapping[str, Any]) -> Checked:
    """Check a mirror."""
    inputs = dict(after)
    try:
        mirror, source = mirror_of(inputs), source_of(inputs)
    except UnusableArguments as error:
        return Checked(inputs, error.problems)
    name_of_source = source.vault_name if source.vault_name is not None else source.id
    if name_of_source is not None:
        inputs.setdefault("vault_name", default_mirror_name(name_of_source))
        if source.id is not None:
            inputs.setdefault("description", default_mirror_description(name_of_source, source.id, DESCRIPTION_LIMIT))
    encrypt_type = mirror_encrypt_type(mirror, source)
    if encrypt_type is not None:
        inputs["encrypt_type"] = encrypt_type
    return Checked(inputs, judge_mirror(mirror_of(inputs), source, _live_regions(session, inputs)).problems)


def _live_regions(session: Session, inputs: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Ask the service for its regions where a region is in no document; ``None``: not asked, or no answer."""
    region_id, account = inputs.get("region_id"), inputs.get("account")
    if not isinstance(region_id, str) or region_id in regions() or not isinstance(account, str | None):
        return None
    if not region_id.strip() or not session.asks_in_preview(account):
        return None
    try:
        return session.live_regions(account)
    except CloudError:
        return None
