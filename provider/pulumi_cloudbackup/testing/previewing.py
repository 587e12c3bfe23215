"""Running a program for its preview, without the Pulumi CLI or on the real engine."""

from __future__ import annotations

import difflib
import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pulumi_cloudbackup.engine.configuration import full_key
from pulumi_cloudbackup.engine.exported import StateError, read_export
from pulumi_cloudbackup.engine.offline_plan import ENCRYPTED, Surroundings, preview_offline, refuse_another_stack
from pulumi_cloudbackup.engine.outcome import Failure
from pulumi_cloudbackup.engine.project import ProjectError, choose_stack, open_project
from pulumi_cloudbackup.engine.stack_plan import PreviewFailedError as Rejected
from pulumi_cloudbackup.estate import EstateError
from pulumi_cloudbackup.planning import PlanError
from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.testing.preview import Preview
from pulumi_cloudbackup.testing.programs import PICKLED, Program, folder_of
from pulumi_cloudbackup.testing.wrongs import PreviewFailedError, UsageError

if TYPE_CHECKING:
    from pulumi_cloudbackup.engine.project import Project, Stack
    from pulumi_cloudbackup.engine.stack_plan import StackPlan

Engine: TypeAlias = Literal["offline", "real"]
State: TypeAlias = "str | Path | Mapping[str, Any] | None"
Results: TypeAlias = Mapping[str, Mapping[str, Any]]

ENGINES: Final = ("offline", "real")
PROJECT: Final = "program"
"""The name of the project that a function is the program of."""
_SECONDS: Final = 120.0
_EXPORT: Final = "Write it with: pulumi stack export --show-secrets --file FILE"
_MISSING: Final = re.compile(r"--config (\S+?)=VALUE")
"""What a preview offline says of configuration that is missing; whether it is secret, it does not."""
_GIVEN: Final = r"config={'\1': VALUE}, or with secrets={'\1': VALUE} where it is secret"
_SET: Final = re.compile(
    r"please set a value using the command `pulumi config set (?P<secret>--secret )?(?P<key>\S+) <value>`"
)
"""What the SDK says of configuration that is missing."""
_UNANSWERED: Final = re.compile(r"^Not known without its provider, and None here: (?P<token>[^,]*)(, .*)?\.$")
_ANSWER: Final = r"\g<0> Give it with functions={'\g<token>': {...}}."
_HINTS: Final = {
    'unknown stack "': "A StackReference finds what the test gives: "
    "stack_outputs={'organization/PROJECT/STACK': {...}}.",
    "organization name must be 'organization'": "The real engine has a backend of its own here, which knows "
    "'organization' alone: a program that refers to stacks of another organization can be tested offline.",
}
"""What a test can do about what Pulumi says."""


@dataclass(frozen=True)
class Asked:
    """What a test asks for."""

    stack: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    state: State = None
    stack_outputs: Results = field(default_factory=dict)
    functions: Results = field(default_factory=dict)
    project: str = PROJECT
    timeout: float = _SECONDS

    def state_text(self) -> str | None:
        """Return the state as text; raise UsageError where it is no file or document, or cannot be read."""
        __tracebackhide__ = True
        if self.state is None:
            return None
        if isinstance(self.state, Mapping):
            try:
                return json.dumps(self.state)
            except (TypeError, ValueError) as error:
                raise UsageError(f"The state cannot be written as JSON: {error}.") from None
        if not isinstance(self.state, (str, Path)):
            raise UsageError(f"A state is a file or a document, and no {type(self.state).__name__}. {_EXPORT}")
        try:
            return Path(self.state).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"The state {str(self.state)[:200]} cannot be read: {reason}. {_EXPORT}") from None


def preview(program: Program, *, engine: Engine = "offline", **asked: Any) -> Preview:
    """Preview a program.

    :param program: The directory of a Pulumi project, or a function that takes no arguments and declares resources.
    :param engine: ``offline``: without the Pulumi CLI, an account or network; ``real``: ``pulumi preview`` on a backend
        of its own. The live account is asked in neither.
    :param stack: The stack whose configuration is used; absent: the only one that has a file.
    :param config: Configuration that wins over the stack's, by key: texts, numbers, truth values, lists, objects. Keys
        without a namespace are the project's.
    :param secrets: The same for secret values; encrypted values of the stack's file are stood in for otherwise.
    :param state: What there is: a file of ``pulumi stack export``, or its document; absent: nothing.
    :param stack_outputs: Outputs of other stacks by the name in a ``StackReference``.
    :param functions: What functions of other providers return, by token; offline only.
    :param project: The name of the project that a function is the program of.
    :param timeout: Seconds that the program may run, on the real engine the whole preview.
    :raises PreviewFailedError: The program failed, or cannot be previewed.
    :raises UsageError: Something was asked for that there is not.
    :raises CannotBeOfferedError: The real engine cannot be given what was given.
    """
    __tracebackhide__ = True
    given = read_options(asked)
    if engine not in ENGINES:
        raise UsageError(f"There is no engine {engine!r}: it is {' or '.join(ENGINES)}.")
    state = given.state_text()
    with folder_of(program, given.project) as folder:
        try:
            project = open_project(folder)
            stack = choose_stack(project, given.stack, {})
            _refuse_another_stack(project, stack, given)
            stack = configured(project, stack, given)
            shown = _previewed(engine, project, stack, state, given)
        except ProjectError as error:
            raise PreviewFailedError(str(error)) from None
        except EstateError as error:
            raise PreviewFailedError(f"{error}. {ENCRYPTED}") from None
        except (StateError, PlanError, Refusal) as error:
            raise PreviewFailedError(str(error)) from None
        except Rejected as error:
            raise PreviewFailedError(explained(error)) from None
    if isinstance(shown, Failure):
        raise PreviewFailedError(_in_words(shown, project, stack))
    return Preview(shown, engine)


