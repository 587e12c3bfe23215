"""A machine of its own for each test: a PATH, a home and a place for tools that hold what the test puts there."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent / "tools"

FAKE_GO = """
import json, os, pathlib, sys, time
here = pathlib.Path(__file__).parent
arguments = sys.argv[1:]
if arguments[0] == "env":
    print(json.dumps({"GOVERSION": "go@VERSION@", "GOTOOLCHAIN": "@TOOLCHAIN@", "GOHOSTOS": "linux",
                      "GOHOSTARCH": "amd64", "GOMODCACHE": str(here / "mod"), "GOCACHE": str(here / "cache")}))
elif arguments[0] == "mod":
    for script in ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python"):
        (here / "sdk" / script).parent.mkdir(parents=True, exist_ok=True)
        (here / "sdk" / script).write_text("#!/bin/sh\\n")
    print(json.dumps({"Dir": str(here / "sdk")}, indent=1))
else:
    with (here / "builds").open("a") as calls:
        calls.write(json.dumps({"pid": os.getpid(), "package": arguments[-1], "GOFLAGS": os.environ["GOFLAGS"],
                                "GOOS": os.environ["GOOS"]}) + "\\n")
    time.sleep(@SECONDS@)
    program = pathlib.Path(arguments[arguments.index("-o") + 1])
    program.write_text("#!/bin/sh\\necho v3.259.0\\n")
    program.chmod(0o755)
"""


@dataclass(frozen=True)
class Machine:
    """What a test runs the tools on."""

    root: Path

    @property
    def path(self) -> Path:
        return self.root / "path"

    @property
    def tools(self) -> Path:
        return self.root / "tools folder"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": str(self.path),
            "HOME": str(self.root / "home"),
            "CLOUDBACKUP_TOOLS_DIR": str(self.tools),
            "PYTHONPATH": str(self.root / "modules"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def script(self, path: Path, text: str) -> Path:
        """Put an executable there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def pulumi(self, version: str, folder: Path | None = None, *, language_host: bool = True) -> Path:
        """Put a CLI on PATH, or in another folder."""
        folder = folder or self.path
        if language_host:
            self.script(folder / "pulumi-language-python", "exit 0")
        return self.script(folder / "pulumi", f"echo {version}")

    def go(self, *, version: str = "1.26.0", toolchain: str = "local", seconds: float = 0.0) -> None:
        """Put a Go on PATH that records its builds and makes a CLI of each."""
        text = FAKE_GO.replace("@VERSION@", version).replace("@TOOLCHAIN@", toolchain)
        (self.root / "go.py").write_text(text.replace("@SECONDS@", str(seconds)))
        self.script(self.path / "go", f'exec "{sys.executable}" -I -S "{self.root}/go.py" "$@"')

    def official(self, body: str) -> None:
        """Make `pulumi.automation.PulumiCommand.install(root)` do this."""
        package = self.root / "modules" / "pulumi"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("")
        indented = "\n".join(f"        {line}" for line in body.strip().splitlines())
        (package / "automation.py").write_text(
            "import os, pathlib, subprocess, sys, time\n"
            f"class PulumiCommand:\n    @classmethod\n    def install(cls, root):\n{indented}\n"
        )

    @property
    def builds(self) -> list[str]:
        """What the Go of `go` has recorded, one JSON object for each program that it built."""
        recorded = self.root / "builds"
        return recorded.read_text().splitlines() if recorded.exists() else []

    @property
    def left(self) -> list[str]:
        """What is in the place for tools, but for the lock."""
        return sorted(path.name for path in self.tools.glob("*") if path.name != "lock")


def eventually(holds: Callable[[], bool], limit: float = 10.0) -> bool:
    """Wait until something holds; False if it does not in time."""
    deadline = time.monotonic() + limit
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_running(process: int) -> bool:
    """Tell whether a process still runs; one that ended but was not waited for does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
