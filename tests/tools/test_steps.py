"""How steps are told, run and stopped."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import steps
from bare_machine import TOOLS


def run(code: str, log: Path, **options: object) -> int:
    return steps.run([sys.executable, "-c", code], log=log, environment=os.environ, **options)  # type: ignore[arg-type] # options vary by test


def test_output_and_exit_code_of_a_program(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = run("import sys; print('one'); print('two\\n', file=sys.stderr); sys.exit(3)", log)
    assert (code, sorted(steps.read(log).split()), steps.last_line(log)) == (3, ["one", "two"], "two")


def test_program_has_no_standard_input(tmp_path: Path) -> None:
    assert run("import sys; sys.exit(len(sys.stdin.read()))", tmp_path / "log") == 0


def test_what_the_system_refuses_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        return len((tmp_path / "missing").read_text())

    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    code = steps.guarded(main)
    signal.signal(signal.SIGTERM, handlers[0])
    signal.signal(signal.SIGHUP, handlers[1])
    assert code == 1
    assert capsys.readouterr().err == f"setup: [Errno 2] No such file or directory: '{tmp_path}/missing'\n"


def test_long_step_says_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "PROGRESS_SECONDS", 0.2)
    code = "import time; print('half', flush=True); time.sleep(0.6)"
    run(code, tmp_path / "log", progress=lambda log: f"{log.strip()} done")
    assert "s: half done\n" in capsys.readouterr().err


def test_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    patience = steps.Patience(total=0.3, stall=60.0, arrived=lambda: 0)
    with pytest.raises(steps.StalledError, match="it was not done after"):
        run("import time; time.sleep(60)", tmp_path / "log", patience=patience)


def test_program_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(steps.SetupError, match=r"/nowhere cannot be run: No such file"):
        steps.run(["/nowhere"], log=tmp_path / "log", environment={})


def test_step_says_what_it_does_and_that_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with steps.step("Doing it"):
        assert capsys.readouterr().err == "setup: Doing it ...\n"
    assert capsys.readouterr().err.startswith("setup: ... done in 0.0 s")


@pytest.mark.parametrize(
    ("duration", "expected"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (60.0, "1 min 00 s"), (185.6, "3 min 06 s")]
)
def test_durations_are_written_for_a_person(duration: float, expected: str) -> None:
    assert steps.seconds(duration) == expected


def test_lock_lets_one_in_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = []

    def second() -> None:
        with steps.exclusive(tmp_path / "lock", "waiting"):
            order.append("second")

    thread = threading.Thread(target=second)
    with steps.exclusive(tmp_path / "lock", "never said"):
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert capsys.readouterr().err == "setup: waiting\n"


def test_lock_outlives_a_killed_holder_until_its_program_has_ended(tmp_path: Path) -> None:
    """Otherwise the next run would write to the same files as that program."""
    program = """
import time
from pathlib import Path
Path("started").touch()
time.sleep(1)
Path("done").touch()
"""
    holder = f"""
import os, sys, threading, time
sys.path.insert(0, {str(TOOLS)!r})
import steps
from pathlib import Path
here = Path({str(tmp_path)!r})
def die_once_it_runs():
    while not (here / "started").exists():
        time.sleep(0.01)
    os.kill(os.getpid(), 9)
with steps.exclusive(here / "lock", "") as held:
    threading.Thread(target=die_once_it_runs).start()
    steps.run([sys.executable, "-c", {program!r}], log=here / "log", environment={{}}, directory=here, held=held)
"""
    killed = subprocess.run([sys.executable, "-c", holder], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "done").exists()
    with steps.exclusive(tmp_path / "lock", "waiting"):
        assert (tmp_path / "done").exists()
