"""A script of node behind two pipes, which does what it is told (told.mjs)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any


class Told:
    """`told.what(given)` is `what` of the script."""

    def __init__(self, script: Path, *arguments: object) -> None:
        node = shutil.which("node")
        assert node, "no node: apt-get install nodejs"
        self._node = subprocess.Popen(
            [node, str(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def ask(self, what: str, *given: Any) -> Any:
        assert self._node.stdin and self._node.stdout and self._node.stderr
        self._node.stdin.write(json.dumps([what, *given]) + "\n")
        answer = self._node.stdout.readline()
        if not answer:
            raise AssertionError(self._node.stderr.read()[-2000:])
        return json.loads(answer)

    def __getattr__(self, what: str) -> Any:
        return lambda *given: self.ask(what, *given)

    def stop(self) -> None:
        self._node.kill()
        self._node.communicate()
