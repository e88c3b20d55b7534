"""What setup installs for an image, and what it says of the size."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.image import images
from tools.setup import debian, steps
from tools.workshop import ROOT, Console

APT = """#!/bin/sh
[ "$LC_ALL" = C ] || exit 9
case "$*" in *--assume-no*) ;; *) exit 8 ;; esac
cat <<END
Reading package lists...
The following NEW packages will be installed:
  gcc-arm-none-eabi libnewlib-arm-none-eabi
Need to get 93.5 MB of archives.
After this operation, 805 MB of additional disk space will be used.
Do you want to continue? [Y/n] N
Abort.
END
exit 1
"""


def test_the_size_is_said_before_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apt-get").write_text(APT)
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert debian.sizes(["apt-get", "install", "gcc-arm-none-eabi"]) == [
        "Need to get 93.5 MB of archives.",
        "After this operation, 805 MB of additional disk space will be used.",
    ]


def test_an_image_needs_the_arm_compiler_but_not_its_c_plus_plus_library() -> None:
    names = {p.name for p in debian.PACKAGES if "image" in p.profiles}
    assert {"gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "cmake", "make"} <= names
    assert not [name for name in names if "stdc++" in name]
    assert not [p.name for p in debian.PACKAGES if p.profiles == {"run"} and "arm" in p.name]


def test_without_the_compiler_the_tests_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = [p for p in debian.PACKAGES if p.name == "gcc-arm-none-eabi"]
    monkeypatch.setattr(debian, "missing", lambda _profile: absent)
    steps.chip_image(Console("image-try", 1), "test")
    assert "no image for the chip without gcc-arm-none-eabi" in capsys.readouterr().out


def test_whatever_is_frozen_builds_the_image_anew() -> None:
    inputs = {str(path.relative_to(ROOT)) for path in images.inputs()}
    assert {"boot.py", "main.py", "firmware/app.py", "firmware/circuits/pico.json"} <= inputs
    assert {"firmware/web/index.html", "lib/umqtt/simple.py", "tools/pack/__main__.py"} <= inputs
    own = "tools/image"
    assert {f"{own}/budgets.json", f"{own}/manifests/islet.py"} <= inputs
    assert {f"{own}/boards/islet_pico/pins.csv", f"{own}/frozen/rp2/_boot.py"} <= inputs
    assert not [name for name in inputs if name.endswith(".pyc")]
