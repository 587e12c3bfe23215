"""The service as the resources of a stack see it, for commands that ask it themselves: by the stack's configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pulumi_cloudbackup.resources.own_state import MIRROR_TYPE, VAULT_TYPE, OldResource, type_of
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.settings import NAMESPACE, SETTINGS
from pulumi_cloudbackup.resources.wire import from_engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_cloudbackup.engine.pulumi_cli import PulumiCli


def session_of(cli: PulumiCli) -> Session:
    """Return a session with the configuration of a stack; raise CliError, Refusal."""
    return Session(settings_of(cli))


def settings_of(cli: PulumiCli) -> dict[str, str]:
    """Return our settings in the configuration of a stack; raise CliError."""
    return settings_in(cli.configuration())


def settings_in(configured: Mapping[str, str]) -> dict[str, str]:
    """Return our settings in a configuration, whose keys have their namespace."""
    return {key: configured[f"{NAMESPACE}:{key}"] for key in SETTINGS if configured.get(f"{NAMESPACE}:{key}")}


def resources_of(state: str | bytes) -> dict[str, OldResource]:
    """Return our vaults and mirrors of an exported state by URN, what is only still to be deleted left out."""
    resources = (json.loads(state).get("deployment") or {}).get("resources") or []
    return {
        one["urn"]: OldResource(one["urn"], from_engine(one.get("outputs") or {}))
        for one in resources
        if isinstance(one, dict) and not one.get("delete") and type_of(one["urn"]) in (VAULT_TYPE, MIRROR_TYPE)
    }