def refuse_unusable(state: str | None, project: Project, stack: Stack) -> None:
    """Refuse a state that cannot be read, or is another stack's, before Pulumi sees it; raise StateError."""
    __tracebackhide__ = True
    if state is not None:
        refuse_another_stack(read_export(state), project, stack)


def explained(error: Rejected) -> str:
    """Return why a preview on the real engine failed, with what a test can do."""
    said = _SET.sub(_as_option, str(error))
    hints = [hint for sign, hint in _HINTS.items() if sign in said]
    return "\n".join(("The preview failed:", said, *hints))


def _as_option(found: re.Match[str]) -> str:
    """Return what a test gives in the place of a command that sets configuration."""
    return f"Give it with {'secrets' if found['secret'] else 'config'}={{'{found['key']}': VALUE}}."


def _refuse_another_stack(project: Project, stack: Stack, given: Asked) -> None:
    """Refuse a stack that has no configuration where others have one, and none is given; raise UsageError."""
    __tracebackhide__ = True
    if given.stack is not None and stack.file is None and project.stacks and not given.config:
        raise UsageError(f'Stack "{stack.name}" has no configuration; there are {", ".join(project.stacks)}.')


def _previewed(engine: Engine, project: Project, stack: Stack, state: str | None, given: Asked) -> StackPlan | Failure:
    __tracebackhide__ = True
    surroundings = Surroundings(given.stack_outputs, given.functions)
    if engine == "real":
        from pulumi_cloudbackup.testing.real import preview_real  # noqa: PLC0415 - only where it is asked for

        refuse_unusable(state, project, stack)  # an offline preview does so where it reads the state
        return preview_real(project, stack, state, surroundings, seconds=given.timeout)
    return preview_offline(project, stack, state, seconds=given.timeout, surroundings=surroundings)


def read_options(asked: Mapping[str, Any]) -> Asked:
    """Read the options; raise UsageError where one is not known or of no usable kind."""
    __tracebackhide__ = True
    known = inspect.signature(Asked).parameters
    for name in asked:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Is {near[0]} meant?" if near else f" There are {', '.join(known)}."
            raise UsageError(f"A preview has no option {name}.{hint}")
    given = Asked(**asked)
    _refuse_wrong_kinds(given)
    return given


def _refuse_wrong_kinds(given: Asked) -> None:
    """Refuse options of no usable kind; raise UsageError."""
    __tracebackhide__ = True
    for name in ("config", "secrets", "stack_outputs", "functions"):
        value = getattr(given, name)
        if not isinstance(value, Mapping):
            raise UsageError(f"{name} is a dictionary by name, and no {type(value).__name__}.")
        if not all(isinstance(key, str) for key in value):
            raise UsageError(f"{name} is a dictionary by name: its keys are texts.")
    for name in ("stack_outputs", "functions"):
        for key, value in getattr(given, name).items():
            if not isinstance(value, Mapping):
                raise UsageError(f"{name}: what is given for {key} is a dictionary, and no {type(value).__name__}.")
            _as_text(f"{name}: {key}", value)
    if isinstance(given.timeout, bool) or not isinstance(given.timeout, (int, float)) or given.timeout <= 0:
        raise UsageError(f"timeout is a number of seconds above 0, and not {given.timeout!r}.")
    for name in ("stack", "project"):
        value = getattr(given, name)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{name} is a name, and no {type(value).__name__}.")


def configured(project: Project, stack: Stack, given: Asked) -> Stack:
    """Return a stack with the configuration of a test; raise UsageError where that is no configuration."""
    __tracebackhide__ = True
    values = dict(stack.configuration.values)
    secret, stood_in = set(stack.configuration.secret_keys), set(stack.configuration.stood_in)
    for entries, is_secret in ((given.config, False), (given.secrets, True)):
        for written, value in entries.items():
            key = full_key(project.name, written)
            values[key] = _as_text(key, value)
            stood_in.discard(key)
            if is_secret:
                secret.add(key)
    configuration = replace(
        stack.configuration, values=values, secret_keys=frozenset(secret), stood_in=tuple(sorted(stood_in))
    )
    return replace(stack, configuration=configuration)


def _as_text(key: str, value: Any) -> str:
    __tracebackhide__ = True
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        raise UsageError(f"{key} cannot be written as JSON: {value!r}.") from None


def _in_words(failure: Failure, project: Project, stack: Stack) -> str:
    lines = [failure.summary, *(line for line in failure.lines if PICKLED not in line)]
    lines = [line.replace("--timeout SECONDS", "timeout=SECONDS") for line in lines]
    lines = [_MISSING.sub(_GIVEN, line) for line in lines]
    lines = [_UNANSWERED.sub(_ANSWER, line) for line in lines]
    if stack.file is None and project.stacks:
        lines.append(f"No stack was chosen: stack= is one of {', '.join(project.stacks)}.")
    elif stack.configuration.stood_in:
        keys = ", ".join(stack.configuration.stood_in)
        lines.append(f"Encrypted configuration is stood in for; secrets= gives values: {keys}.")
    return "\n".join(lines)
