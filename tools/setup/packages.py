"""Device packages into lib/: pinned by version and sha256, never edited, never committed. Those
that the firmware is only measured beside lie apart, in .cache/rivals, and no board gets them.

`python -m tools.setup.packages` prints lib/README.md anew after a change to the lock file."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tools.tables import markdown
from tools.workshop import CACHE, ROOT, Console, SetupError

LOCK = Path(__file__).with_name("packages.lock.json")
ARCHIVES = CACHE / "src"
LIB = ROOT / "lib"
README = LIB / "README.md"  # the only file there that git knows
RIVALS_LOCK = Path(__file__).with_name("rivals.lock.json")
RIVALS = CACHE / "rivals"


@dataclass(frozen=True)
class Pin:
    name: str
    version: str
    licence: str
    serves: str
    sha256: str
    take: dict[str, str]  # path in the archive -> path in lib

    @property
    def archive(self) -> str:
        return f"{self.name}-{self.version}.tar.gz"


def pins(lock: Path = LOCK) -> list[Pin]:
    return [Pin(**entry) for entry in json.loads(lock.read_text())]


def there() -> bool:
    """Everything that is taken of each package lies in lib/."""
    return all_in(LIB, pins())


def rivals_there() -> bool:
    return all_in(RIVALS, pins(RIVALS_LOCK))


def all_in(folder: Path, wanted: list[Pin]) -> bool:
    return all((folder / target).exists() for pin in wanted for target in pin.take.values())


def readme() -> str:
    rows = (
        (p.name, p.version, p.licence, p.serves, ", ".join(f"`{t}`" for t in p.take.values()))
        for p in pins()
    )
    lines = [
        "# Packages of the device",
        "",
        "Fetched by `make`, never edited, never committed: archives of PyPI by version and hash",
        "(`tools/setup/packages.lock.json`), of which the files named here are taken. An image",
        "freezes only what the firmware imports (`tools/image/manifests/islet.py`).",
        "",
        "Printed by `python -m tools.setup.packages`; do not edit.",
        "",
        *markdown("package | version | licence | what for | taken", rows),
    ]
    return "\n".join(lines) + "\n"


def install(console: Console) -> None:
    bring(console, "device packages into lib/", pins(), LIB, readme())


def install_rivals(console: Console) -> None:
    bring(console, "what islet is measured beside", pins(RIVALS_LOCK), RIVALS)


def bring(console: Console, what: str, wanted: list[Pin], folder: Path, says: str = "") -> None:
    """Fetch what is not there yet, check all of it, and only then replace what is there."""
    console.say(f"{what}: " + ", ".join(f"{p.name} {p.version}" for p in wanted))
    ARCHIVES.mkdir(parents=True, exist_ok=True)
    fresh = CACHE / f"{folder.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for pin in wanted:
        archive = ARCHIVES / pin.archive
        if not archive.exists():
            fetch(console, pin)
        unpack(pin, archive, fresh)
    if says:
        fresh.joinpath(README.name).write_text(says)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.replace(folder)


def fetch(console: Console, pin: Pin) -> None:
    """Some of them have no setup.py, so pip refuses them; unearth only downloads."""
    request = [f"{pin.name}=={pin.version}", "--no-binary", "--download", ARCHIVES]
    remedy = "see that pip can reach its package index, then again"
    console.run([ROOT / ".venv/bin/unearth", *request, *index_options()], remedy=remedy)


def index_options() -> list[str]:
    """unearth does not read pip's configuration; the address of the index is there."""
    pip = [ROOT / ".venv/bin/python", "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, capture_output=True, text=True, check=True).stdout
    values = dict(line.split("=", 1) for line in listed.splitlines() if "=" in line)
    for key in (":env:.index-url", "global.index-url"):
        if key in values:
            return ["--index-url", values[key].strip("'\"")]
    return []


def unpack(pin: Pin, archive: Path, lib: Path) -> None:
    """Check the archive and take its files; a wrong one leaves no trace in `lib`."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != pin.sha256:
        archive.unlink()
        raise SetupError(
            f"{pin.archive} is not what the lock file pins\n"
            f"    sha256 expected {pin.sha256}\n    sha256 received {digest}",
            "again, which downloads it anew; if it stays so, do not trust that package index",
        )
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, path = member.name.partition("/")
            if member.isfile() and (target := destination(pin, path)):
                file = lib / target
                file.parent.mkdir(parents=True, exist_ok=True)
                content = tar.extractfile(member)
                file.write_bytes(content.read() if content else b"")


def destination(pin: Pin, path: str) -> str | None:
    """Where in lib a file of the archive goes; most go nowhere."""
    for source, target in pin.take.items():
        if path == source:
            return target
        if path.startswith(f"{source}/") and ".." not in path:
            return target + path.removeprefix(source)
    return None


if __name__ == "__main__":
    README.write_text(readme())
