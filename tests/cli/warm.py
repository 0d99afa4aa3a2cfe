"""A process that has loaded what the commands need, and forks once for each command line.

It reads one JSON request a line, ``{"arguments", "folder", "environment", "short", "drawn", "out", "err"}``,
and answers with the exit code. A fork costs milliseconds where a new interpreter takes one to three seconds.
``short`` asks for a study of fewer images and steps, and for quick scans; where ``drawn`` is false, a run
draws no report. Figures are drawn in this process, without others that would have to load everything first.
"""

import atexit
import contextlib
import dataclasses
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import weakref
from pathlib import Path

import trivet
from trivet.errors import UsageError

#: What commands import when they are called, besides trivet's own modules; PyTorch's compiler is loaded by
#: the first optimiser.
LOADED = (
    *("torch", "torch._dynamo", "pandas", "scipy.stats", "sklearn.linear_model", "matplotlib.figure"),
    *("duckdb", "rich.table"),
)
SECONDS = 540
SHORT_IMAGES = 1_200


def serve():
    gc.disable()
    own = (found.name for found in pkgutil.walk_packages(trivet.__path__, "trivet."))
    for name in (*LOADED, *own):
        if name != "trivet.__main__":
            with contextlib.suppress(ImportError, UsageError):  # an extra that is not installed
                importlib.import_module(name)
    # What PyTorch would take apart at the end of each fork takes longer than most commands.
    for finalizer in weakref.finalize._registry:
        finalizer.atexit = False
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            run(**request)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    os._exit(0)


def run(*, arguments, folder, environment, short, drawn, out, err):
    """Do what ``python -m trivet`` does in that folder, and end."""
    signal.alarm(SECONDS)
    os.chdir(folder)
    os.environ.update(environment)
    sys.path[0] = str(Path.cwd())
    for descriptor, path in ((0, os.devnull), (1, out), (2, err)):
        opened = os.open(path, os.O_RDONLY if descriptor == 0 else os.O_WRONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    outputs = sys.modules["trivet.cli.outputs"]
    outputs.FEW_FIGURES = sys.maxsize
    if not drawn:
        nothing = outputs.Drawn((), "none")
        sys.modules["trivet.cli.run"].draw = lambda *_, **__: nothing
    if short:
        methods = importlib.import_module("trivet.security.repairs.methods")
        methods.ROUNDS = (dataclasses.replace(methods.ROUNDS[-1], steps=200),)
        methods.FINE_TUNING = dataclasses.replace(methods.FINE_TUNING, steps=10)
        scanning = importlib.import_module("trivet.security.scanning.kinds")
        tables = (scanning.SETTINGS, scanning.PUSHES, scanning.STAMPS, scanning.SOURCES, scanning.UNITS)
        for table in (importlib.import_module("trivet.security.scanning.sequential").SCAN_PROFILES, *tables):
            table["standard"] = table["quick"]
        profiles = sys.modules["trivet.security.settings"].PROFILES
        profiles["smoke"] = dataclasses.replace(profiles["smoke"], steps=15, images=300)
        datasets, load_mnist = sys.modules["trivet.datasets"], sys.modules["trivet.datasets"].load_mnist
        datasets.load_mnist = lambda split: load_mnist(split).take(range(SHORT_IMAGES))
    sys.argv = ["trivet", *arguments]
    code = None
    try:
        sys.modules["trivet.cli.main"].main()
    except SystemExit as end:
        code = end.code
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)  # without taking every module apart, which takes a second


if __name__ == "__main__":
    serve()
