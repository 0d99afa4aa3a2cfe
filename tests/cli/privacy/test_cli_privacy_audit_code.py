"""`trivet privacy audit-code` as a user runs it: a script, a module, a table, two inputs, and wrong input."""

import json
import sys

import pytest
from pydantic import TypeAdapter

from trivet.cli import main
from trivet.privacy import CodeAudit

COMMAND = ("privacy", "audit-code")
SCRIPT = """
import numpy as np

rng = np.random.default_rng()


def release(table):
    return {"income": table["income"].sum() + rng.laplace(scale=100_000)}


def main(table):
    print("working")
    return release(table.assign(income=table["income"].clip(0, 100_000)))


def count(rows):
    return len(rows) + rng.laplace(scale=2.0)


def raises(rows):
    raise RuntimeError("the budget is\\nspent [bold]")


number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "release.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "broken.py").write_text("1 / 0", encoding="utf-8")
    (tmp_path / "people.csv").write_text("age,income\n41,30000\n17,20000\n60,90000\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name == "release" or name.startswith("script_"):
            del sys.modules[name]


@pytest.fixture
def run(folder, capsys):
    """The command line in this process: exit code, standard output, standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([*COMMAND, *map(str, arguments)])
        return ended.value.code, *capsys.readouterr()

    return run


def test_a_script_that_violates_its_claim_ends_with_1_and_says_where(run):
    code, out, _ = run("release.py:release", "--table", "people.csv", "--epsilon", 1)
    assert code == 1
    assert "violates" in out
    assert "release.py:8, release" in out
    assert "with one row more" in out


def test_bounds_are_what_the_data_promises(run):
    arguments = ("release.py:release", "--table", "people.csv", "--epsilon", 1)
    assert run(*arguments, "--bounds", "age=0:120,income=0:100000")[0] == 0
    assert run(*arguments, "--bounds", "age=0:120,income=0:110000")[0] == 1


def test_the_main_of_a_bare_script_is_run_and_its_output_kept_apart(run):
    code, out, err = run("release.py", "--table", "people.csv", "--epsilon", 1, "--json")
    found = json.loads(out)
    assert "working" in err
    assert found["name"] == "release.py"
    assert (code, found["verdict"]) == (0, "consistent")
    assert found["calls"][0]["seen"] == 100_000


def test_two_inputs_are_the_only_neighbours(run):
    code, out, _ = run("release:count", "--inputs", "[1,2,3]", "[1,2]", "--epsilon", 0.5, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["verdict"], found["rows"], found["neighbours"]) == ("consistent", None, 3)
    assert found["epsilon_seen"] == pytest.approx(0.5)


def test_the_result_is_written_with_its_page_and_read_back_by_a_run(run, folder, capsys):
    code, out, _ = run("release.py:count", "--table", "people.csv", "--epsilon", 0.4, "--out", "audit")
    assert code == 1
    assert "audit/code.html" in out.replace("\n", "")
    written = (folder / "audit" / "code.json").read_bytes()
    found = TypeAdapter(CodeAudit).validate_json(written)
    assert found.data == "people.csv"
    assert found.calls[0].scale == 2.0
    page = (folder / "audit" / "code.html").read_text(encoding="utf-8")
    assert "release.py:17, count" in page
    assert (folder / "audit" / "figures" / "privacy_code.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("release.py:count", "--epsilon", 1), "either --table"),
        (
            ("release.py:count", "--epsilon", 1, "--table", "people.csv", "--inputs", "1", "2"),
            "either --table",
        ),
        (("release.py:none", "--epsilon", 1, "--table", "people.csv"), "does not exist"),
        (("missing.py", "--epsilon", 1, "--table", "people.csv"), "there is no file missing.py"),
        (("broken.py", "--epsilon", 1, "--table", "people.csv"), "cannot be run: ZeroDivisionError"),
        (("release.py:number", "--epsilon", 1, "--table", "people.csv"), "expected a class or function"),
        (("release.py:raises", "--epsilon", 1, "--table", "people.csv"), "failed on the data"),
        (("release.py:count", "--epsilon", 0, "--table", "people.csv"), "--epsilon"),
        (("release.py:count", "--epsilon", 1, "--inputs", "[1]", "[1]"), "expected two that differ"),
        (("release.py:count", "--epsilon", 1, "--inputs", "x", "[1]"), "is not JSON"),
        (("release.py:count", "--epsilon", 1, "--table", "people.txt"), "neither .csv nor .parquet"),
        (("release.py:count", "--epsilon", 1, "--table", "people.csv", "--bounds", "age=1"), "low:high"),
        (("release.py:count", "--epsilon", 1, "--table", "people.csv", "--bounds", "5:1"), "below the upper"),
    ],
)
def test_wrong_input_is_one_line_that_says_what_to_do(run, arguments, said):
    code, out, err = run(*arguments)
    assert code == 2
    assert said in err
    assert out == ""
    assert len(err.strip().splitlines()) == 1 or "recording" in err


def test_a_table_that_is_not_there_cannot_be_read(run):
    code, _, err = run("release.py:count", "--epsilon", 1, "--table", "nobody.csv")
    assert code == 3
    assert "cannot be read" in err
