"""A stack on the real engine and an emulated service, for tests that deploy."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pulumi_cloudbackup.engine.exported import StateError
from pulumi_cloudbackup.engine.project import ProjectError, choose_stack, open_project
from pulumi_cloudbackup.engine.pulumi_cli import CliError
from pulumi_cloudbackup.engine.stack_plan import PreviewFailedError as Rejected
from pulumi_cloudbackup.engine.stack_plan import plan_stack
from pulumi_cloudbackup.testing.preview import Preview
from pulumi_cloudbackup.testing.previewing import configured, explained, read_options, refuse_unusable
from pulumi_cloudbackup.testing.programs import folder_of
from pulumi_cloudbackup.testing.real import Workspace
from pulumi_cloudbackup.testing.wrongs import PreviewFailedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from pulumi import automation

    from pulumi_cloudbackup.testing.programs import Program
    from pulumi_cloudbackup.testing.service import EmulatedService

_NOT_HERE = ("functions", "timeout")


class DeployedStack:
    """A stack of a program; what it makes lives in the emulated service, and its state in a folder of the test."""

    def __init__(self, place: Path, exits: ExitStack, program: Program, service: EmulatedService, **asked: Any) -> None:
        """Make the stack; ``asked``: the options of a preview, but ``functions`` and ``timeout``.

        Raises UsageError, PreviewFailedError.
        """
        __tracebackhide__ = True
        given = read_options(asked)
        for name in _NOT_HERE:
            if name in asked:
                raise UsageError(f"A stack on the real engine has no option {name}.")
        self.service = service
        self._exits, self._place, self._given = exits, place, given
        self._count = 0
        self._use(program)

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs of the last update, secrets in clear."""
        return {name: one.value for name, one in self._automation().outputs().items()}

    def change(self, program: Program) -> DeployedStack:
        """Go on with another program: the state stays."""
        state = self._workspace.cli.export_state(show_secrets=True)
        self._given = replace(self._given, state=None)
        self._use(program, state)
        return self

    def preview(self) -> Preview:
        """Preview the program on the real engine, with the emulated service asked as a live account is.

        Raises PreviewFailedError.
        """
        __tracebackhide__ = True
        try:
            with _set(self._workspace.environment):
                return Preview(plan_stack(self._workspace.cli), "real")
        except Rejected as error:
            raise PreviewFailedError(explained(error)) from None
        except CliError as error:
            raise PreviewFailedError(str(error)) from None

    def up(self) -> automation.UpResult:
        """Update the stack; raise pulumi.automation.CommandError where that fails."""
        __tracebackhide__ = True
        return self._automation().up()

    def destroy(self) -> automation.DestroyResult:
        """Delete everything; raise pulumi.automation.CommandError where that fails."""
        __tracebackhide__ = True
        return self._automation().destroy()

    def refresh(self) -> automation.RefreshResult:
        """Bring the state up to date with the service; raise pulumi.automation.CommandError where that fails."""
        __tracebackhide__ = True
        return self._automation().refresh()

    def _use(self, program: Program, state: str | None = None) -> None:
        __tracebackhide__ = True
        self._count += 1
        place = self._place / f"{self._count}"
        place.mkdir(parents=True)
        folder = self._exits.enter_context(folder_of(program, self._given.project))
        try:
            project = open_project(folder)
            stack = configured(project, choose_stack(project, self._given.stack, {}), self._given)
            text = state if state is not None else self._given.state_text()
            refuse_unusable(text, project, stack)
            self._workspace = Workspace(place, project, stack, self.service.environment, preflight="on")
            for name, outputs in self._given.stack_outputs.items():
                self._workspace.add_stack(name, outputs)
            self._workspace.prepare(text)
        except (ProjectError, StateError, CliError) as error:
            raise PreviewFailedError(str(error)) from None
        self._name = stack.name

    def _automation(self) -> automation.Stack:
        from pulumi import automation  # noqa: PLC0415 - heavy, and only for deployments

        return automation.select_stack(
            self._name,
            work_dir=str(self._workspace.folder),
            opts=automation.LocalWorkspaceOptions(env_vars=self._workspace.environment),
        )


@contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for a while: what plans a stack asks the service itself."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
