import json
import signal
import subprocess
import sys
from importlib.metadata import version

import jsonschema

from trivet.config import AuditConfig, load_config


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


def test_version(trivet):
    assert trivet("--version").out.strip() == version("trivet")


def test_an_unknown_command_is_a_usage_error(trivet):
    done = trivet("rum")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1


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
