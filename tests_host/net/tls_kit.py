# islet: a throw-away authority and the certificates it signs, for tests of TLS on this machine.
# GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path


class Authority:
    """Files in `folder`: ca.crt, ca.key and of each `signed` server NAME.crt, NAME.key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._key("ca")
        self._openssl(
            "req", "-x509", "-new", "-key", "ca.key", "-days", "1", "-subj", "/CN=islet test",
            "-addext", "basicConstraints=critical,CA:TRUE", "-out", "ca.crt",
        )  # fmt: skip

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def der(self) -> bytes:
        return self._openssl("x509", "-in", "ca.crt", "-outform", "der")

    def signed(self, name: str, alternative: str = "DNS:localhost,IP:127.0.0.1") -> None:
        self._key(name)
        self._openssl(
            "req", "-x509", "-new", "-key", f"{name}.key", "-days", "1", "-subj", "/CN=localhost",
            "-addext", f"subjectAltName={alternative}",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-CA", "ca.crt", "-CAkey", "ca.key", "-out", f"{name}.crt",
        )  # fmt: skip

    def _key(self, name: str) -> None:
        curve = "ec_paramgen_curve:P-256"
        self._openssl("genpkey", "-algorithm", "ec", "-pkeyopt", curve, "-out", f"{name}.key")

    def _openssl(self, *arguments: str) -> bytes:
        command = ["openssl", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=True)
        return done.stdout
