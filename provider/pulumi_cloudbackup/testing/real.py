"""Previews on the real engine, for tests: on a backend of their own, which is gone afterwards.

The project is not touched: a directory beside it names the same program, and holds the stack's configuration.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.engine.documents import read
from pulumi_cloudbackup.engine.offline_plan import NOTHING_GIVEN, Surroundings
from pulumi_cloudbackup.engine.pulumi_cli import NOTHING_MORE, CliError, PulumiCli, Reason, find_pulumi
from pulumi_cloudbackup.engine.stack_plan import plan_stack
from pulumi_cloudbackup.engine.values import has_encrypted
from pulumi_cloudbackup.testing.wrongs import CannotBeOfferedError, PreviewFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pulumi_cloudbackup.engine.event_stream import Observed
    from pulumi_cloudbackup.engine.outcome import Failure
    from pulumi_cloudbackup.engine.project import Project, Stack
    from pulumi_cloudbackup.engine.pulumi_cli import Asked
    from pulumi_cloudbackup.engine.stack_plan import StackPlan

_PROGRAM: Final = "program"
_PASSPHRASE: Final = "test"  # noqa: S105 - of a backend that lives as long as a test
_STACK_TYPE: Final = "pulumi:pulumi:Stack"
_ORGANIZATION: Final = "organization"
"""The organization that a backend of files knows."""
_NO_REASONS: Final = ("program exited with non-zero exit code", "could not read plugin")
"""What Pulumi says of a program or a provider that could not begin; why is then in what it only informs of."""


def preview_real(
    project: Project,
    stack: Stack,
    state: str | None,
    surroundings: Surroundings = NOTHING_GIVEN,
    *,
    seconds: float | None = None,
) -> StackPlan | Failure:
    """Preview a program with ``pulumi preview``, which is given up after some seconds.

    Raises as ``plan_stack`` does, and CannotBeOfferedError.
    """
    if surroundings.functions:
        raise CannotBeOfferedError(
            "functions= is for offline previews: on the real engine providers answer "
            f"({', '.join(surroundings.functions)})."
        )
    __tracebackhide__ = True
    with tempfile.TemporaryDirectory(prefix="cloudbackup-real-", ignore_cleanup_errors=True) as place:
        try:
            workspace = Workspace(Path(place), project, stack)
            for name, outputs in surroundings.stack_outputs.items():
                workspace.add_stack(name, outputs)
            workspace.prepare(state)
            return plan_stack(replace(workspace.cli, seconds=seconds))
        except CliError as error:
            more = " Give it more with timeout=SECONDS." if error.reason is Reason.TIMED_OUT else ""
            raise PreviewFailedError(f"Pulumi cannot preview the program: {error}{more}") from None


class ExplainingCli(PulumiCli):
    """The CLI; where a preview fails and its errors give no reason, everything that was said counts as the reason."""

    def preview(self, asked: Asked = NOTHING_MORE) -> Observed:
        """Preview, and return what the engine would do; raise CliError where it does not even begin."""
        observed = super().preview(asked)
        if not observed.failed or not all(_is_no_reason(one.message) for one in observed.errors):
            return observed
        told = (replace(one, severity="error") for one in observed.diagnostics)
        return replace(observed, diagnostics=tuple(told))


class Workspace:
    """A place in which the real CLI works on somebody's program, and on nothing else of theirs."""

    def __init__(
        self,
        place: Path,
        project: Project,
        stack: Stack,
        environment: Mapping[str, str] | None = None,
        *,
        preflight: str = "off",
    ) -> None:
        """Set the place up; raises CliError where there is no CLI. ``preflight``: whether the account is asked."""
        self._preflight = preflight
        self._project, self._stack = project, stack
        self.folder, backend = place / "project", place / "backend"
        for one in (self.folder, backend):
            one.mkdir()
        (self.folder / _PROGRAM).symlink_to(project.program_folder, target_is_directory=True)
        (self.folder / "Pulumi.yaml").write_text(json.dumps(self._document()), encoding="utf-8")
        self.environment = {
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": _PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_PYTHON_CMD": sys.executable,
            **(environment or {}),
        }
        self.cli = ExplainingCli(find_pulumi(), self.folder, stack.name, self.environment)

    def prepare(self, state: str | None) -> None:
        """Make the stack, with its configuration and what it has; raises CliError, CannotBeOfferedError."""
        self.pulumi("stack", "init", self._stack.name)
        self.configure(self._stack.configuration.values, self._stack.configuration.secret_keys)
        if state is not None:
            self._import(state, self._stack.name, self.folder)

    def configure(self, values: Mapping[str, str], secret: Iterable[str] = ()) -> None:
        """Write configuration."""
        secrets = frozenset(secret)
        words = [
            word
            for key, value in {**values, "cloudbackup:preflight": self._preflight}.items()
            for word in ("--secret" if key in secrets else "--plaintext", f"{key}={value}")
        ]
        self.pulumi("config", "set-all", *words, "--stack", self._stack.name)

    def add_stack(self, name: str, outputs: Mapping[str, Any]) -> None:
        """Put another stack beside, with outputs that the program may refer to; raises CannotBeOfferedError."""
        organization, project, stack = name.split("/") if name.count("/") == 2 else ("", "", "")  # noqa: PLR2004 - its parts
        if not organization or not project or not stack:
            raise CannotBeOfferedError(
                f'stack_outputs: "{name}" is not ORGANIZATION/PROJECT/STACK, as the real engine needs it.'
            )
        if organization != _ORGANIZATION:
            raise CannotBeOfferedError(
                f'stack_outputs: the real engine has a backend of its own here, which knows "{_ORGANIZATION}" alone, '
                f'and "{name}" is of the organization "{organization}".'
            )
        folder = self.folder.parent / f"other-{project}"
        folder.mkdir(exist_ok=True)
        (folder / "Pulumi.yaml").write_text(json.dumps({"name": project, "runtime": "python"}), encoding="utf-8")
        self.pulumi("stack", "init", stack, folder=folder)
        urn = f"urn:pulumi:{stack}::{project}::{_STACK_TYPE}::{project}-{stack}"
        resource = {"urn": urn, "custom": False, "type": _STACK_TYPE, "outputs": dict(outputs)}
        self._import(json.dumps({"version": 3, "deployment": {"manifest": {}, "resources": [resource]}}), stack, folder)

    def pulumi(self, *arguments: str, folder: Path | None = None) -> str:
        """Run a command; raises CliError-like words where it fails."""
        done = subprocess.run(  # noqa: S603 - the CLI that was found, and no shell
            [str(self.cli.executable), *arguments, "--cwd", str(folder or self.folder), "--non-interactive"],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            told = done.stderr.strip().removeprefix("error: ")
            raise PreviewFailedError(f"`pulumi {' '.join(arguments[:2])}` failed: {told}")
        return done.stdout

    def _import(self, state: str, stack: str, folder: Path) -> None:
        document = json.loads(state)
        deployment = document.get("deployment")
        if deployment is None:
            return
        if has_encrypted(deployment):
            raise CannotBeOfferedError(
                "The state holds encrypted secrets, which only its own backend can read: export it with --show-secrets."
            )
        settings = read((folder / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
        salt = settings.get("encryptionsalt") if isinstance(settings, dict) else None
        deployment["secrets_providers"] = {"type": "passphrase", "state": {"salt": salt}}
        file = self.folder.parent / "state.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(document), encoding="utf-8")
        try:
            self.pulumi("stack", "import", "--file", str(file), "--stack", stack, folder=folder)
        finally:
            file.unlink()

    def _document(self) -> dict[str, Any]:
        project = self._project
        environment = project.virtual_environment or _own_environment()
        options = {"virtualenv": str(environment)} if environment else {}
        main = _PROGRAM if project.program == "." else f"{_PROGRAM}/{project.program}"
        return {"name": project.name, "runtime": {"name": "python", "options": options}, "main": main}


def _own_environment() -> Path | None:
    """Return the virtual environment of this process, which runs what names none; ``None``: it has none."""
    return Path(sys.prefix) if sys.prefix != sys.base_prefix else None


def _is_no_reason(message: str) -> bool:
    return any(words in message for words in _NO_REASONS)
