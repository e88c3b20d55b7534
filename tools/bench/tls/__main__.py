# islet: what TLS would cost a Pico: the longest hold of the loop, heap and flash.
# GPL-3.0-or-later
"""python -m tools.bench.tls [--cache]: about six minutes, most of them compiling.

A program of its own (tls.c) with the mbedTLS that MicroPython has, on the emulated chip; both ends
of a connection in one chip, of which the client's calls are timed. No image has it in.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tools.bench.table import Figure, show
from tools.micropython import sources
from tools.workshop import CACHE, ROOT

HERE = Path(__file__).parent
FOLDER = CACHE / "rp2040" / "tls"
VARIANTS = {"as MicroPython": 0, "records of 4 kB": 1}
LIMIT_S = 300  # of the chip's time
OBEYED_MS = 20  # INV-9
DAY_S = 86_400
WAYS = {
    "ec": "ECDHE, P-256 certificates",
    "rsa": "ECDHE P-256, RSA-2048 certificates",
    "ec_restart": "ECDHE, P-256 certificates, restartable",
    "psk_gcm": "pre-shared key, AES-GCM",
    "psk_ccm": "pre-shared key, AES-CCM",
    "ecdhe_psk": "pre-shared key and ECDHE, AES-CBC",
}
STATES = {3: "certificate", 4: "its signature of the key exchange", 8: "own key exchange"}
STATES |= {9: "keys made", 11: "own Finished", 13: "the other's Finished"}
# mbedTLS's objects that only a server needs, or only this bench's own side of one
SERVERS = ("ssl_tls12_server", "pkwrite", "rsa_alt_helpers")


def openssl(*arguments: str | Path) -> bytes:
    done = subprocess.run(["openssl", *arguments], cwd=FOLDER, capture_output=True, check=True)
    return done.stdout


def keys() -> str:
    """A throw-away authority and a broker of each kind, as a header."""
    lines = [f"#define NOW_S {int(time.time()) + DAY_S}L"]
    for kind, made in (("ec", ("ec", "ec_paramgen_curve:P-256")), ("rsa", ("rsa", ""))):
        option = ["-pkeyopt", made[1]] if made[1] else ["-pkeyopt", "rsa_keygen_bits:2048"]
        for who in ("ca", "cert"):
            name = f"{kind}_{who}"
            openssl("genpkey", "-algorithm", made[0], *option, "-out", f"{name}.key")
            signed = ["-CA", f"{kind}_ca.pem", "-CAkey", f"{kind}_ca.key"] if who == "cert" else []
            limits = f"basicConstraints=critical,CA:{'TRUE' if who == 'ca' else 'FALSE'}"
            openssl(
                "req", "-x509", "-new", "-key", f"{name}.key", "-sha256", "-days", "3650",
                "-subj", "/CN=broker" if signed else "/CN=ca", "-addext", limits,
                *signed, "-out", f"{name}.pem",
            )  # fmt: skip
            lines.append(array(name, openssl("x509", "-in", f"{name}.pem", "-outform", "der")))
        key = openssl("pkey", "-in", f"{kind}_cert.key", "-outform", "der")
        lines.append(array(f"{kind}_key", key))
    return "\n".join([*lines, ""])


def array(name: str, content: bytes) -> str:
    return f"static const unsigned char {name}[] = {{{','.join(map(str, content))}}};"


def build(variant: int) -> Path:
    """The program's folder."""
    tree, sdk = sources.rp2_sources()
    folder = FOLDER / str(variant)
    given = {"SDK": sdk, "MPY": tree, "KEYS": FOLDER, "SMALL": variant}
    settings = [f"-D{name}={value}" for name, value in given.items()]
    with (FOLDER / f"{variant}.log").open("w") as log:
        for command in (
            ["cmake", "-S", HERE, "-B", folder, *settings],
            ["make", "-s", f"-j{os.cpu_count() or 1}", "-C", folder],
        ):
            subprocess.run(command, stdout=log, stderr=log, check=True)
    return folder


def library(folder: Path) -> int:
    """Bytes of flash that the client's part of mbedTLS takes."""
    text = (folder / "tls.elf.map").read_text()
    rows = re.findall(
        r"^ \.(?:text|rodata|data)\S*\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) \S*/library/(\w+)\.c\.o\w*$",
        text,
        re.MULTILINE,
    )
    return sum(int(n, 16) for at, n, name in rows if int(at, 16) and name not in SERVERS)


def run(folder: Path, cache: bool) -> str:
    command = ["node", HERE / "run.mjs", folder / "tls.bin", str(LIMIT_S)]
    done = subprocess.run(
        [*command, *(["cache"] if cache else [])], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"error: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout


def measure(cache: bool) -> Iterator[Figure]:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (FOLDER / "keys.h").write_text(keys())
    for name, variant in VARIANTS.items():
        folder = build(variant)
        yield Figure(f"mbedTLS, {name}", f"{library(folder):,} B of flash", "", "", "linker's map")
        yield from figures(run(folder, cache), name)


def figures(text: str, variant: str) -> Iterator[Figure]:
    """Of each way to shake hands, as tls.c prints them."""
    for line in text.splitlines():
        match line.split():
            case ["shake", way, ops, *numbers]:
                most, whole, calls, peak, kept, block, out, back = map(int, numbers)
                restart = f", {ops} operations a call" if ops != "0" else ""
                yield Figure(
                    f"{WAYS[way]}{restart}",
                    f"{most / 1000:.1f} ms in one call of {calls}, {whole / 1000:.0f} in all; "
                    f"heap {peak / 1000:.1f} kB, {kept / 1000:.1f} kept, blocks to "
                    f"{block / 1000:.1f}; 4 kB out {out / 1000:.1f} ms, in {back / 1000:.1f}",
                    f"≤ {OBEYED_MS} ms",
                    "",
                    f"client's calls, {variant}",
                )
            case ["step", way, state, whole, most]:
                yield Figure(
                    f"{WAYS[way]}: {STATES.get(int(state), state)}",
                    f"{int(whole) / 1000:.1f} ms, {int(most) / 1000:.1f} in one call",
                    "",
                    "",
                    f"one state of the handshake, {variant}",
                )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.tls", description=__doc__)
    parser.add_argument("--cache", action="store_true", help="with a model of the flash's cache")
    options = parser.parse_args()
    show("tls", measure(options.cache))
    return 0


if __name__ == "__main__":
    sys.exit(main())
