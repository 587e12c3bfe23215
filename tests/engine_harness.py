"""Real Pulumi projects for tests: the real CLI, a file backend in a temporary folder, our emulator as the service."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx

import pulumi_cli

MUTATING = ("CreateVault", "CreateReplicationVault", "UpdateVault", "DeleteVault", "TagResources", "UntagResources")


_STACKS: dict[tuple[str, str], tuple[bytes, dict[Path, bytes]]] = {}
"""What a stack that was never updated has written, by Pulumi.yaml and stack: its settings, and the files of its backend."""
_find = cache(pulumi_cli.find)


@dataclass(frozen=True)
class Run:
    """What one command of the CLI did."""

    code: int
    output: str
    """What it printed, runs of blanks made one: the engine aligns columns."""
    calls: list[str]
    """What the service saw, in order, mutating calls only: ``CreateVault orders``."""

    def ok(self) -> Run:
        """Insist on success."""
        assert self.code == 0, self.output
        return self

    def failed(self) -> Run:
        """Insist on failure without a traceback."""
        assert self.code != 0, self.output
        assert "Traceback" not in self.output
        return self


@dataclass
class Service:
    """The emulator, seen from outside: its control surface."""

    url: str
    names: dict[str, str] = field(default_factory=dict)

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = self._get("calls", since=since)
        return calls

    def wait_for(self, action: str, since: int, seconds: float = 60.0) -> None:
        """Wait until the service has seen an action."""
        end = time.monotonic() + seconds
        while not any(call["action"] == action for call in self.calls(since)):
            assert time.monotonic() < end, f"the service never saw {action}"
            time.sleep(0.05)

    def wait_for_fault(self, seconds: float = 60.0) -> None:
        """Wait until every fault that was ordered has met its call, which a slow one still holds."""
        end = time.monotonic() + seconds
        while faults := self._get("faults"):
            assert time.monotonic() < end, f"never met: {faults}"
            time.sleep(0.05)

    def last(self) -> int:
        return max((call["seq"] for call in self.calls()), default=0)

    def vaults(self) -> dict[str, dict[str, Any]]:
        vaults = {vault["VaultId"]: vault for vault in self._get("vaults")}
        self.names |= {id_: vault["VaultName"] for id_, vault in vaults.items()}
        return vaults

    def by_name(self, name: str) -> dict[str, Any]:
        (vault,) = [vault for vault in self.vaults().values() if vault["VaultName"] == name]
        return vault

    def patch(self, name: str, **fields: Any) -> None:
        self.patch_id(self.by_name(name)["VaultId"], **fields)

    def patch_id(self, vault_id: str, **fields: Any) -> None:
        answer = httpx.patch(f"{self.url}/_emulator/vaults/{vault_id}", json=fields)
        assert answer.status_code == 200, answer.text

    def lose(self, name: str) -> str:
        """Let a disaster take a vault."""
        vault_id: str = self.by_name(name)["VaultId"]
        self.lose_id(vault_id)
        return vault_id

    def lose_id(self, vault_id: str) -> None:
        answer = httpx.delete(f"{self.url}/_emulator/vaults/{vault_id}")
        assert answer.status_code in (200, 204), answer.text

    def fault(self, **fault: Any) -> None:
        answer = httpx.post(f"{self.url}/_emulator/faults", json=fault)
        assert answer.is_success, answer.text

    def reset_faults(self) -> None:
        httpx.delete(f"{self.url}/_emulator/faults").raise_for_status()

    def advance(self, seconds: float) -> None:
        httpx.post(f"{self.url}/_emulator/clock", json={"advance_seconds": seconds}).raise_for_status()

    def reset(self) -> None:
        httpx.post(f"{self.url}/_emulator/reset", json={}).raise_for_status()
        self.names.clear()

    def mutations(self, since: int) -> list[str]:
        """Tell the mutating calls since one, by the names of the vaults; refused ones carry their code."""
        told = []
        self.vaults()
        for call in self.calls(since):
            if call["action"] not in MUTATING:
                continue
            parameters = call["parameters"]
            id_ = parameters.get("VaultId") or parameters.get("ResourceId.1") or ""
            name = parameters.get("VaultName") if call["action"].startswith("Create") else self.names.get(id_, id_)
            code = "" if str(call["code"]) == "200" else f" [{call['code']}]"
            told.append(f"{call['action']} {name}{code}")
        return told

    def _get(self, what: str, **query: Any) -> Any:
        answer = httpx.get(f"{self.url}/_emulator/{what}", params=query)
        answer.raise_for_status()
        body = answer.json()
        return body.get(what, body) if isinstance(body, dict) else body


class Project:
    """One Pulumi project with one stack."""

    def __init__(self, parent: Path, service: Service, *, name: str = "shop", stack: str = "dev") -> None:
        self.folder, self.service, self.name, self.stack = parent / name, service, name, stack
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
        self.env = environment(parent, service.url)
        self._initialised = False

    def program(self, text: str) -> Project:
        """Write the program; ``pulumi`` and our names are imported already."""
        head = "import pulumi\nfrom pulumi_cloudbackup import ExistingVault, MirrorVault, Vault\n"
        (self.folder / "__main__.py").write_text(head + dedent(text))
        return self

    def preview(self, *arguments: str) -> Run:
        return self.run("preview", "--diff", *arguments)

    def up(self, *arguments: str) -> Run:
        return self.run("up", "--yes", "--skip-preview", "--non-interactive", *arguments)

    def refresh(self, *arguments: str) -> Run:
        return self.run("refresh", "--yes", "--skip-preview", "--diff", *arguments)

    def destroy(self, *arguments: str) -> Run:
        return self.run("destroy", "--yes", "--skip-preview", *arguments)

    def config(self, key: str, value: str, *arguments: str) -> Run:
        return self.run("config", "set", *arguments, key, value)

    def run(self, *arguments: str) -> Run:
        if not self._initialised:
            self._initialised = True
            self._make_stack()
        before = self.service.last()
        self.service.vaults()
        done = self._pulumi(*arguments, *(() if arguments[0] == "stack" else ("--stack", self.stack)))
        return Run(done.returncode, re.sub(" +", " ", done.stdout), self.service.mutations(before))

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the stack's resources by name."""
        done = self._pulumi("stack", "export", "--stack", self.stack, "--show-secrets")
        resources = json.loads(done.stdout)["deployment"].get("resources", [])
        return {resource["urn"].split("::")[-1]: resource for resource in resources}

    def urn(self, kind: str, name: str) -> str:
        return f"urn:pulumi:{self.stack}::{self.name}::pulumi-python:dynamic/cloudbackup:{kind}::{name}"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and let it run; the test kills it."""
        self.run("stack", "ls")
        return subprocess.Popen(
            ["pulumi", *arguments, "--cwd", str(self.folder), "--color", "never", "--stack", self.stack],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _make_stack(self) -> None:
        """Make the stack: the first of a name by a command, the others as copies of what that has written."""
        settings, backend = self.folder / f"Pulumi.{self.stack}.yaml", Path(self.env["HOME"]) / "backend"
        key = (self.folder / "Pulumi.yaml").read_text(), self.stack
        made = _STACKS.get(key)
        is_new = not settings.exists() and not any(backend.iterdir())
        if made is None or not is_new:
            self._pulumi("stack", "select", "--create", self.stack)
            if is_new:
                written = {
                    file.relative_to(backend): file.read_bytes() for file in backend.rglob("*") if file.is_file()
                }
                _STACKS[key] = settings.read_bytes(), written
            return
        text, files = made
        settings.write_bytes(text)
        for place, content in files.items():
            (backend / place).parent.mkdir(parents=True, exist_ok=True)
            (backend / place).write_bytes(content)

    def _pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments, "--cwd", str(self.folder), "--color", "never"],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )


def free_port() -> int:
    """Return a port for whoever must be told one; the system gives higher ones to those who take any, at any moment."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def environment(folder: Path, url: str | None) -> dict[str, str]:
    """Return a hermetic environment: nothing of the developer's own accounts, projects or settings."""
    found = _find()
    assert found is not None, "no Pulumi CLI: run `make setup` first"
    backend = folder / "backend"
    backend.mkdir(parents=True, exist_ok=True)
    kept = {key: os.environ[key] for key in ("LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT") if key in os.environ}
    env = {
        **kept,
        "HOME": str(folder),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), str(found.path.parent), os.environ["PATH"])),
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_HOME": str(folder / "pulumi-home"),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
        "PYTHONPATH": str(Path(__file__).with_name("quick_pip")),
    }
    if url is not None:
        env |= {
            "CLOUDBACKUP_ENDPOINT": url,
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "test",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
        }
    return env
