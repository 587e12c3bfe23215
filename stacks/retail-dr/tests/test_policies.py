"""What the company demands of its backups, checked on the preview of every pull request.

    pytest stacks/retail-dr/tests                                  # a second or two, without CLI or account
    pytest stacks/retail-dr/tests --cloudbackup-engine=real        # the same on the real Pulumi engine

``prod.state.json`` is what ``pulumi stack export --stack prod`` wrote after the last update.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pulumi_cloudbackup.estate import is_known
from pulumi_cloudbackup.policies import (
    Finding,
    NotYetKnown,
    Proposal,
    Violation,
    data_is_not_lost,
    every_vault_is_mirrored,
    exposure_is_at_most,
    kms_is_used,
    names_match,
    nothing_is_deleted,
    pairs_are_allowed,
    policy,
    tags_are_given,
    vaults_are_immutable,
)
from pulumi_cloudbackup.testing import Preview

STACK = Path(__file__).parent.parent
PROD = STACK / "tests" / "prod.state.json"
PAIRS = [
    ("cn-hangzhou", "cn-shanghai"),
    ("cn-hangzhou", "cn-beijing"),
    ("cn-shanghai", "cn-beijing"),
    ("cn-shanghai", "cn-hangzhou"),
    ("cn-beijing", "cn-zhangjiakou"),
    ("cn-shenzhen", "cn-shanghai"),
    ("cn-chengdu", "cn-qingdao"),
]
"""Regions that are far enough from each other, and near enough for the copy to keep up."""


@policy
def money_is_encrypted_and_immutable(proposal: Proposal) -> Iterator[Finding]:
    """Vaults of the teams that handle money hold restricted data encrypted, or keep backups immutable."""
    for vault in proposal.vaults:
        is_money = [proposal.has_tags(vault, {"team": team}) for team in ("payments", "finance")]
        if not all(is_known(one) for one in is_money):
            yield NotYetKnown(vault.name, "tags")
        elif any(is_money) and not is_known(vault.encrypt_type):
            yield NotYetKnown(vault.name, "encrypt_type")
        elif any(is_money) and vault.encrypt_type != "KMS" and vault.worm_enabled is not True:
            yield Violation(vault.name, f'"{vault.name}" is neither encrypted with KMS nor immutable.')


EVERYWHERE = [
    pairs_are_allowed(PAIRS),
    tags_are_given("environment", "team", "data-class"),
    names_match(vaults="[a-z]+", mirrors="[a-z]+-dr"),
    kms_is_used(tags={"data-class": "restricted"}),
]
IN_PRODUCTION = [
    every_vault_is_mirrored(vault_types=("STANDARD", "OTS_BACKUP")),
    vaults_are_immutable(tags={"data-class": "confidential"}),
    money_is_encrypted_and_immutable,
    nothing_is_deleted(),
    data_is_not_lost(),
    exposure_is_at_most(minutes=0),
]

Previewing = Callable[..., Preview]


@pytest.fixture(scope="module")
def prod(cloudbackup_preview: Previewing) -> Preview:
    """Preview production as it is."""
    return cloudbackup_preview(stack="prod", state=PROD)


@pytest.fixture
def changed(cloudbackup_preview: Previewing) -> Callable[..., Preview]:
    """Preview production with other settings of one vault; ``None``: the vault is gone."""
    settings = yaml.safe_load((STACK / "Pulumi.prod.yaml").read_text())["config"]

    def preview(name: str, *, protect: bool = True, **change: Any) -> Preview:
        vaults = copy.deepcopy(settings["retail-dr:vaults"])
        if change:
            vaults.setdefault(name, {}).update(change)
        else:
            del vaults[name]
        safety = {**settings["retail-dr:safety"], "protect": protect}
        return cloudbackup_preview(stack="prod", state=PROD, config={"vaults": vaults, "safety": safety})

    return preview


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_new_environments(cloudbackup_preview: Previewing, stack: str) -> None:
    """Each is valid from nothing, source before mirror, and kept to what is demanded everywhere."""
    p = cloudbackup_preview(stack=stack)
    p.no_problems(allow_warnings=True).order("create orders", "create orders-dr").stages(1).complies(EVERYWHERE)


def test_production_is_as_it_is_declared(prod: Preview) -> None:
    prod.no_changes().no_data_loss().complies(EVERYWHERE, IN_PRODUCTION)


def test_development_need_not_be_mirrored(cloudbackup_preview: Previewing) -> None:
    p = cloudbackup_preview(stack="dev")
    p.complies(every_vault_is_mirrored(except_for=["files"], vault_types=("STANDARD", "OTS_BACKUP")))
    (problem,) = p.judged(every_vault_is_mirrored()).problems
    assert problem.subjects == ("files",)


def test_a_new_vault_in_production(changed: Callable[..., Preview]) -> None:
    p = changed("search", region="cn-shenzhen", mirrorRegion="cn-shanghai", team="platform", dataClass="internal")
    p.creates("search", "search-dr").nothing_else().complies(EVERYWHERE, IN_PRODUCTION)


def test_a_new_vault_without_a_mirror_is_refused(changed: Callable[..., Preview]) -> None:
    p = changed("search", region="cn-shenzhen", team="platform", dataClass="internal")
    with pytest.raises(AssertionError, match='"search" has no mirror vault'):
        p.complies(IN_PRODUCTION)


def test_nobody_moves_a_vault_that_holds_data(changed: Callable[..., Preview]) -> None:
    p = changed("orders", protect=False, region="cn-beijing")
    p.problem("CB303", "orders").replaces("orders", "orders-dr")
    p.order("delete orders-dr", "delete orders", "create orders", "create orders-dr")
    with pytest.raises(AssertionError, match="holds backup data"):
        p.no_data_loss()


def test_protection_holds(changed: Callable[..., Preview]) -> None:
    """As long as ``safety.protect`` is there, nothing is removed from production."""
    changed("files").problem("CB308", "files")


def test_a_moved_mirror_leaves_its_source_bare(changed: Callable[..., Preview]) -> None:
    p = changed("files", protect=False, mirrorRegion="cn-beijing")
    p.replaces("files-dr").problem("CB405")
    assert {one.code for one in p.judged(IN_PRODUCTION).problems} == {"exposure-is-at-most", "nothing-is-deleted"}


def test_the_state_is_of_the_stack_that_is_tested() -> None:
    """Write it again after an update: ``pulumi stack export --stack prod --file tests/prod.state.json``."""
    urns = [one["urn"] for one in json.loads(PROD.read_text())["deployment"]["resources"]]
    assert all(urn.startswith("urn:pulumi:prod::retail-dr::") for urn in urns)
