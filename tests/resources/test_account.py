"""Asking the live account: once for each region, all at once, and never failing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any, cast

import pytest

from pulumi_cloudbackup.cloud import CloudBackup, CloudError
from pulumi_cloudbackup.estate import LiveVault
from pulumi_cloudbackup.resources import account
from pulumi_cloudbackup.resources.account import Question, ask
from pulumi_cloudbackup.resources.session import Session


class Cloud:
    """A service with a few vaults that counts what it is asked."""

    def __init__(self, *vaults: LiveVault, failing: dict[str, CloudError] | None = None, slow: float = 0.0) -> None:
        self.vaults, self.failing, self.slow = vaults, failing or {}, slow
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()

    def list_vaults(self, region_id: str) -> list[LiveVault]:
        self._note("list", region_id)
        return [vault for vault in self.vaults if vault.region_id == region_id]

    def get_vault(self, region_id: str, vault_id: str) -> LiveVault | None:
        self._note("get", vault_id)
        return LiveVault("v-new", region_id) if vault_id == "v-new" else None

    def list_regions(self) -> list[str]:
        self._note("regions", "")
        return ["cn-hangzhou", "cn-shanghai"]

    def list_mirror_regions(self, region_id: str) -> list[str]:  # noqa: ARG002 - the port names it
        self._note("mirror regions", "")
        return ["cn-shanghai"]

    def _note(self, what: str, of: str) -> None:
        with self.lock:
            self.asked[f"{what} {of}".strip()] += 1
        time.sleep(self.slow)
        for key in (what, f"{what} {of}"):
            if key in self.failing:
                raise self.failing[key]


def session(cloud: Cloud) -> Session:
    return Session({}, connect=lambda _: cast("CloudBackup", cloud))


def test_each_region_is_listed_once() -> None:
    """In one session, however often a program is judged; known regions need no list of regions beside."""
    cloud = Cloud(LiveVault("v-1", "cn-hangzhou"))
    run = session(cloud)
    for _ in range(3):
        answer = ask(run, {None: Question({"cn-hangzhou", "cn-shanghai"}, {"v-1": "cn-hangzhou"}, mirrors=True)})[None]
    assert cloud.asked == {"mirror regions": 1, "list cn-hangzhou": 1, "list cn-shanghai": 1}
    assert answer.find("v-1") is not None
    assert not answer.failures


def test_the_region_of_somebody_elses_mirror_is_listed_too() -> None:
    """A source tells where its mirror is; its owner is found there."""
    source = LiveVault("v-1", "cn-hangzhou", mirror_vault_id="v-2", mirror_region_id="cn-beijing")
    cloud = Cloud(source, LiveVault("v-2", "cn-beijing", is_mirror=True))
    answer = ask(session(cloud), {None: Question({"cn-hangzhou"}, {"v-1": "cn-hangzhou"}, mirrors=True)})[None]
    assert answer.find("v-2") is not None
    assert cloud.asked["list cn-beijing"] == 1


def test_what_a_listing_lacks_is_looked_for_again() -> None:
    """It may have been created since."""
    cloud = Cloud()
    question = Question({"cn-hangzhou"}, {"v-new": "cn-hangzhou", "v-none": "cn-hangzhou"})
    answer = ask(session(cloud), {None: question})[None]
    assert not answer.is_gone("v-new", "cn-hangzhou")
    assert answer.is_gone("v-none", "cn-hangzhou")


def test_nobody_is_asked_in_a_region_that_is_not_there() -> None:
    cloud = Cloud()
    ask(session(cloud), {None: Question({"cn-nowhere", "cn-hangzhou"}, mirrors=True)})
    assert cloud.asked == {"mirror regions": 1, "regions": 1, "list cn-hangzhou": 1}


@pytest.mark.parametrize(
    ("failing", "told", "listed"),
    [
        ({"list": CloudError("DescribeVaults", "Forbidden.RAM", "no")}, ["hbr:DescribeVaults"], 2),
        ({"list cn-hangzhou": CloudError("DescribeVaults", "Throttling", "no")}, ["too often"], 2),
        ({"mirror regions": CloudError("DescribeVaultReplicationRegions", "Forbidden", "no")}, ["hbr:Describe"], 2),
        ({"mirror regions": CloudError("DescribeVaultReplicationRegions", "Unreachable", "no")}, ["Check the net"], 0),
        ({"mirror regions": CloudError("X", "InvalidAccessKeyId.NotFound", "no")}, ["Check the access key"], 0),
    ],
)
def test_failures_are_told_once_and_stop_what_would_be_vain(
    failing: dict[str, CloudError], told: list[str], listed: int
) -> None:
    cloud = Cloud(failing=failing)
    answer = ask(session(cloud), {None: Question({"cn-hangzhou", "cn-shanghai"}, mirrors=True)})[None]
    assert len(answer.failures) == len(told)
    assert all(words in text for words, text in zip(told, answer.failures.values(), strict=True))
    assert sum(count for what, count in cloud.asked.items() if what.startswith("list")) == listed


def test_regions_and_accounts_are_asked_at_once() -> None:
    """Eight listings of a quarter of a second take less than a second."""
    cloud = Cloud(slow=0.25)
    run = session(cloud)
    wanted = ("cn-hangzhou", "cn-shanghai", "cn-beijing", "cn-qingdao")
    start = time.monotonic()
    answers = ask(run, {name: Question(set(wanted)) for name in (None, "other")})
    assert time.monotonic() - start < 1.5
    assert all(len(answer.vaults) == 2 for answer in answers.values())


def test_a_service_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preview goes on, and says so."""
    monkeypatch.setattr(account, "PATIENCE", 0.2)
    answer: Any = ask(session(Cloud(slow=1.0)), {None: Question({"cn-hangzhou"})})[None]
    assert list(answer.failures.values()) == ["The service gave no answer within 0.2 seconds."]
    assert answer.vaults == {}
