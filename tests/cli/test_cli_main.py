import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import jsonschema
import pytest

from trivet.cli import main
from trivet.config import AuditConfig, load_config
from trivet.place import find


def test_help_lists_the_commands_and_loads_nothing_heavy():
    heavy = ["torch", "matplotlib", "sklearn", "scipy", "duckdb", "pypandoc", "pydantic"]
    program = (
        "import sys\n"
        "from trivet.cli import main\n"
        "try:\n    main(['--help'])\n"
        f"except SystemExit as end:\n    print(end.code, [name for name in {heavy} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("0 []")
    for command in ("run", "report", "init", "schema", "scan", "repair", "zoo", "privacy"):
        assert command in done.stdout


def test_no_help_loads_networks_or_what_draws():
    program = (
        "import pkgutil, sys, trivet.cli\n"
        "for found in pkgutil.walk_packages(trivet.cli.__path__, 'trivet.cli.'):\n"
        "    __import__(found.name)\n"
        "print([name for name in ('torch', 'matplotlib', 'pypandoc') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_version(trivet):
    assert trivet("--version").out.strip() == version("trivet")


def test_an_unknown_command_is_a_usage_error(trivet):
    done = trivet("rum")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "own"),
    [
        (["fairness", "watch", "a.csv", "--foo", "1"], "trivet fairness watch --help"),
        (["fairness", "a.csv", "--cut"], "trivet fairness --help"),
        (["farness"], "trivet --help"),
    ],
)
def test_a_refusal_names_the_help_of_its_command(capsys, arguments, own):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err.rstrip().endswith(f"See `{own}`.")


def test_init_writes_the_defaults_with_comments_and_never_overwrites(trivet, tmp_path):
    assert trivet("init", cwd=tmp_path).code == 0
    path = tmp_path / "audit.toml"
    text = path.read_text(encoding="utf-8")
    assert text.count("#") > 15
    config = load_config(path, {"audit": {"out": AuditConfig().audit.out}})
    assert config == AuditConfig()
    done = trivet("init", cwd=tmp_path)
    assert done.code == 2
    assert "was left alone" in done.err
    assert path.read_text(encoding="utf-8") == text
    assert trivet("init", "other.toml", "--json", cwd=tmp_path).json == {"file": "other.toml"}


def test_schema_is_a_json_schema(trivet):
    done = trivet("schema")
    assert done.code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(done.out))
    assert trivet("schema", "--json").out == done.out


def test_report_without_a_record(trivet, tmp_path):
    done = trivet("report", tmp_path)
    assert done.code == 3
    assert "there is no metrics.json" in done.err


def test_the_interrupt_key_ends_a_command_with_a_word(tmp_path):
    (tmp_path / "slow_noise.py").write_text("import time\ndef slow(x):\n    time.sleep(0.01)\n    return x\n")
    # A shell starts what runs in its background with the key ignored.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from trivet.cli import main\n"
        "main(['privacy', 'audit-mechanism', 'slow_noise:slow', '--epsilon', '1'])\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "asking the mechanism" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert said == "trivet: interrupted\n"


class SilentError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def endless():
    return endless()


def leave():
    sys.exit(0)


def leave_at_once():
    os._exit(0)


def leave_in_a_child():
    child = os.fork()
    if not child:
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def ended(monkeypatch, capfd):
    """Run the command line with a command that calls `body`: the exit code and both streams."""

    def run(body, *arguments):
        monkeypatch.setattr(sys.modules["trivet.cli.main"], "app", lambda _tokens, **_options: body())
        with pytest.raises(SystemExit) as end:
            main(arguments)
        return end.value.code, *capfd.readouterr()

    return run


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("corrected"), "KeyError: 'corrected'"),
        (ValueError("one\ntwo\x1b[2J"), "ValueError: one"),
        (MemoryError(), "memory ran out"),
        (SystemExit(0), "ended the process"),
        (SilentError(), "SilentError"),
        (GeneratorExit(), "GeneratorExit"),
        (BrokenPipeError(32, "a worker left"), "a worker left"),
        (ExceptionGroup("several", [OSError(), ValueError()]), "several"),
        (endless, "RecursionError"),
        (leave, "ended the process"),
        (leave_at_once, "ended the process"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__),
)
def test_what_no_command_expects_is_one_line_and_never_a_verdict(ended, error, said):
    def body():
        if callable(error):
            return error()
        raise error

    code, out, err = ended(body)
    assert (code, out) == (3, "")
    (line,) = err.splitlines()
    assert line.startswith("trivet: ")
    assert said in line
    assert "\x1b" not in line


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a forked child")
def test_a_forked_child_leaves_as_it_likes(ended):
    assert ended(leave_in_a_child)[0] == 7


def test_an_unexpected_error_is_json_for_machines_and_has_its_traceback_on_request(ended, monkeypatch):
    monkeypatch.setenv("TRIVET_TRACEBACK", "1")
    code, out, err = ended(lambda: int("nan"), "--json")
    assert code == 3
    error = json.loads(out)["error"]
    assert error["exit_code"] == 3
    assert "Traceback" in err
    assert err.splitlines()[-1] == f"trivet: {error['message']}"


def test_a_name_that_the_system_refuses_does_not_count_as_a_fault(capsys):
    with pytest.raises(SystemExit, match="3"):
        main(["view", "a" * 300])
    said = capsys.readouterr().err
    assert "File name too long" in said
    assert "fault" not in said


def test_the_place_of_an_unexpected_error_is_named(ended):
    assert "at trivet/place.py:" in ended(lambda: find({"a": 1}, 7))[2]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(tmp_path):
    program = "from trivet.cli import main; main(['schema'])"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "No space left" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        pytest.param(["schema"], marks=pytest.mark.slow),
        ["privacy", "plan", "--epsilon", "1", "--queries", "3", "--sensitivity", "1"],
    ],
)
def test_a_reader_that_has_left_is_no_error_and_no_verdict(arguments):
    program = f"from trivet.cli import main; main({arguments})"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert done.returncode == 141
    assert "trivet:" not in done.stderr
