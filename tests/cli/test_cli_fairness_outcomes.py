"""``trivet fairness`` for amounts, rankings and several classes."""

import json

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from trivet.cli.main import main
from trivet.fairness.outcomes.results import AmountAudit, MulticlassAudit, RankingAudit
from trivet.wording import amount


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    sex, town = rng.choice(["f", "m"], 600), rng.choice(["ulm", "[red]x[/]"], 600)
    limit = np.exp(rng.normal(7, 0.4, 600) - 0.5 * (sex == "f")).round(2)
    label = rng.choice(["a", "b", "c"], 600)
    frame = pd.DataFrame({"sex": sex, "town": town, "limit": limit, "label": label})
    frame["guess"] = np.where(rng.random(600) < 0.6, label, "a")
    frame["query"] = np.repeat(np.arange(30), 20)
    frame["place"] = frame.groupby("query").limit.rank(ascending=False, method="first").astype(int)
    frame.loc[:4, "limit"] = np.nan
    frame.to_csv(tmp_path / "people.csv", index=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def run(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["fairness", "people.csv", *map(str, arguments)])
        said = capsys.readouterr()
        return stopped.value.code, said.out, said.err

    return run


KINDS = {
    "amounts": (("--outcome", "limit"), AmountAudit, 1),
    "ranking": (("--rank", "place", "--query", "query"), RankingAudit, 1),
    "classes": (("--label", "label", "--prediction", "guess", "--multiclass"), MulticlassAudit, 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_found_is_said_and_written(folder, run, kind):
    options, result, expected = KINDS[kind]
    code, out, _ = run(*options, "--sensitive", "sex,town", "--out", "audit")
    assert code == expected
    assert f"people.csv: {'disparate' if expected else ''}" in out
    assert "[red]x[/]" in out
    assert max(map(len, out.splitlines()[2:14])) <= 80
    audit = TypeAdapter(result).validate_json((folder / "audit" / "fairness.json").read_text())
    assert [each.name for each in audit.attributes] == ["sex", "town", "sex x town"]
    page = (folder / "audit" / "fairness.html").read_text(encoding="utf-8")
    assert "Fairness audit of people.csv" in page
    assert "[red]x[/]" in page
    assert {path.name for path in (folder / "audit" / "figures").iterdir()} == {
        f"outcome_{kind}.svg",
        f"outcome_{kind}.png",
    }


def test_rows_left_out_are_told_and_json_is_one_document(folder, run):
    code, out, _ = run("--outcome", "limit", "--sensitive", "sex", "--json")
    document = json.loads(out)
    assert code == 1
    assert (document["rows"], document["verdict"]) == (595, "disparate")
    assert "5 rows without a number are left out" in document["cautions"][0]["message"]


def test_options_that_go_with_something_else_are_refused(folder, run):
    for options, words in (
        (("--outcome", "limit", "--label", "label"), "--label: nothing is done with it beside --outcome"),
        (("--outcome", "limit", "--query", "query"), "--query: nothing is done with it beside --outcome"),
        (("--rank", "place", "--weight", "limit"), "--weight: nothing is done with it beside --rank"),
        (("--outcome", "limit", "--rank", "place"), "found --outcome and --rank"),
        (("--prediction", "guess", "--multiclass"), "--multiclass needs --label"),
        (
            (
                "--outcome",
                "limits",
            ),
            "did you mean 'limit'",
        ),
    ):
        code, _, said = run(*options, "--sensitive", "sex")
        assert code == 2
        assert words in said


def test_amounts_are_written_alike_on_the_terminal_and_on_the_page(folder, run):
    frame = pd.DataFrame({"sex": ["f", "m"] * 60, "limit": np.linspace(8_000, 16_125.5, 120).repeat(1)})
    frame.to_csv(folder / "people.csv", index=False)
    _, out, _ = run("--outcome", "limit", "--sensitive", "sex", "--out", "audit")
    mean = f"{frame[frame.sex == 'm'].limit.mean():,.0f}"
    page = (folder / "audit" / "fairness.html").read_text(encoding="utf-8")
    assert mean in out
    assert mean in page
    assert "e+0" not in out
    assert "10⁴" not in page
    assert "medians, quantiles" in out
    assert [amount(each) for each in (12062.4, 22.57, 1, -0.5, 0, 0.01234)] == [
        "12,062", "22.57", "1.000", "-0.5000", "0", "0.01234",
    ]  # fmt: skip
