"""Compile the hot folders with mypyc when this machine can; install the same files interpreted when it cannot.

`MQTTDISSECT_PURE=1` asks for the interpreted build. Which one was made is said in one line (`pip install -v` shows it)
and by `mqttdissect --version`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from glob import glob
from pathlib import Path

from setuptools import Extension, setup

WRITERS = (
    "clock",
    "columns",
    "gist",
    "hexdump",
    "hosts",
    "links",
    "ndjson",
    "pieces",
    "summary",
    "tables",
    "text",
    "theme",
    "topics",
    "tree",
    "units",
    "values",
    "writer",
)
LADDER = ("step", "fold", "scale", "deliveries", "parties", "selection", "model", "pieces", "terminal")
COMPILED = [
    "mqttdissect/pipeline.py",
    *(
        path
        for folder in ("capture", "net", "transport", "mqtt", "analysis")
        for path in sorted(glob(f"mqttdissect/{folder}/*.py"))
        if not path.endswith(
            ("__init__.py", "net/fallback.py", "capture/compressed.py", "analysis/statements.py", "analysis/peers.py")
        )
    ),
    *(f"mqttdissect/output/{name}.py" for name in WRITERS),
    *(f"mqttdissect/output/ladder/{name}.py" for name in LADDER),
]

# Put before each file.
#
# What is called only when an exception goes through is `cold`: the compiler keeps such blocks, of which there are more
# than of others, apart, so that the processor's instruction cache holds what is run.
#
# CPython's guard against deep recursion while objects are freed (the trashcan) writes to the garbage collector's header
# of an object. Classes marked as acyclic have none, so it has to leave them alone; they do not form chains.
BEFORE = """
#define PY_SSIZE_T_CLEAN
#include <CPy.h>
#ifdef __GNUC__
#define COLD __attribute__((cold))
void CPy_AddTraceback(const char *, const char *, int, PyObject *) COLD;
void CPy_TypeErrorTraceback(const char *, const char *, int, PyObject *, const char *, PyObject *) COLD;
void CPy_TypeError(const char *, PyObject *) COLD;
#undef COLD
#endif
#undef CPy_TRASHCAN_BEGIN
#define CPy_TRASHCAN_BEGIN(op, dealloc) \\
    Py_TRASHCAN_BEGIN(op, (PyType_IS_GC(Py_TYPE(op)) ? (destructor)dealloc : NULL))
"""

CLOSED = (["-fno-semantic-interposition"], ["-Wl,-Bsymbolic"]) if sys.platform == "linux" else ([], [])
"""Nobody replaces a function of ours while the program is loaded: all may be called directly, and inlined."""


def say(line: str) -> None:
    """One line for whoever builds."""
    print(f"mqttdissect: {line}", file=sys.stderr)


def can_compile() -> bool:
    """Is there a C compiler that finds the Python headers? Asked by compiling one line."""
    from distutils.ccompiler import new_compiler  # setuptools provides it on every Python
    from distutils.sysconfig import customize_compiler, get_python_inc

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text("#include <Python.h>\nint probe(void) { return PY_MAJOR_VERSION; }\n")
        quiet = os.dup(2)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        try:
            compiler = new_compiler()
            customize_compiler(compiler)
            compiler.compile([str(source)], output_dir=folder, include_dirs=[get_python_inc()])
        except Exception:  # whatever a missing compiler raises on this platform
            return False
        finally:
            os.dup2(quiet, 2)
            os.close(quiet)
            os.close(null)
    return True


def extensions() -> list[Extension]:
    """The extension modules to build; none for the interpreted build."""
    if {"egg_info", "dist_info"} & set(sys.argv):
        return []  # a build front end that only asks for metadata
    if os.environ.get("MQTTDISSECT_PURE", "") not in ("", "0"):
        say("installing interpreted, as MQTTDISSECT_PURE asks")
        return []
    if not can_compile():
        say("no working C compiler with Python headers: installing interpreted, which is several times slower")
        return []
    from mypyc.build import mypycify

    say("compiling with mypyc")
    try:
        modules: list[Extension] = mypycify(COMPILED, opt_level="3", debug_level="0")
    except SystemExit:  # mypyc's way to say that it does not like what it read
        say("mypyc failed: installing interpreted, which is several times slower")
        return []
    shared = modules[0]  # the others only load it
    shared.extra_compile_args = [*shared.extra_compile_args, *included(BEFORE), *CLOSED[0]]
    shared.extra_link_args = [*shared.extra_link_args, *CLOSED[1]]
    return modules


def included(text: str) -> list[str]:
    """Options of the compiler that put `text` before each file."""
    header = Path("build", "mqttdissect_before.h").resolve()
    header.parent.mkdir(exist_ok=True)
    header.write_text(text)
    return ["/FI" if sys.platform == "win32" else "-include", str(header)]


setup(ext_modules=extensions())
