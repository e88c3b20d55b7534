"""Device packages: pinned, checked, importable."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from tests_host.conftest import RunDevice
from tools.setup import packages
from tools.workshop import SetupError


@pytest.mark.parametrize(
    "statement",
    [
        "from umqtt.simple import MQTTClient",
        "from microdot import Microdot",
    ],
)
def test_package_imports_on_the_device(run_device: RunDevice, statement: str) -> None:
    run_device(statement)


def pin_of(folder: Path) -> packages.Pin:
    """A package of one file, packed into `folder`, with the right hash."""
    pin = packages.Pin(
        "thing", "1.0", "MIT", "tests", "", {"src/thing": "thing", "LICENSE": "thing/LICENSE"}
    )
    with tarfile.open(folder / pin.archive, "w:gz") as tar:
        for name in ("src/thing/__init__.py", "src/thing/../../evil.py", "LICENSE", "setup.py"):
            entry = tarfile.TarInfo(f"thing-1.0/{name}")
            entry.size = 5
            tar.addfile(entry, io.BytesIO(b"x = 1"))
    return replace(pin, sha256=sha256((folder / pin.archive).read_bytes()).hexdigest())


def test_lib_says_what_is_pinned_there() -> None:
    assert packages.README.read_text() == packages.readme()


def test_lib_is_there_with_its_last_file_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone has lib/, with its README: that alone is no package."""
    monkeypatch.setattr(packages, "LIB", tmp_path)
    targets = [target for pin in packages.pins() for target in pin.take.values()]
    for target in targets:
        assert not packages.there(), target
        (tmp_path / target).mkdir(parents=True, exist_ok=True)
    assert packages.there()


def test_what_islet_is_measured_beside_lies_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No board gets it: `make flash` and the images take from lib/ alone."""
    assert not packages.RIVALS.is_relative_to(packages.LIB)
    rivals = packages.pins(packages.RIVALS_LOCK)
    assert rivals and not {pin.name for pin in rivals} & {pin.name for pin in packages.pins()}
    assert packages.rivals_there()
    monkeypatch.setattr(packages, "RIVALS", tmp_path)
    assert not packages.rivals_there()


def test_git_takes_of_lib_the_readme_alone() -> None:
    lines = (packages.ROOT / ".gitignore").read_text().splitlines()
    assert lines.index("!/lib/README.md") > lines.index("/lib/*")


def test_distclean_leaves_of_lib_the_readme_alone(tmp_path: Path) -> None:
    shutil.copy(packages.ROOT / "Makefile", tmp_path)
    (tmp_path / "lib/thing").mkdir(parents=True)
    for name in ("README.md", "thing/x.py", "old.py"):
        (tmp_path / "lib" / name).touch()
    subprocess.run(["make", "-s", "distclean"], cwd=tmp_path, check=True)
    assert [path.name for path in (tmp_path / "lib").iterdir()] == ["README.md"]


def test_takes_only_what_is_listed(tmp_path: Path) -> None:
    pin = pin_of(tmp_path)
    packages.unpack(pin, tmp_path / pin.archive, tmp_path / "lib")
    files = {file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()}
    assert files == {
        Path(pin.archive),
        Path("lib/thing/__init__.py"),
        Path("lib/thing/LICENSE"),
    }


def test_a_wrong_hash_stops_with_a_clear_error(tmp_path: Path) -> None:
    pin = replace(pin_of(tmp_path), sha256="0" * 64)
    with pytest.raises(SetupError) as caught:
        packages.unpack(pin, tmp_path / pin.archive, tmp_path / "lib")
    assert "thing-1.0.tar.gz is not what the lock file pins" in str(caught.value)
    assert "0" * 64 in str(caught.value)
    assert caught.value.remedy
    assert not (tmp_path / "lib").exists()
