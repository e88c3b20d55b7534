# islet: plant a mistake in a copy of the project, and ask the tests that reach it.
# GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tools import reach
from tools.mutate.operators import Mistake
from tools.workshop import CACHE, ROOT

HOME = CACHE / "mutate"
OWN = {
    "folded",
    "bytecode",
    "lock",
    "logs",
    "mutate",
}  # a copy's own; the rest of .cache is shared
EACH_FILE_S = 15  # of tests that are measured: a file's later ones are not asked
PATIENCE_S = 120  # beyond four times the budget: a mistake that hangs is found


@dataclass
class Verdict:
    mistake: Mistake
    by: str  # the test that found it; "" where none did
    asked: int  # how many tests ran


@dataclass
class Copy:
    """A copy of the project. Nothing in the working tree changes."""

    number: int
    _ticks: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def path(self) -> Path:
        return HOME / f"copy-{self.number}"

    def make(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            if not name.startswith("lib/") and (ROOT / name).is_file():
                (self.path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.path / name)
        (self.path / ".cache").mkdir()
        for entry in CACHE.iterdir():
            if entry.name not in OWN:
                (self.path / ".cache" / entry.name).symlink_to(entry.resolve())
        for name in ("lib", ".venv"):
            (self.path / name).symlink_to((ROOT / name).resolve())
        for place in {sys.prefix, sys.base_prefix} if sys.pycache_prefix else ():
            kept = Path(sys.pycache_prefix or "") / place.lstrip("/")
            if kept.is_dir():  # bytecode of what is installed
                link = self.path / ".cache" / "bytecode" / place.lstrip("/")
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(kept)

    def ask(self, files: list[str], seconds: dict[str, float], near: list[str], budget: float):
        """Run tests until one fails; with no known seconds all of them. What the plugin wrote."""
        plan, out = self.path / ".cache" / "plan.json", self.path / ".cache" / "out.json"
        out.unlink(missing_ok=True)
        told = {"seconds": seconds, "near": near, "budget": budget, "out": str(out)}
        plan.write_text(json.dumps(told))
        command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "tools.mutate.watch"]
        command += [
            "-p",
            "no:cacheprovider",
            "--no-header",
            "--tb=no",
            *(["-x"] if seconds else []),
        ]
        for name in ("xdist.plugin", "pytest_timeout"):
            command += ["-p", name]
        own = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self.process = subprocess.Popen(
            [*command, *files],
            cwd=self.path,
            env={
                **own,
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "ISLET_WATCH": str(plan),
                "PYTHONPATH": str(self.path),
                "PYTHONPYCACHEPREFIX": str(self.path / ".cache" / "bytecode"),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = self.process.wait(budget * 4 + PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.stop()
            return {"took": {}, "failed": ["time is up"]}
        if out.exists():
            said = json.loads(out.read_text())
            if code in (0, 5) or said["failed"]:
                return said
        return {"took": {}, "failed": ["the tests cannot be read"]}

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def plant(self, mistake: Mistake, files: list[str], seconds: dict[str, float], budget: float):
        near = [f for f in files if f.startswith(f"tests_host/{mistake.room.partition('/')[0]}/")]
        target = self.path / mistake.file
        text = target.read_text()
        try:
            self._write(target, mistake.planted(text))
            said = self.ask(files, seconds, near, budget)
        finally:
            self._write(target, text)
        return Verdict(mistake, (said["failed"] or [""])[0], len(said["took"]))

    def _write(self, target: Path, text: str) -> None:
        """With a time of its own: bytecode of a text of the same length would be taken for it."""
        target.write_text(text)
        self._ticks += 1
        made = target.stat().st_mtime + self._ticks
        os.utime(target, (made, made))


class Seconds:
    """How long each test takes where nothing is planted, and which are green there; kept."""

    def __init__(self) -> None:
        self._file = HOME / "seconds.json"
        self._kept = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._lock = threading.Lock()
        digest = hashlib.sha256()
        for path in sorted((ROOT / "firmware").rglob("*.py")):
            digest.update(path.read_bytes())
        self._firmware = digest.hexdigest()[:16]
        self.red: set[str] = set()

    def _key(self, file: str) -> str:
        text = (ROOT / file).read_bytes()
        return self._firmware + hashlib.sha256(text).hexdigest()[:16]

    def missing(self, files: list[str]) -> list[str]:
        return [f for f in files if self._kept.get(f, {}).get("key") != self._key(f)]

    def measure(self, copy: Copy, file: str) -> None:
        said = copy.ask([file], {}, [], EACH_FILE_S)
        took = {t: s for t, s in said["took"].items() if t not in said["failed"]}
        with self._lock:
            self._kept[file] = {"key": self._key(file), "took": took, "failed": said["failed"]}
            self._file.write_text(json.dumps(self._kept))

    def of(self, files: list[str]) -> dict[str, float]:
        found: dict[str, float] = {}
        for file in files:
            found.update(self._kept[file]["took"])
            self.red |= set(self._kept[file]["failed"])
        return found


def files_of(mistake: Mistake, far: bool) -> list[str]:
    near, others = reach.tests(ROOT, mistake.file)
    return near + (others if far or not near else [])
