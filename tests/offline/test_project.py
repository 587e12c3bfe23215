"""Projects on disk: what is run, with which Python, for which stack."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from offline_harness import Project
from pulumi_cloudbackup.engine.project import ProjectError, choose_stack, open_project


def test_a_plain_project(project: Project) -> None:
    """Its __main__.py, with this Python."""
    found = open_project(project.program("").folder)
    assert (found.name, found.program, found.program_folder) == ("shop", ".", project.folder.resolve())
    assert found.interpreter == Path(sys.executable)
    assert found.stacks == ()


@pytest.mark.parametrize(
    ("main", "folder", "program"),
    [("src", "src", "."), ("src/app.py", "src", "app.py"), ("./src/../src", "src", "."), ("", "", ".")],
)
def test_main(project: Project, main: str, folder: str, program: str) -> None:
    """A folder or a file; it runs where it is."""
    project.program("").write("src/__main__.py", "").write("src/app.py", "")
    project.write("Pulumi.yaml", f'name: shop\nruntime: python\nmain: "{main}"\n')
    found = open_project(project.folder)
    assert (found.program_folder, found.program) == ((project.folder / folder).resolve(), program)


@pytest.mark.parametrize("options", ["virtualenv: venv", "{toolchain: uv, virtualenv: venv}", "toolchain: uv"])
def test_virtual_environments(project: Project, options: str) -> None:
    """The one that Pulumi.yaml names is used where it is there."""
    project.program("").write(
        "Pulumi.yaml", f"name: shop\nruntime:\n  name: python\n  options: {{{options.strip('{}')}}}\n"
    )
    folder = project.folder / ("venv" if "venv" in options else ".venv")
    missing = open_project(project.folder)
    assert (missing.missing_environment, missing.interpreter) == (folder, Path(sys.executable))
    project.write(f"{folder.name}/bin/python", "#!/bin/sh\n")
    (folder / "bin/python").chmod(0o755)
    found = open_project(project.folder)
    assert (found.virtual_environment, found.interpreter) == (folder, folder / "bin/python")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("name: shop\nruntime: nodejs\n", "the runtime is nodejs", id="another runtime"),
        pytest.param("name: shop\n", "the runtime is not given", id="no runtime"),
        pytest.param("runtime: python\n", "a project needs a name", id="no name"),
        pytest.param("", "a project needs a name", id="empty"),
        pytest.param("name: [", "Pulumi.yaml: line ", id="broken"),
        pytest.param("- a\n", "should hold keys with values", id="a list"),
        pytest.param("name: shop\nruntime: python\nmain: src\n", "main is src, which does not exist", id="no main"),
        pytest.param("name: shop\nruntime: python\nmain: 5\n", "main should be a path", id="main is a number"),
        pytest.param("name: shop\nruntime: python\nmain: empty\n", "there is no __main__.py in", id="no program"),
    ],
)
def test_what_cannot_be_run(project: Project, text: str, words: str) -> None:
    """The message names the file."""
    (project.folder / "empty").mkdir()
    project.program("").write("Pulumi.yaml", text)
    with pytest.raises(ProjectError, match="Pulumi.yaml|__main__.py") as error:
        open_project(project.folder)
    assert words in str(error.value)


def test_what_is_no_project(tmp_path: Path) -> None:
    """A folder without a Pulumi.yaml, a file, nothing at all, and names that no file can have."""
    (tmp_path / "file").write_text("")
    (tmp_path / "bytes").mkdir()
    (tmp_path / "bytes/Pulumi.yaml").write_bytes(b"\xff\xfe\xff")
    for path, words in (
        (tmp_path, "there is no Pulumi.yaml in"),
        (tmp_path / "file", "is not a directory"),
        (tmp_path / "none", "does not exist"),
        (tmp_path / "bytes", "not a text in UTF-8"),
        (Path("x" * 5000), "too long"),
        (Path("a\0b"), "does not exist"),
    ):
        with pytest.raises(ProjectError, match=words):
            open_project(path)


@pytest.mark.parametrize(
    ("files", "written", "who", "values"),
    [
        pytest.param([], None, ("check", "organization"), {}, id="none"),
        pytest.param(["dev"], None, ("dev", "organization"), {"shop:of": "dev"}, id="the only one"),
        pytest.param(["dev", "prod"], None, ("check", "organization"), {}, id="several, none chosen"),
        pytest.param(["dev", "prod"], "prod", ("prod", "organization"), {"shop:of": "prod"}, id="chosen"),
        pytest.param(["dev"], "acme/dev", ("dev", "acme"), {"shop:of": "dev"}, id="with its organization"),
        pytest.param(["dev"], "acme/shop/dev", ("dev", "acme"), {"shop:of": "dev"}, id="in full"),
        pytest.param(["dev"], "new", ("new", "organization"), {}, id="without a file"),
        pytest.param(["a.b"], None, ("a.b", "organization"), {"shop:of": "a.b"}, id="with a dot"),
    ],
)
def test_stacks(
    project: Project, files: list[str], written: str | None, who: tuple[str, str], values: dict[str, str]
) -> None:
    """The one that is named, or the only one that has a file."""
    project.program("")
    for file in files:
        project.write(f"Pulumi.{file}.yaml", f"config:\n  of: {file}\n")
    found = choose_stack(open_project(project.folder), written, {})
    assert (found.name, found.organization) == who
    assert found.configuration.values == values


@pytest.mark.parametrize("written", ["", "a/b/c/d", "a:b", "a b", "a/", "x" * 101, "a\nb"])
def test_what_is_no_stack(project: Project, written: str) -> None:
    """It would name a file elsewhere, or none."""
    with pytest.raises(ProjectError, match="is not the name of a stack"):
        choose_stack(open_project(project.program("").folder), written, {})


def test_other_places(project: Project) -> None:
    """Stack files in a folder of their own, and ESC environments, which are not read."""
    project.program("").write("Pulumi.yaml", "name: shop\nruntime: python\nstackConfigDir: stacks\n")
    project.write("stacks/Pulumi.dev.yaml", "environment: [acme/dev]\nconfig: {a: 1}\n")
    found = choose_stack(open_project(project.folder), None, {})
    assert (found.configuration.values, found.environments) == ({"shop:a": "1"}, ("acme/dev",))


def test_a_broken_stack_file(project: Project) -> None:
    """It is named."""
    project.program("").write("Pulumi.dev.yaml", "config: [1]\n")
    with pytest.raises(ProjectError, match=r"Pulumi\.dev\.yaml: config in the stack's file should hold"):
        choose_stack(open_project(project.folder), None, {})
