"""What every host test may ask for: our MicroPython, and a way to run a script in it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests_host.order import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests_host.order import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler
from tools.image import folded

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

# What starts the tests with SIGINT ignored (nohup, a job in the background) means their own, not
# those of the programs that they start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

RunDevice = Callable[..., str]
# with -c the working folder comes first, whose firmware/ is not folded
_NOT_HERE = "__import__('sys').path.remove('')\n"


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
