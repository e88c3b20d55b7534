"""The page's own SHA-256, HMAC and PBKDF2, in node, against CPython's."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
import shutil
import subprocess
from typing import Any

import pytest

from firmware.access.inside import LONGEST, SHORTEST
from tests_host.conftest import ROOT

PAGE = (ROOT / "firmware/web/index.html").read_text()
SECRETS = PAGE[PAGE.index("// --- secrets") : PAGE.index("// --- who is here")]


def in_the_page(expression: str, cases: list[Any]) -> list[Any]:
    """`expression` of each case, `it`; bytes are hexadecimal."""
    node = shutil.which("node")
    if not node:
        pytest.skip("no node: make setup brings it")
    script = f"{SECRETS}\nconst cases = {json.dumps(cases)};\n"
    script += f"console.log(JSON.stringify(cases.map(it => {expression})));"
    run = subprocess.run([node, "-e", script], capture_output=True, text=True, check=False)
    assert not run.returncode, run.stderr[-1000:]
    return json.loads(run.stdout)


def blobs(count: int, longest: int) -> list[bytes]:
    chance = random.Random(count)
    sizes = [0, 1, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 128, 200]
    sizes += [chance.randrange(longest) for _ in range(count)]
    return [chance.randbytes(size) for size in sizes]


BYTES = "(it => Uint8Array.from(it.match(/../g) || [], x => parseInt(x, 16)))"


def test_sha256() -> None:
    data = blobs(60, 1000)
    found = in_the_page(f"hex(sha256({BYTES}(it)))", [each.hex() for each in data])
    assert found == [hashlib.sha256(each).hexdigest() for each in data]


def test_hmac() -> None:
    pairs = list(zip(blobs(40, 150), reversed(blobs(40, 300)), strict=True))
    found = in_the_page(
        f"hex(hmac({BYTES}(it[0]), {BYTES}(it[1])))", [[k.hex(), d.hex()] for k, d in pairs]
    )
    assert found == [hmac.new(k, d, hashlib.sha256).hexdigest() for k, d in pairs]


def test_the_slow_hash() -> None:
    cases = [
        ["", 1],
        ["correct horse", 2],
        ["Müller & Söhne €", 77],
        ["x" * 64, 4096],
        ["x" * 65, 3],
    ]
    salt = bytes(range(16))
    found = in_the_page(f"hex(stretched(utf(it[0]), {BYTES}('{salt.hex()}'), it[1]))", cases)
    assert found == [
        hashlib.pbkdf2_hmac("sha256", str(word).encode(), salt, int(rounds)).hex()
        for word, rounds in cases
    ]


def test_what_a_password_has_to_be() -> None:
    """The page sees it and the box does not, but for the console: one rule, in both."""
    fields = re.findall(r'minlength="(\d+)" maxlength="(\d+)" autocomplete="new-password"', PAGE)
    assert fields == [(str(SHORTEST), str(LONGEST))] * 2
    assert f"From {SHORTEST} characters" in PAGE
    words = (ROOT / "docs/access.md").read_text()
    assert f"a password of {SHORTEST} characters or more" in words
