"""``pytest --trivet audit.toml``: a test for each requirement and each rule of an audit.

The audit runs once, in a process of its own, when the first of its tests does; processes of pytest-xdist
share its findings. A breach fails its test, a waived breach is an expected failure, a warning passes and is
shown at the end. An audit that could not be done is an error of each test and never a failure.
"""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from trivet.findings import Finding

__all__ = ["pytest_addoption", "pytest_configure"]

#: A property of a test's report, which pytest-xdist passes on and ``--junitxml`` writes.
WARNING: Final = "trivet_warning"
#: In what a worker of pytest-xdist is started with.
SHARED: Final = "trivet_folder"
#: Held by the process that runs and judges an audit.
LOCK: Final = "lock"
#: Requirements have tests of their own; corrections and effects need none.
UNTESTED: Final = ("policy.", "correction.", "effects.")
#: Of what a failed audit wrote last.
MOST_CHARACTERS: Final = 2_000
MOST_BYTES: Final = 64 * 2**20
#: Of a requirement, in the name of its test.
NAME_CHARACTERS: Final = 200


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("trivet", "audits of machine-learning systems")
    group.addoption(
        "--trivet",
        action="append",
        default=[],
        metavar="AUDIT.TOML",
        help="run this audit, and test each of its requirements and rules; may be repeated",
    )
    group.addoption(
        "--trivet-out",
        action="append",
        default=[],
        metavar="FOLDER",
        help="take this finished audit instead of running one; with --trivet, one for each, in its order",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Do nothing where no audit is named; else let pytest collect the audits."""
    files: list[str] = list(config.getoption("trivet", default=[]) or ())
    folders: list[str] = list(config.getoption("trivet_out", default=[]) or ())
    if not files and not folders:
        return
    if files and folders and len(files) != len(folders):
        raise pytest.UsageError(
            f"--trivet-out names {len(folders)} finished audits, and --trivet {len(files)}; give one for each"
        )
    here = config.invocation_params.dir
    names = [None if each is None else here / each for each in (files or [None] * len(folders))]
    done = [None if each is None else here / each for each in (folders or [None] * len(files))]
    audits = [_Audit(name, out) for name, out in zip(names, done, strict=True)]
    if len({each.path.resolve() for each in audits}) < len(audits):
        raise pytest.UsageError("--trivet and --trivet-out name an audit twice; name each once")
    config.addinivalue_line("markers", "trivet: a requirement or a rule of an audit, by --trivet")
    config.pluginmanager.register(_Audits(config, audits), "trivet-audits")
    given = {(here / each.partition("::")[0]).resolve() for each in config.args}
    config.args += [str(each.path) for each in audits if each.path.resolve() not in given]


@dataclass(frozen=True)
class _Audit:
    """An audit.toml that is run, the folder of a finished audit, or the second judged by the first."""

    config: Path | None
    finished: Path | None

    @property
    def path(self) -> Path:
        """The file that its tests belong to."""
        if self.config is not None:
            return self.config
        assert self.finished is not None
        return self.finished / "metrics.json"


class AuditError(Exception):
    """An audit that could not be done."""


class BreachError(Exception):
    """Breaches that a test of an audit found."""


class _Audits:
    """The audits of a session: what is collected, and the folder through which processes share findings."""

    def __init__(self, config: pytest.Config, audits: Sequence[_Audit]) -> None:
        self._audits = {each.path.resolve(): each for each in audits}
        self._here = config.invocation_params.dir
        self._known: dict[_Audit, dict[str, Any]] = {}
        self._made: TemporaryDirectory[str] | None = None
        worker = getattr(config, "workerinput", None)
        if worker is None:
            self._made = TemporaryDirectory(prefix="trivet-pytest-")
            self._folder = Path(self._made.name)
            self._make_lock()
        else:
            self._folder = Path(worker[SHARED])

    def _make_lock(self) -> None:
        from trivet.work.result_files import write_text  # noqa: PLC0415 - only with an audit

        write_text(self._folder / LOCK, "")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Say to a worker of pytest-xdist where findings are shared."""
        node.workerinput[SHARED] = str(self._folder)

    def pytest_unconfigure(self) -> None:
        """Remove the folder."""
        if self._made is not None:
            self._made.cleanup()

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Collect the tests of an audit that was named."""
        audit = self._audits.get(file_path.resolve())
        if audit is None:
            return None
        collected: AuditFile = AuditFile.from_parent(parent, path=file_path)
        collected.audits, collected.audit = self, audit
        return collected

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the warnings of all audits, also those of other processes."""
        found = [
            said
            for reports in terminalreporter.stats.values()
            for report in reports
            for name, said in getattr(report, "user_properties", ())
            if name == WARNING and getattr(report, "when", "") == "call"
        ]
        if found:
            terminalreporter.section("trivet: what needs a look")
            for said in found:
                terminalreporter.line(said)

    def findings(self, audit: _Audit) -> "Sequence[Finding]":
        """Return the findings of an audit; the first who asks runs it, and everyone else waits for it."""
        from trivet.findings.formats import read_findings  # noqa: PLC0415 - only with an audit

        if audit not in self._known:
            self._known[audit] = self._shared(audit)
        result = self._known[audit]
        if error := result.get("error"):
            raise AuditError(error)
        return read_findings(result["findings"]).findings

    def _shared(self, audit: _Audit) -> dict[str, Any]:
        from trivet.work.bounded import read_bounded  # noqa: PLC0415 - only with an audit
        from trivet.work.result_files import write_text  # noqa: PLC0415

        number = list(self._audits.values()).index(audit)
        path = self._folder / f"{number}.json"
        # One lock for all: two audits may write to one folder, and each has to be judged by its own record.
        with (self._folder / LOCK).open("rb") as stream, _alone(stream):
            if not path.exists():
                try:
                    result = {"findings": self._judged(audit)}
                except AuditError as error:
                    result = {"error": str(error)}
                write_text(path, json.dumps(result))
            return json.loads(read_bounded(path, MOST_BYTES))

    def _judged(self, audit: _Audit) -> str:
        """Run an audit unless it is finished, judge it, and return its findings as JSON."""
        folder = audit.finished
        if folder is None:
            assert audit.config is not None
            folder = _settings(audit.config).audit.out
            self._call("run", str(audit.config))
        policy = () if audit.config is None else ("--config", str(audit.config))
        return self._call("gate", str(folder), *policy, "--format", "json")

    def _call(self, *arguments: str) -> str:
        """Run a command of trivet in a process of its own; any end but a verdict is an error."""
        done = subprocess.run(  # noqa: S603 - this interpreter, and no shell
            [sys.executable, "-m", "trivet", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            cwd=self._here,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
        if done.returncode not in {0, 1}:
            said = [line for line in done.stderr.splitlines() if line.startswith("trivet: ")]
            why = said[-1] if said else done.stderr.strip()[-MOST_CHARACTERS:]
            raise AuditError(f"trivet {arguments[0]} ended with exit code {done.returncode}. {why}".strip())
        return done.stdout


@contextmanager
def _alone(stream: IO[bytes]) -> Generator[None]:
    """Wait until no other process holds a file; the end of a process lets go of it."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - not on every system

        while True:
            try:
                msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK, 1)
                break
            except OSError:  # it gives up after ten seconds
                continue
    else:
        import fcntl  # noqa: PLC0415

        fcntl.flock(stream, fcntl.LOCK_EX)
    yield


def _settings(path: Path) -> Any:
    """Read an audit.toml, whatever pytest makes of the warnings of libraries."""
    from trivet.config import load_config  # noqa: PLC0415 - only with an audit

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_config(path)


class AuditFile(pytest.File):
    """The tests of an audit."""

    audits: _Audits
    audit: _Audit

    def collect(self) -> Iterator["AuditTest"]:
        """Yield the audit itself, each requirement, and each rule of its legs."""
        from trivet.errors import TrivetError  # noqa: PLC0415 - only with an audit
        from trivet.findings import CATALOGUE  # noqa: PLC0415
        from trivet.verdict import LEGS  # noqa: PLC0415
        from trivet.wording import one_line  # noqa: PLC0415

        try:
            settings = None if self.audit.config is None else _settings(self.audit.config)
        except TrivetError as error:
            raise self.CollectError(str(error)) from error
        legs = LEGS if settings is None else settings.audit.legs
        require = () if settings is None else settings.policy.require
        rules = [
            rule for rule in CATALOGUE if not rule.startswith(UNTESTED) and rule.partition(".")[0] in legs
        ]
        numbers = [f"policy.{number}" for number in range(1, len(require) + 1)]
        yield self._test("audit", "", {*numbers, *rules})
        for number, text in zip(numbers, require, strict=True):
            yield self._test(f"{number} {one_line(text, limit=NAME_CHARACTERS)}", number)
        for rule in rules:
            yield self._test(rule, rule)

    def _test(self, name: str, kind: str, others: Iterable[str] = ()) -> "AuditTest":
        test: AuditTest = AuditTest.from_parent(self, name=name)
        test.kind, test.others = kind, frozenset(others)
        test.add_marker("trivet")
        if self.config.pluginmanager.hasplugin("xdist"):
            # One worker, where --dist loadgroup keeps groups together: no other waits for the audit.
            test.add_marker(pytest.mark.xdist_group(f"trivet {self.path.name}"))
        return test


class AuditTest(pytest.Item):
    """One requirement or one rule of an audit; the audit itself, with what belongs to no other test."""

    kind: str
    others: frozenset[str]
    _found: "tuple[Finding, ...]" = ()

    def setup(self) -> None:
        """Wait for the audit, so that what goes wrong with it is an error and no failure."""
        parent = self.parent
        assert isinstance(parent, AuditFile)
        found = parent.audits.findings(parent.audit)
        for each in found:
            kind = each.id if each.id.startswith("policy.") else each.rule
            if kind == self.kind or (not self.kind and kind not in self.others):
                self._found = (*self._found, each)

    def runtest(self) -> None:
        """Fail by a breach; expect one that is waived."""
        if breaches := [each for each in self._found if each.level == "breach"]:
            raise BreachError("\n\n".join(f"{each.sentence}\nWhat to do: {each.action}" for each in breaches))
        if self.kind and not self._found:
            pytest.skip("the audit has nothing of this kind")
        if waived := [each.sentence for each in self._found if each.waiver and each.level == "warning"]:
            pytest.xfail(" ".join(waived))
        for each in self._found:
            if each.level == "warning":
                self.user_properties.append((WARNING, each.sentence))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the sentence of a breach, or of what went wrong, and no traceback."""
        if isinstance(excinfo.value, AuditError | BreachError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Name the test by its file."""
        return self.path, None, self.name
