"""What every host test may ask for: our MicroPython, and a way to run a script in it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests_host import kept
from tests_host.order import pytest_collection as pytest_collection
from tests_host.order import pytest_collection_finish as pytest_collection_finish
from tests_host.order import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests_host.order import pytest_make_collect_report as pytest_make_collect_report
from tests_host.order import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler
from tools import kernels
from tools.image import folded

kernels.install()

ROOT = Path(__file__).resolve().parents[1]
MICROPYTHON = ROOT / ".cache" / "bin" / "micropython"

# No verdict may depend on how fast this machine is, and `make test` gives the same one each time;
# `make soak` looks further, at random.
settings.register_profile(
    "islet", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "soak", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "islet"))

MARK = "ISLET_TESTS"  # in the environment of whatever the tests of one process start

RunDevice = Callable[..., str]
# with -c the working folder comes first, whose firmware/ is not folded
_NOT_HERE = "__import__('sys').path.remove('')\n"


@pytest.fixture
def kernels_as_text() -> Iterator[None]:
    """For tests that change a kernel's own numbers or parts."""
    with kernels.as_text():
        yield


@pytest.fixture(scope="session", autouse=True)
def signals() -> None:
    """What starts the tests with a signal ignored (nohup, a job in the background) means them, not
    the programs that they start and interrupt. A handler that does nothing is not inherited."""
    for each in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        if signal.getsignal(each) is signal.SIG_IGN:
            signal.signal(each, lambda *_: None)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left() -> Iterator[None]:
    """A run that a failed test left would last for ever."""
    mark = f"{MARK}={os.getpid()}"
    os.environ[MARK] = str(os.getpid())
    kept.tidy()
    yield
    for pid in started(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def started(mark: str) -> list[int]:
    """Processes with this in their environment as they were started, but for this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


@pytest.fixture(scope="session")
def micropython() -> Path:
    """Our interpreter; `make test` builds it."""
    assert MICROPYTHON.exists(), "no interpreter: run `make test`, which builds it"
    return MICROPYTHON


@pytest.fixture(scope="session")
def run_device(micropython: Path) -> RunDevice:
    """Run a script (a path, or the text itself) in MicroPython; returns what it printed.

    sys.path is `path` (folders that shadow, if any), the folded firmware, the repository, lib.
    """

    def run(script: Path | str, *path: Path, timeout: float = 60, heap: str = "4m") -> str:
        env = {**os.environ, "MICROPYPATH": folded.path(*path)}
        command = [str(micropython), "-X", f"heapsize={heap}"]
        command += [str(script)] if isinstance(script, Path) else ["-c", _NOT_HERE + script]
        done = subprocess.run(
            command,
            env=env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
