"""What the files of this repository must not give away, and what they must say."""

import re
import subprocess
from pathlib import Path

import pytest

from bare_machine import TOOLS

REPOSITORY = TOOLS.parent

# Each is written so that this file does not match it.
FORBIDDEN = [
    r"(?<![\w.-])/root[/]",
    r"(?<![\w.-])/work[/]",
    r"(?<![\w.-])/home[/]\w",
    r"(?<![\w.-])/Users[/]\w",
    r"(?<![\w.-])/opt/whe[e]ls",
    r"--(?:extra-)?index[-]url",
    r"--find[-]links",
    r"--trusted[-]host",
    r"(?:PIP|UV)_(?:EXTRA_|DEFAULT_)?INDE[X]",
    r"GOPROX[Y]=",
    r" [@] (?:https?|file|git)",
    r"(?:pypi|pythonhosted)[.]org/(?:simple|packages)",
    r"proxy[.]golang[.]org",
    r"registry[.]npmjs",
    r"https?://(?:[^/@\s]+@)?(?:10|192[.]168|172[.](?:1[6-9]|2\d|3[01]))[.]\d",
]


def files() -> list[Path]:
    """Return what is in the repository or would be after `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := REPOSITORY / name).is_file()]


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="not a git clone")
def test_no_file_names_a_package_index_or_a_path_of_one_machine() -> None:
    pattern = re.compile("|".join(FORBIDDEN))
    given_away = [
        f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()[:120]}"
        for path in files()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert given_away == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-build.txt"])
def test_every_requirement_is_pinned_with_hashes_and_the_header_says_how(name: str) -> None:
    text = (REPOSITORY / name).read_text()
    assert text.splitlines()[1].strip() == "#    make lock"
    entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^ *#.*\n", "", text))
    assert len(entries) > 0
    assert [entry for entry in entries if not re.match(r"[a-z0-9.-]+==\S+ .*\\\n +--hash=sha256:", entry)] == []


def test_continuous_integration_is_a_program() -> None:
    subprocess.run(["bash", "-n", REPOSITORY / ".ci" / "run"], check=True)
