"""Run the tests that skip without an extra, each in an environment that has it.

    python tools/test_extras.py [NAME ...]

Environments stand in build/extras/NAME and are kept; what needs no Python package runs in the one that runs
this. A test that still skips is a failure. The closing line of each is printed at the end. Java has to be
there for Spark; the packages of LaTeX are installed where apt-get may do so, and are named where it may not.
"""

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "extras"


@dataclass(frozen=True)
class Extra:
    """Environment with its requirements, and the tests that need it."""

    tests: tuple[str, ...]
    extras: tuple[str, ...] = ()
    #: Distributions that only the tests need.
    beside: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


ENVIRONMENTS = {
    "spark": Extra(
        tests=("tests/fairness/counting/test_fairness_counting_spark.py",),
        extras=("spark",),
        commands=("java",),
    ),
    "networks": Extra(
        tests=(
            "tests/security/test_security_onnx.py",
            "tests/security/test_security_onnx_operators.py",
            "tests/security/test_security_factory.py",
            "tests/security/test_security_layouts.py",
            "tests/security/test_security_keras.py",
        ),
        extras=("keras", "onnx", "timm", "torchvision", "transformers"),
        beside=("onnxscript",),
    ),
    "tracking": Extra(
        tests=("tests/tracking/test_tracking_real.py", "tests/report/test_report_card_hub.py"),
        extras=("mlflow", "wandb"),
        beside=("alembic", "sqlalchemy", "huggingface_hub"),  # MLflow's database, and the Hub's own reader
    ),
    "signing": Extra(
        tests=("tests/evidence/test_evidence_model_signing.py",),
        extras=("evidence",),
        beside=("model-signing", "pyOpenSSL"),
    ),
    "latex": Extra(
        tests=("tests/report/test_report_tex.py", "tests/report/test_report_pdf.py"),
        packages=(
            "latexmk",
            "texlive-latex-recommended",
            "texlive-latex-extra",
            "texlive-fonts-recommended",
            "texlive-publishers",
            "poppler-utils",
        ),
        commands=("latexmk", "kpsewhich", "pdftoppm"),
    ),
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in ENVIRONMENTS]
    if unknown:
        print(f"no environment is called {unknown[0]}; there are {', '.join(ENVIRONMENTS)}")
        return 2
    closing = {name: _run(name, ENVIRONMENTS[name]) for name in names or ENVIRONMENTS}
    for name, (passed, line) in closing.items():
        print(f"{name:10}{'' if passed else 'FAILED: '}{line}")
    return 0 if all(passed for passed, _ in closing.values()) else 1


def _run(name: str, extra: Extra) -> tuple[bool, str]:
    """Return whether all tests ran and passed, and the closing line."""
    missing = [command for command in extra.commands if shutil.which(command) is None]
    if missing and extra.packages and shutil.which("apt-get") and os.geteuid() == 0:
        apt = ["apt-get", "-qq", "-y", "--no-install-recommends", "install", *extra.packages]
        subprocess.run(["apt-get", "-qq", "update"], check=False)
        subprocess.run(apt, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        missing = [command for command in extra.commands if shutil.which(command) is None]
    if missing:
        wanted = f"; install {' '.join(extra.packages)}" if extra.packages else ""
        return False, f"{', '.join(missing)} not found{wanted}"
    python = _environment(name, extra)
    command = [python, "-m", "pytest", "-q", "-m", "slow or not slow", *extra.tests]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        lines = [line for line in tests.stdout if print(line, end="") is None]
    closing = lines[-1].strip() if lines else "no output"
    return tests.returncode == 0 and "skipped" not in closing, closing


def _environment(name: str, extra: Extra) -> str:
    """Return the Python of an environment, made where it is not there or the project's needs changed."""
    if not extra.extras:
        return sys.executable
    folder = FOLDER / name
    python, ready = str(folder / "bin" / "python"), folder / ".ready"
    sources = [ROOT / "pyproject.toml", ROOT / "constraints.txt", Path(__file__)]
    if ready.exists() and ready.stat().st_mtime > max(source.stat().st_mtime for source in sources):
        return python
    venv.create(folder, with_pip=True, clear=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = f".[{','.join((*extra.extras, 'dev'))}]"
    pinned = ["--constraint", "constraints.txt", "--editable", wanted]
    subprocess.run([*pip, *pinned, *extra.beside], cwd=ROOT, check=True)
    ready.touch()
    return python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
