"""The real provider host, driven over gRPC as the engine does: pickling, unknowns, errors, threads, watchdog."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from engine_harness import Service, free_port
from pulumi_cloudbackup.resources.mirror_provider import MirrorVaultProvider
from pulumi_cloudbackup.resources.refusal import Refusal, refusing
from pulumi_cloudbackup.resources.vault_provider import VaultProvider

PICKLES: dict[type[ResourceProvider], str] = {
    VaultProvider: "gASVRAAAAAAAAACMK3B1bHVtaV9jbG91ZGJhY2t1cC5yZXNvdXJjZXMudmF1bHRfcHJvdmlkZXKUjA1WYXVsdFByb3ZpZGVylJOUKYGULg==",
    MirrorVaultProvider: "gASVSwAAAAAAAACMLHB1bHVtaV9jbG91ZGJhY2t1cC5yZXNvdXJjZXMubWlycm9yX3Byb3ZpZGVylIwTTWlycm9yVmF1bHRQcm92aWRlcpSTlCmBlC4=",
}
OWNER = "shop/dev/orders#aaaaaaaaaaaaaaaa"


class Host:
    """One provider host process and its client."""

    def __init__(self, folder: Path, env: dict[str, str], engine: str = "127.0.0.1:1") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.dynamic", engine],
            cwd=folder,
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        port = self.process.stdout.readline().strip()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)
        self.stub.Configure(provider_pb2.ConfigureRequest(args=self.struct({})))

    def struct(self, properties: dict[str, Any]) -> Any:
        return asyncio.run(rpc.serialize_properties(properties, {}))

    def check(self, news: dict[str, Any], provider: Any = None) -> Any:
        properties = {"__provider": serialize_provider(provider or VaultProvider()), **news}
        return self.stub.Check(provider_pb2.CheckRequest(olds=self.struct({}), news=self.struct(properties)))

    def create(self, news: dict[str, Any]) -> Any:
        properties = {"__provider": serialize_provider(VaultProvider()), **news}
        return self.stub.Create(provider_pb2.CreateRequest(properties=self.struct(properties)))

    def close(self) -> None:
        self.channel.close()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def host(tmp_path: Path, service: Service) -> Iterator[Host]:
    host = Host(tmp_path, {"CLOUDBACKUP_ENDPOINT": service.url})
    yield host
    host.close()


@pytest.mark.parametrize("provider", PICKLES)
def test_the_pickle_is_a_contract(provider: type[ResourceProvider]) -> None:
    """By reference, and the same for ever: it is in every state of every user."""
    assert serialize_provider(provider()) == PICKLES[provider]


def test_check_fills_in_defaults_and_keeps_unknowns(host: Host) -> None:
    """Complete inputs; what the engine does not know yet stays unknown."""
    answer = host.check({"region_id": "cn-hangzhou", "owner": OWNER, "vault_name": rpc.UNKNOWN})
    inputs = rpc.deserialize_properties(answer.inputs, True)
    assert list(answer.failures) == []
    assert inputs["vault_type"] == "STANDARD"
    assert inputs["force_destroy"] is False
    assert type(inputs["vault_name"]).__name__ == "Unknown"


def test_a_shape_that_no_rule_can_judge_is_a_failure_not_a_traceback(host: Host) -> None:
    """CB100 names the argument."""
    answer = host.check(
        {"region_id": "cn-hangzhou", "owner": OWNER, "tags": "team", "timeout": -1, "worm_enabled": "yes"}
    )
    assert {failure.property for failure in answer.failures} == {""}, "the engine prints the value of a named property"
    reasons = [failure.reason for failure in answer.failures]
    assert all(reason.startswith('CB100: "orders": ') for reason in reasons)
    assert {reason.split()[2] for reason in reasons} == {"tags", "timeout", "worm_enabled"}


def test_an_error_is_shown_without_a_traceback(host: Host) -> None:
    """Also what the service says, in our words."""
    with pytest.raises(grpc.RpcError) as raised:
        host.create({"region_id": "cn-hangzhou", "owner": OWNER, "vault_type": "X", "encrypt_type": "HBR_PRIVATE"})
    assert str(raised.value.details()).startswith("CreateVault failed with InvalidParameter")
    with pytest.raises(grpc.RpcError) as raised:
        host.create({"owner": OWNER})
    assert str(raised.value.details()).startswith('CB100: "orders": region_id is missing')


def test_a_bug_of_ours_is_one_line() -> None:
    """What nobody foresaw asks for a report and shows neither text nor path of the exception."""

    @refusing
    def method() -> None:
        raise KeyError("hunter2")

    with pytest.raises(Refusal) as raised:
        method()
    assert str(raised.value).startswith("KeyError in test_host.py:")
    assert "This is a bug in the provider, please report it" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_many_vaults_are_waited_for_at_once(host: Host, service: Service) -> None:
    """Twelve creates that take a second each take little more together: not three rounds of four."""
    service.fault(action="CreateVault", fault="slow", seconds=1.0, times=12)
    names = [f"{'a' * 14}{letter}" for letter in "abcdefghijkl"]
    start = time.monotonic()
    with ThreadPoolExecutor(12) as pool:
        jobs = [
            pool.submit(
                host.create,
                {
                    "region_id": "cn-hangzhou",
                    "vault_name": "v",
                    "vault_type": "STANDARD",
                    "encrypt_type": "HBR_PRIVATE",
                    "owner": f"s/d/v#{name}a",
                },
            )
            for name in names
        ]
        assert len({job.result().id for job in jobs}) == 12
    assert len(service.vaults()) == 12
    assert time.monotonic() - start < 60


def test_the_host_ends_itself_when_its_engine_is_gone(tmp_path: Path, service: Service) -> None:
    """Its parent lives on, as the shell between them does; the engine's address does not answer any more."""
    engine = socket.create_server(("127.0.0.1", free_port()))
    host = Host(tmp_path, {"CLOUDBACKUP_ENDPOINT": service.url}, f"127.0.0.1:{engine.getsockname()[1]}")
    try:
        host.check({"region_id": "cn-hangzhou", "owner": OWNER})
        assert host.process.poll() is None
        engine.close()
        assert host.process.wait(timeout=20) == 3
    finally:
        host.close()
