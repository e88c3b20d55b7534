"""Style and types of everything, and known faults of the chip's compiler: what `make lint` and the
tests run."""

from __future__ import annotations

import argparse
import subprocess
import sys

from tools.workshop import ROOT

TOOLS = ROOT / ".venv" / "bin"
CHECKS = (
    ("ruff", "check", "--quiet", "."),
    ("ruff", "format", "--check", "."),
    ("pyright",),
    ("pyright", "-p", "pyright-device.json"),
    ("python", "-m", "tools.image.faults"),
)


def check(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run one of the checks in the repository; the caller reads the outcome."""
    argv = [str(TOOLS / command[0]), *command[1:]]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def passed(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode == 0


def main() -> int:
    argparse.ArgumentParser(prog="make lint", description=__doc__).parse_args()
    failed = 0
    for command in CHECKS:
        done = check(command)
        print(f"{'ok    ' if done.returncode == 0 else 'FAILED'} {' '.join(command)}")
        if done.returncode:
            failed = 1
            print(done.stdout + done.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
