# islet: the kernels' C as a module of CPython, built anew when their text changes.
# GPL-3.0-or-later
from __future__ import annotations

import fcntl
import hashlib
import inspect
import os
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from tools.image import constants, fold
from tools.kernels import translate
from tools.kernels.translate import ARRAY, TRUTH, WHOLE, Kernel, Text
from tools.workshop import CACHE, ROOT, SetupError

FOLDER = CACHE / "kernels"
NAME = "islet_kernels"
HERE = Path(__file__).parent
# Without a chip's own kernels, and those that read text.
SOURCES = tuple(
    ROOT / "firmware" / place
    for place in (
        "core", "base/timer.py", "base/grow.py", "guard/kernel.py", "sense/kernel.py",
        "ledger/scan_kernel.py",
    )
)  # fmt: skip
INCLUDE = Path(sysconfig.get_paths()["include"])
FLAGS = ["-O1", "-fwrapv", "-fno-strict-aliasing", "-fvisibility=hidden", "-shared", "-fPIC"]


def ready() -> Path | None:
    """The module's file, up to date; None where nothing compiles it."""
    if not shutil.which(compiler()[0]) or not (INCLUDE / "Python.h").exists():
        return None
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = FOLDER / f"{NAME}-{_key()}.so"
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for old in FOLDER.glob(f"{NAME}*"):
                old.unlink()
            compile_text(source(), made)
    return made


def compiler() -> list[str]:
    return shlex.split(os.environ.get("CC", "cc"))


def compile_text(text: str, made: Path) -> None:
    """C into a module that Python can import."""
    made.with_suffix(".c").write_text(text)
    fresh = made.with_suffix(".new")
    command = [*compiler(), *FLAGS, f"-I{INCLUDE}", f"-I{HERE}", made.with_suffix(".c")]
    done = subprocess.run([*command, "-o", fresh], capture_output=True, text=True)
    if done.returncode:
        raise SetupError("the kernels do not compile for this machine", done.stderr.strip())
    fresh.replace(made)


def source() -> str:
    """The C of all kernels of SOURCES."""
    known = fold.shipped()
    texts = {fold.name(path, ROOT / "firmware"): path.read_text() for path in _files()}
    return module([Text(name, fold.fold(text, known, name)) for name, text in texts.items()])


def module(texts: Iterable[Text]) -> str:
    """What Python imports, in C: the kernels, what takes their arguments, and their table."""
    body, kernels = translate.source(texts)
    calls = "\n\n".join(map(_call, kernels))
    rows = "".join(
        f'    {{"{one.module}.{one.name}", (PyCFunction)(void (*)(void))call_{one.symbol}, '
        f"METH_FASTCALL, NULL}},\n"
        for one in kernels
    )
    return (
        f'#include "module.h"\n\n{body}\n{calls}\n\n'
        f"static PyMethodDef methods[] = {{\n{rows}    {{NULL, NULL, 0, NULL}},\n}};\n"
        f'static PyModuleDef def = {{PyModuleDef_HEAD_INIT, "{NAME}", NULL, -1, methods}};\n'
        f'__attribute__((visibility("default"))) PyObject *PyInit_{NAME}(void) {{\n'
        f"    return PyModule_Create(&def);\n}}\n"
    )


TAKE = {
    WHOLE: "whole(from[{i}], &a{i})",
    TRUTH: "truth(from[{i}], &a{i})",
    ARRAY: "buffer(from[{i}], &views[{i}], &a{i})",
}


def _call(one: Kernel) -> str:
    """What Python calls: arguments taken, the kernel, arrays given back."""
    kinds = list(one.arguments.values())
    count = len(kinds)
    declared = " ".join(f"{'array' if k == ARRAY else 'i32'} a{i};" for i, k in enumerate(kinds))
    taken = " && ".join(TAKE[kind].format(i=i) for i, kind in enumerate(kinds)) or "1"
    given = f"{one.symbol}({', '.join(f'a{i}' for i in range(count))})"
    back = "\n".join(
        f"    if (views[{i}].obj != NULL) PyBuffer_Release(&views[{i}]);"
        for i, kind in enumerate(kinds)
        if kind == ARRAY
    )
    result = f"PyLong_FromLong({given})" if one.gives else f"({given}, Py_NewRef(Py_None))"
    return f"""static PyObject *call_{one.symbol}(
    PyObject *self, PyObject *const *from, Py_ssize_t n
) {{
    {declared}
    Py_buffer views[{count}] = {{0}};
    PyObject *volatile result = NULL;
    if (n != {count}) return miscalled("{one.name}", {count}, n);
    if ({taken}) {{
        if (_setjmp(leave) == 0) result = {result};
        else PyErr_Format(PyExc_IndexError, "{one.name}: %ld is outside", outside_index);
    }}
{back}
    return result;
}}"""


def _files() -> list[Path]:
    found = [p for s in SOURCES for p in (sorted(s.rglob("*.py")) if s.is_dir() else [s])]
    return [path for path in found if "@micropython.viper" in path.read_text()]


def _key() -> str:
    """Of all that the module is made of."""
    said = (compiler(), FLAGS, sysconfig.get_config_var("EXT_SUFFIX"))
    found = hashlib.sha256(repr(said).encode())
    folding = [Path(inspect.getfile(one)) for one in (fold, constants)]
    for path in sorted([*(ROOT / "firmware").rglob("*.py"), *HERE.glob("*.*"), *folding]):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
