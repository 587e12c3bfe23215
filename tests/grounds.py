"""Stacks that are deployed once and copied: whoever changes one starts from the same vaults, and none sees another."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

from typing_extensions import Self

from engine_harness import MUTATING, Project, Service
from pulumi_cloudbackup.cli import main
from pulumi_cloudbackup.emulator import Emulator, Settings
from pulumi_cloudbackup.estate.owner import readable_owner, split_description

SETTINGS = Settings(initializing_seconds=0.0)


@dataclass(frozen=True)
class Ground:
    """One stack, and the service that it lives in."""

    project: Project
    service: Service

    def names(self) -> dict[str, str]:
        """Return the resource names of all vaults by id, as their owner markers have them."""
        owners = {id_: split_description(one["Description"] or "").owner for id_, one in self.service.vaults().items()}
        return {id_: readable_owner(owner).rpartition("/")[2] for id_, owner in owners.items() if owner}

    def mirrors(self, known: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
        """Return where each mirror is and what it copies: ``{"orders-dr": "in cn-shanghai copies orders"}``.

        ``known``: names of vaults by id, those that are lost included.
        """
        names, vaults = self.names(), self.service.vaults()
        return {
            names[id_]: f"in {one['VaultRegionId']} copies {_source(one['ReplicationSourceVaultId'], names, known)}"
            for id_, one in sorted(vaults.items(), key=lambda item: names[item[0]])
            if one["Replication"]
        }


@dataclass(frozen=True)
class Did:
    """What one run of our command did, in this process."""

    code: int
    out: str
    err: str


def cloudbackup(project: Project, command: str, *arguments: str) -> Did:
    """Run a command about the stack of a project."""
    out, err = io.StringIO(), io.StringIO()
    separator = list(arguments).index("--") if "--" in arguments else len(arguments)
    own, passed_on = arguments[:separator], arguments[separator:]
    place = () if command == "release" else (str(project.folder),)
    with (
        mock.patch.dict(os.environ, project.env, clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main([command, *own, *place, "--stack", project.stack, *passed_on])
    did = Did(code, out.getvalue(), err.getvalue())
    assert "/pulumi_cloudbackup/" not in did.err, did.err
    assert "This is a bug" not in did.err, did.err
    return did


class Grounds:
    """All stacks that were deployed so far."""

    def __init__(self, files: Mapping[str, str] = MappingProxyType({})) -> None:
        """Start with none; ``files``: what stands beside every program, by name."""
        self._files = files
        self._exits = ExitStack()
        self._place = Path(self._exits.enter_context(tempfile.TemporaryDirectory()))
        self._deployed: dict[str, Path] = {}
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    @contextlib.contextmanager
    def of(self, program: str) -> Iterator[Ground]:
        """Give a stack of its own in which a program is deployed; an empty one: it was never updated."""
        if program not in self._deployed:
            self._deployed[program] = self._deploy(program)
        folder = self._new_folder()
        shutil.copytree(self._deployed[program], folder, dirs_exist_ok=True)
        with self._opened(folder) as ground:
            ground.project._initialised = True
            yield ground

    def _deploy(self, program: str) -> Path:
        folder = self._new_folder()
        with self._opened(folder) as ground:
            for name, text in self._files.items():
                (ground.project.folder / name).write_text(text)
            ground.project.program(program).run("stack", "ls").ok()
            if program:
                ground.project.up().ok()
        shutil.rmtree(folder / "pulumi-home", ignore_errors=True)
        return folder

    @contextlib.contextmanager
    def _opened(self, folder: Path) -> Iterator[Ground]:
        with Emulator(SETTINGS, state=folder / "service.db") as emulator:
            service = Service(emulator.url)
            yield Ground(Project(folder, service), service)

    def _new_folder(self) -> Path:
        self._count += 1
        folder = self._place / f"{self._count}"
        folder.mkdir()
        return folder


def _source(id_: str, names: Mapping[str, str], known: Mapping[str, str]) -> str:
    return names[id_] if id_ in names else f"{known.get(id_, id_)}, which is lost"


def calls_of(ground: Ground, since: int, names: dict[str, str]) -> list[str]:
    """Tell the mutating calls since one, by the names of the resources; refused ones carry their code."""
    names = {**names, **ground.names()}
    told = []
    for call in ground.service.calls(since):
        if call["action"] in MUTATING:
            code = "" if str(call["code"]) == "200" else f" [{call['code']}]"
            told.append(f"{call['action']} {_name(call['parameters'], names)}{code}")
    return told


def _name(parameters: dict[str, Any], names: dict[str, str]) -> str:
    owner = split_description(parameters.get("Description") or "").owner
    if owner:
        return readable_owner(owner).rpartition("/")[2]
    id_ = parameters.get("VaultId") or parameters.get("ResourceId.1") or ""
    return names.get(id_, id_)
