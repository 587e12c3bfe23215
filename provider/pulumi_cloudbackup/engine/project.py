"""A Pulumi project on disk: Pulumi.yaml, the stacks' files beside it, and how its program is run.

Reads files and decides nothing about vaults. Does not import Pulumi, so that a command line starts quickly.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.engine.configuration import Configuration, configuration_of
from pulumi_cloudbackup.engine.documents import DocumentError, read

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT_FILES: Final = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
_STACK_FILE: Final = re.compile(r"Pulumi\.(?P<stack>.+)\.(?:yaml|yml|json)$")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}$")
_UNNAMED: Final = "check"
"""The name of a stack that nobody has named."""
_NO_ORGANIZATION: Final = "organization"
"""What the CLI itself says where a backend knows no organizations."""


class ProjectError(Exception):
    """A project cannot be run; the message says which file is the reason."""


@dataclass(frozen=True)
class Project:
    """A Python project."""

    name: str
    """The name in Pulumi.yaml."""
    folder: Path
    """The folder of Pulumi.yaml, absolute."""
    program_folder: Path
    """Where the program runs."""
    program: str
    """What is run there: ``.`` for its ``__main__.py``, or a file's name."""
    interpreter: Path
    """The Python that runs it."""
    virtual_environment: Path | None
    """The environment of that Python, where Pulumi.yaml names one that is there."""
    missing_environment: Path | None
    """The environment that Pulumi.yaml names, where it is not there."""
    stack_folder: Path
    """Where the stacks' files are."""
    declared: object = None
    """What stands under ``config`` in Pulumi.yaml."""

    @property
    def stacks(self) -> tuple[str, ...]:
        """The names of the stacks that have a file, sorted."""
        try:
            names = os.listdir(self.stack_folder)  # noqa: PTH208 - names are all that is wanted
        except OSError:
            return ()
        found = (_STACK_FILE.match(name) for name in names)
        return tuple(sorted({one["stack"] for one in found if one}))


@dataclass(frozen=True)
class Stack:
    """The stack that a program is run for."""

    name: str
    """Without organization and project."""
    organization: str
    """The organization, or what the CLI says where there is none."""
    configuration: Configuration
    """What the program is given."""
    file: Path | None
    """The file that was read; ``None``: there is none, or none was chosen."""
    environments: tuple[str, ...] = ()
    """Pulumi ESC environments that the file imports, and that were not read."""


def open_project(folder: Path) -> Project:
    """Return the project in a folder; raise ProjectError."""
    try:
        return _project(folder)
    except OSError as error:
        raise ProjectError(f"{str(folder)[:100]}: {error.strerror}") from None


def choose_stack(project: Project, written: str | None, given: Mapping[str, str]) -> Stack:
    """Return the stack to run for; raise ProjectError.

    ``written``: ``NAME``, ``ORGANIZATION/NAME`` or ``ORGANIZATION/PROJECT/NAME``; ``None``: the only one that has a
    file, and without configuration where none or several have one.
    """
    name, organization = _UNNAMED, _NO_ORGANIZATION
    if written is not None:
        *owner, name = written.split("/")
        if len(owner) > 2 or not all(_NAME.match(part) for part in (*owner, name)):  # noqa: PLR2004 - see above
            raise ProjectError(f'"{written}" is not the name of a stack')
        organization = owner[0] if owner else organization
    elif len(project.stacks) == 1:
        (name,) = project.stacks
    chosen = written is not None or len(project.stacks) == 1
    candidates = (project.stack_folder / f"Pulumi.{name}.{ending}" for ending in ("yaml", "yml", "json"))
    file = next((one for one in candidates if one.is_file()), None) if chosen else None
    document = _read(file) if file else {}
    try:
        configuration = configuration_of(project.name, project.declared, document.get("config"), given)
    except DocumentError as error:
        raise ProjectError(f"{file or project.folder}: {error}") from None
    return Stack(name, organization, configuration, file, _environments(document.get("environment")))


def _project(folder: Path) -> Project:
    if not folder.is_dir():
        raise ProjectError(f"{folder} is not a directory" if folder.exists() else f"{folder} does not exist")
    file = next((folder / name for name in PROJECT_FILES if (folder / name).is_file()), None)
    if file is None:
        raise ProjectError(f"there is no Pulumi.yaml in {folder}; give the directory of a Pulumi project")
    document = _read(file)
    name, runtime = document.get("name"), document.get("runtime")
    if not isinstance(name, str) or not name:
        raise ProjectError(f"{file}: a project needs a name")
    options = runtime.get("options") if isinstance(runtime, dict) else None
    language = runtime.get("name") if isinstance(runtime, dict) else runtime
    if language != "python":
        raise ProjectError(f"{file}: the runtime is {language or 'not given'}; only python programs can be checked")
    root = folder.resolve()
    program_folder, program = _program(file, root, document.get("main"))
    environment = _environment(root, options if isinstance(options, dict) else {})
    interpreter = _interpreter(environment) if environment else None
    return Project(
        name=name,
        folder=root,
        program_folder=program_folder,
        program=program,
        interpreter=interpreter or Path(sys.executable),
        virtual_environment=environment if interpreter else None,
        missing_environment=environment if interpreter is None else None,
        stack_folder=_stack_folder(root, document),
        declared=document.get("config") if not isinstance(document.get("config"), str) else None,
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        document = read(file.read_text(encoding="utf-8"))
    except DocumentError as error:
        raise ProjectError(f"{file}: {error}") from None
    except UnicodeDecodeError:
        raise ProjectError(f"{file}: not a text in UTF-8") from None
    except OSError as error:
        raise ProjectError(f"{file}: {error.strerror}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ProjectError(f"{file}: should hold keys with values")
    return document


def _program(file: Path, root: Path, main: object) -> tuple[Path, str]:
    """Return where a program runs, and what is run there, as the CLI decides it."""
    if main is not None and (not isinstance(main, str) or "\0" in main):
        raise ProjectError(f"{file}: main should be a path")
    place = root / main if main else root
    if not place.exists():
        raise ProjectError(f"{file}: main is {main}, which does not exist")
    if place.is_file():
        return place.parent.resolve(), place.name
    if not (place / "__main__.py").is_file():
        raise ProjectError(f"there is no __main__.py in {place}")
    return place.resolve(), "."


def _environment(root: Path, options: Mapping[str, Any]) -> Path | None:
    written = options.get("virtualenv") or (".venv" if options.get("toolchain") == "uv" else None)
    return root / written if isinstance(written, str) and "\0" not in written else None


def _interpreter(environment: Path) -> Path | None:
    for candidate in (environment / "bin" / "python", environment / "Scripts" / "python.exe"):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    return None


def _stack_folder(root: Path, document: Mapping[str, Any]) -> Path:
    """Return where the stacks' files are; ``config`` held that folder before it held values."""
    for written in (document.get("stackConfigDir"), document.get("config")):
        if isinstance(written, str) and "\0" not in written:
            return root / written
    return root


def _environments(written: object) -> tuple[str, ...]:
    imports = written.get("imports") if isinstance(written, dict) else written
    return tuple(one for one in imports if isinstance(one, str)) if isinstance(imports, list) else ()
