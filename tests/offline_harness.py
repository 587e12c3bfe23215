"""Pulumi projects for tests without the CLI: a folder, the command line in this process, and programs hosted here."""

from __future__ import annotations

import contextvars
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from pulumi_cloudbackup.engine.hosting import Job, host
from pulumi_cloudbackup.engine.messages import Messages
from pulumi_cloudbackup.engine.monitor import Monitor

IMPORTS = "import pulumi\nfrom pulumi_cloudbackup import ExistingVault, MirrorVault, Vault\n"
GOOD = 'orders = Vault("orders", region_id="cn-hangzhou")\n'
BAD = 'Vault("bad", region_id="cn-hangzhou", vault_name="")\n'
RESOURCES = """
import asyncio
import pulumi
from pulumi.dynamic import CheckResult, CreateResult, Resource, ResourceProvider

class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult("id", props)

class Thing(Resource):
    a: pulumi.Output[str]
    o: pulumi.Output[str]
    def __init__(self, name, opts=None, **inputs):
        super().__init__(Provider(), name, {"o": None, **inputs}, opts)

class Foreign(pulumi.CustomResource):
    a: pulumi.Output[str]
    def __init__(self, name, opts=None, **inputs):
        super().__init__("acme:index/thing:Thing", name, {"o": None, **inputs}, opts)

def tell(label, output):
    async def told():
        value = await output.future(with_unknowns=True)
        known, secret = await output.is_known(), await output.is_secret()
        words = f"{value if known else None} {'known' if known else 'unknown'}{' secret' if secret else ''}"
        pulumi.log.info(f"{label}={words}")
    asyncio.ensure_future(told())
"""
"""What the programs of ``hosted`` begin with: resources of our own kind and of another provider, and a teller."""
COMMAND = [sys.executable, "-m", "pulumi_cloudbackup.cli"]


@dataclass(frozen=True)
class Run:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What it printed, which must be JSON and nothing else."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def codes(self) -> list[str]:
        return [problem["code"] for problem in self.json["problems"]]

    def failed(self) -> Run:
        """Insist on a failure that is told without a word of ours in it."""
        assert (self.code, self.out) == (1, ""), (self.code, self.out, self.err)
        for word in ("Traceback", "site-packages", "pulumi_cloudbackup/", "runpy", "asyncio/", "bug in"):
            assert word not in self.err, self.err
        return self


@dataclass
class Project:
    """A Pulumi project in a folder."""

    folder: Path
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def __post_init__(self) -> None:
        self.write("Pulumi.yaml", "name: shop\nruntime: python\n")

    def write(self, name: str, text: str) -> Project:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
        return self

    def program(self, text: str) -> Project:
        return self.write("__main__.py", IMPORTS + dedent(text))

    def check(self, *arguments: str, seconds: float = 60) -> Run:
        """Check it with the command line, in another process and from the folder itself."""
        done = subprocess.run(
            [*COMMAND, "check", *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def check_json(self, *arguments: str) -> Run:
        return self.check("--format", "json", *arguments)


@dataclass(frozen=True)
class Hosted:
    """A program that was hosted in this process."""

    error: BaseException | None
    monitor: Monitor
    told: list[str]
    """What it said with ``pulumi.log``."""

    def ok(self) -> Hosted:
        if self.error is not None:
            raise self.error
        return self

    def one(self, name: str) -> Any:
        (found,) = [one for one in self.monitor.registrations if one.name == name]
        return found


def hosted(folder: Path, text: str, configuration: dict[str, str] | None = None, **settings: Any) -> Hosted:
    """Host a program in this process; the SDK keeps its settings in a context, which ends here."""
    (folder / "__main__.py").write_text(RESOURCES + dedent(text))
    monitor = Monitor("shop", "dev", **settings)
    told: list[str] = []
    job = Job("shop", "dev", "organization", str(folder), str(folder), configuration or {})
    try:
        error = contextvars.copy_context().run(host, job, monitor, Messages(told.append))
    finally:
        monitor.close()
    return Hosted(error, monitor, told)
