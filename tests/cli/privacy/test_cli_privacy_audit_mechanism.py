"""`trivet privacy audit-mechanism` as a user runs it: the three examples, own code, and wrong input."""

import json
import sys

import pytest
from pydantic import TypeAdapter

from trivet.cli import main
from trivet.privacy.mechanism.results import MechanismAudit

EXAMPLES = "trivet.privacy.mechanism.audit"
COMMAND = ("privacy", "audit-mechanism")
#: OpenDP's noise cannot be seeded: this often a test may fail for no reason, and no more.
RARELY = ("--error-rate", 1e-6)

OWN = """
import itertools

calls = itertools.count()

def raises(value):
    raise RuntimeError("the budget is\\nspent [bold]")

def two(value, scale):
    return value

def silent(value):
    value + 1

def strange(value):
    return object()

def leaves(value):
    raise SystemExit(0)

def count(records):
    print("counting")
    return len(records)

def alternates(value):
    return next(calls) % 2

number = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of the user's in the current directory."""
    (tmp_path / "own_audited.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_audited", raising=False)
    yield "own_audited"
    sys.modules.pop("own_audited", None)


@pytest.fixture
def run(capsys):
    """The command line in this process: exit code, standard output, standard error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main([*COMMAND, *map(str, arguments)])
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return call


def test_noise_of_numpy_is_caught_by_its_bits(trivet, tmp_path):
    out = tmp_path / "audit"
    done = trivet(
        *COMMAND, f"{EXAMPLES}:numpy_laplace", "--epsilon", 1, "--trials", 20_000, "--out", out, "--json"
    )
    assert done.code == 1, done.err
    found = done.json
    assert found["verdict"] == "violates"
    assert found["name"] == f"{EXAMPLES}:numpy_laplace"
    assert found["best"]["family"] == "grid"
    assert found["best"]["q_count"] == 0
    assert found["best"]["p"]["value"] > 0.15
    pictures = [f"figures/privacy_mechanisms.{suffix}" for suffix in ("svg", "png")]
    assert found["files"] == [str(out / name) for name in ("mechanism.html", "mechanism.json", *pictures)]
    assert {str(path) for path in out.rglob("*.*")} == set(found["files"])
    text = (out / "mechanism.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    written = TypeAdapter(MechanismAudit).validate_json(text)
    assert TypeAdapter(MechanismAudit).dump_python(written, mode="json") == {
        key: value for key, value in found.items() if key not in {"seconds", "files"}
    }


@pytest.mark.slow
def test_half_the_noise_is_caught_by_its_tail(run):
    code, out, _ = run(
        f"{EXAMPLES}:half_scale_laplace", "--epsilon", 1, "--trials", 20_000, *RARELY, "--json"
    )
    found = json.loads(out)
    assert (code, found["verdict"]) == (1, "violates")
    assert 1.5 < found["epsilon_lower"] < 2
    tail = next(finding for finding in found["findings"] if finding["family"] == "thresholds")
    assert tail["epsilon_lower"] > 1.5
    assert tail["description"] in {"answer > 0", "answer is not above 0"}


def test_noise_of_opendp_passes(run):
    code, out, err = run(f"{EXAMPLES}:opendp_laplace", "--epsilon", 1, "--trials", 5_000, *RARELY)
    assert code == 0
    assert f"✓ {EXAMPLES}:opendp_laplace: consistent with epsilon 1." in out
    assert "does not prove" in out
    assert "audit: asking the mechanism" in err


def test_a_violation_is_told_in_words(run):
    code, out, _ = run(f"{EXAMPLES}:numpy_laplace", "--epsilon", 1, "--trials", 20_000)
    assert code == 1
    assert "✗ " in out
    assert "▸ answer is not a multiple of 2^-5" in out
    assert "violates epsilon 1." in out


def test_own_code_on_two_datasets(run, own):
    arguments = (f"{own}:count", "--epsilon", 0.5, "--inputs", "[1, 2, 3]", "[1,2]", "--trials", 1000)
    code, out, err = run(*arguments, "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (1, "violates")
    assert (found["input_a"], found["input_b"]) == ("[1, 2, 3]", "[1, 2]")
    assert found["examples_a"] == ["3", "3", "3"]
    assert "counting" in err


@pytest.mark.parametrize("inputs", [("-1", "0"), ('"a"', '"b"'), ("{}", "null"), ("[[]]", "1.5")])
def test_inputs_are_any_two_json_values(run, own, inputs):
    code, out, err = run(f"{own}:alternates", "--epsilon", 1, "--inputs", *inputs, "--trials", 1000, "--json")
    assert code == 0, err
    assert json.loads(out)["input_a"] == inputs[0]


def test_the_logic_is_audited_over_several_neighbours(run):
    noise = f"{EXAMPLES}:numpy_laplace"
    pairs = ("--inputs", 3, 3.5, "--inputs", 0, 1)
    code, out, err = run(noise, "--epsilon", 1, "--logic", *pairs, "--trials", 4000, *RARELY, "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (0, "consistent"), err
    assert (found["pairs"], found["input_b"], found["logic"]) == (2, "1", True)
    assert found["epsilon_lower"] > 0.3


def test_patterns_of_query_answers_are_tried(run, own):
    arguments = (f"{own}:count", "--epsilon", 1, "--queries", 4, "--trials", 1000)
    code, out, _ = run(*arguments)
    assert code == 0
    assert "(one above), of 8 pairs the one that showed most" in out
    code, out, err = run(*arguments, "--inputs", 0, 1)
    assert code == 2
    assert "give one of them" in err


WRONG = [
    (("own_audited:nothing", "--epsilon", 1), "has no nothing"),
    (("own_audited:number", "--epsilon", 1), "is a int; expected a class or function"),
    (("own_absent:f", "--epsilon", 1), "cannot be imported: No module named 'own_absent'"),
    (("own_audited.raises", "--epsilon", 1), "expected package.module:function"),
    (("own_audited:two", "--epsilon", 1), "missing a required argument: 'scale'"),
    (("own_audited:raises", "--epsilon", 1), "RuntimeError: the budget is."),
    (("own_audited:silent", "--epsilon", 1), "returned None in every call"),
    (("own_audited:strange", "--epsilon", 1), "returned a value of type object"),
    (("own_audited:leaves", "--epsilon", 1), "failed on the input"),
    (("own_audited:count", "--epsilon", 1), "TypeError: object of type 'int' has no len()"),
    (("own_audited:alternates",), "--epsilon"),
    (("own_audited:alternates", "--epsilon", 0), "--epsilon is 0.0; expected a finite"),
    (("own_audited:alternates", "--epsilon", "nan"), "--epsilon is nan; expected a finite"),
    (("own_audited:alternates", "--epsilon", "one"), 'unable to convert "one" into float'),
    (("own_audited:alternates", "--epsilon", 1, "--delta", 1), "--delta is 1.0; expected 0 or more and"),
    (("own_audited:alternates", "--epsilon", 1, "--trials", 10), "no fewer than 400 can show a violation"),
    (("own_audited:alternates", "--epsilon", 10), "100000 trials are too few: at epsilon 10.0"),
    (
        ("own_audited:alternates", "--epsilon", 1, "--error-rate", 2),
        "--error-rate is 2.0; expected above 0 and",
    ),
    (("own_audited:alternates", "--epsilon", 1, "--seed", -1), "--seed is -1; expected 0 to"),
    (("own_audited:alternates", "--epsilon", 1, "--inputs", "0", "x"), "the input 'x' is not JSON"),
    (("own_audited:alternates", "--epsilon", 1, "--inputs", "NaN", "0"), "the input 'NaN' is not JSON"),
    (("own_audited:alternates", "--epsilon", 1, "--inputs", "0"), "--inputs requires 2"),
    (("own_audited:alternates", "--epsilon", 1, "--inputs", "0", "0"), "both inputs are 0"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_input_is_answered_in_one_line(run, own, arguments, message):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("trivet: ")
    assert message in last
    assert "Traceback" not in err


def test_a_folder_that_cannot_be_written_is_said_before_the_first_call(run, own, tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    code, _, err = run(f"{own}:alternates", "--epsilon", 1, "--out", tmp_path / "taken")
    assert code == 2
    assert "cannot be written" in err
    assert "asking the mechanism" not in err
