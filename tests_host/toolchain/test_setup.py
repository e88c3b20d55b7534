"""Setup: the steps' bookkeeping, and what it says when it cannot go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import workshop as console
from tools.micropython import build, sources
from tools.setup import debian, steps
from tools.workshop import Console, SetupError


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stamps and logs of these tests stay out of the repository's cache."""
    monkeypatch.setattr(console, "ROOT", tmp_path)
    monkeypatch.setattr(console, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(steps, "STAMPS", tmp_path / "stamps")
    return tmp_path


def test_a_step_is_done_again_when_its_inputs_change(scratch: Path) -> None:
    source = scratch / "source"
    done: list[str] = []
    step = steps.Step(
        "try",
        ["run"],
        1,
        lambda _: [source],
        lambda: True,
        lambda _console, _profile: done.append(source.read_text()),
    )
    for text in ("one", "one", "two", "two"):
        source.write_text(text)
        step.perform("run")
    assert done == ["one", "two"]


def test_a_failed_step_leaves_no_stamp(scratch: Path) -> None:
    def fail(_console: Console, _profile: str) -> None:
        raise SetupError("no")

    step = steps.Step("try", ["run"], 1, lambda _: [], lambda: True, fail)
    with pytest.raises(SetupError):
        step.perform("run")
    assert not list(scratch.glob("stamps/*"))


def test_an_action_that_leaves_no_product_has_failed(scratch: Path) -> None:
    """As once a module that had moved: it ran, built nothing and said nothing."""
    product = scratch / "product"
    step = steps.Step("try", ["run"], 1, lambda _: [], product.exists, lambda *_: None)
    with pytest.raises(SetupError, match="step try ended well and left nothing"):
        step.perform("run")
    assert not list(scratch.glob("stamps/*"))
    steps.Step("try", ["run"], 1, lambda _: [], product.exists, lambda *_: False).perform("run")
    good = steps.Step("try", ["run"], 1, lambda _: [], product.exists, lambda *_: product.touch())
    good.perform("run")
    assert product.exists()


def test_a_failing_command_shows_the_end_of_its_log() -> None:
    script = "print(*range(100), sep='\\n'); raise SystemExit(3)"
    with pytest.raises(SetupError) as caught:
        Console("try", 1).run([sys.executable, "-c", script], remedy="think")
    text = str(caught.value)
    assert "failed (3)" in text
    assert "    80\n" in text
    assert "    79\n" not in text
    assert "logs/try.log" in text
    assert caught.value.remedy == "think"


def test_without_root_it_prints_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(debian.shutil, "which", lambda *_, **__: "/usr/bin/apt-get")
    wanted = [p for p in debian.PACKAGES if p.name in ("gcc-multilib", "mosquitto")]
    debian.install(Console("try", 1), wanted)
    printed = capsys.readouterr().out
    assert "sudo apt-get install gcc-multilib mosquitto\n" in printed
    assert "64 bits" in printed


def test_nothing_goes_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match="nothing goes without gcc"):
        debian.install(Console("try", 1), [debian.PACKAGES[0]])


def test_mirrors_of_both_apt_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "debian.sources").write_text(
        "Types: deb\n# a comment\nURIs: http://one.test/debian\nSigned-By: /k.gpg\n"
    )
    (tmp_path / "sources.list").write_text(
        "# deb http://no.test/debian x main\n"
        "deb [arch=amd64 signed-by=/l.gpg] http://two.test/debian bookworm main\n"
        "deb http://three.test/debian bookworm main\n"
    )
    monkeypatch.setattr(sources, "ETC_APT", tmp_path)
    assert list(sources.machine_mirrors()) == [
        ("http://one.test/debian", "/k.gpg"),
        ("http://two.test/debian", "/l.gpg"),
        ("http://three.test/debian", ""),
    ]


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """As from a shell: nothing of the make above us, whose variables come by the environment."""
    env = {"PATH": os.environ["PATH"]}
    command = ["make", "--no-print-directory", *words]
    return subprocess.run(
        command, cwd=build.ROOT, env=env, capture_output=True, text=True, check=True
    )


def test_make_alone_lists_the_targets() -> None:
    done = make()
    assert {"run", "test"} <= {line.split()[1] for line in done.stdout.splitlines()}


def test_variables_of_make_run_become_options() -> None:
    done = make("-n", "run", "SEED=3", "SCENARIO=a b")
    words = done.stdout.splitlines()[-1].split()
    assert words[-5:] == ["--scenario", "'a", "b'", "--seed", "'3'"]
