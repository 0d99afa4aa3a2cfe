"""``trivet fairness --search``: subgroups on the terminal, in JSON, and what is refused."""

import json

import numpy as np
import pytest

from trivet.cli.main import main

HOSTILE = "[red]x[/] ::add-mask::"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return what runs the command on a table, and gives its exit code and its output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "people.csv").write_text(people(), encoding="utf-8")

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["fairness", "people.csv", "--sensitive", "sex", *arguments])
        said = capsys.readouterr()
        return stopped.value.code, said.out, said.err

    return run


def people(rows=1_500):
    """Women of one town are selected more often, and their scores are too low."""
    generator = np.random.default_rng(0)
    lines = ["id,sex,town,age,label,guess,score"]
    for number in range(rows):
        sex, town = generator.choice(["f", "m"]), generator.choice(["Aa", "Bb", HOSTILE])
        age, score = generator.integers(18, 80), generator.random()
        inside = sex == "f" and town == HOSTILE
        label = int(generator.random() < min(score + 0.4 * inside, 1.0))
        guess = int(generator.random() < (0.75 if inside else 0.35))
        lines.append(f"{number},{sex},{town},{age},{label},{guess},{score:.4f}")
    return "\n".join(lines) + "\n"


PREDICTED = ("--label", "label", "--prediction", "guess", "--ignore", "id,score")


def test_a_subgroup_is_printed_with_what_would_have_been_found(run):
    code, out, _ = run(*PREDICTED, "--search", "--metric", "selection_rate")
    assert code in {0, 1}
    assert "sex = f and town = [red]x[/]" in out
    assert "would have been found four times in five" in out
    assert "Not searched" not in out


def test_the_json_holds_the_search_and_the_exit_code_stays_that_of_the_audit(run):
    code, out, _ = run(*PREDICTED, "--search", "--search-rows", "50", "--json")
    found = json.loads(out)
    assert code == (found["verdict"] == "disparate")
    searched = found["subgroups"]
    assert searched["fewest"] == 50
    assert searched["found"][0]["description"] == f"sex = f and town = {HOSTILE}"
    assert searched["found"][0]["conditions"][0] == {"column": "sex", "text": "sex = f"}
    assert searched["calibration"] is None
    plain, out, _ = run(*PREDICTED, "--json")
    assert plain == code
    assert json.loads(out)["subgroups"] is None


def test_halves_and_calibration(run):
    _, out, _ = run(*PREDICTED, "--search-split", "--metric", "selection_rate", "--json")
    assert json.loads(out)["subgroups"]["mode"] == "split"
    scored = ("--label", "label", "--score", "score", "--ignore", "id,guess", "--search", "--json")
    _, out, _ = run(*scored)
    calibration = json.loads(out)["subgroups"]["calibration"]
    assert f"sex = f and town = {HOSTILE}" in {each["description"] for each in calibration["found"]}
    _, out, _ = run(*scored, "--score-range", "0,2", "--cut", "1")
    assert json.loads(out)["subgroups"]["calibration"] is None


def test_subgroups_are_made_of_the_columns_that_are_named(run):
    _, out, _ = run(*PREDICTED, "--search", "--search-columns", "sex,age", "--json")
    searched = json.loads(out)["subgroups"]
    assert [each["column"] for each in searched["columns"]] == ["sex", "age"]
    assert searched["left_out"] == []
    assert searched["found"][0]["description"] == "sex = f"


def test_without_labels_selection_is_searched(run):
    _, out, _ = run("--prediction", "guess", "--ignore", "id,score,label", "--search", "--json")
    searched = json.loads(out)["subgroups"]
    assert [each["metric"] for each in searched["metrics"]] == ["selection_rate"]
    assert searched["found"][0]["description"] == f"sex = f and town = {HOSTILE}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*PREDICTED, "--search-rows", "40"), "--search-rows belongs to --search"),
        ((*PREDICTED, "--search-columns", "sex"), "--search-columns belongs to --search"),
        ((*PREDICTED, "--search", "--search-columns", "sxe"), "sxe"),
        (("--label", "label", "--prediction", "guess", "--search", "--counts-only"), "--counts-only"),
        ((*PREDICTED, "--search", "--weight", "score"), "leave --weight out"),
        (("--score", "score", "--search"), "needs --label"),
        ((*PREDICTED, "--search", "--metric", "f1"), "no subgroups can be searched for by f1"),
        (("--label", "label", "--estimator", "logistic", "--search"), "--search: nothing is done with it"),
    ],
)
def test_what_cannot_be_searched_is_one_line(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    (complaint,) = [line for line in err.splitlines() if not line.startswith("[")]
    assert message in complaint
