"""``trivet fairness``: predictions in a table, scores, and models with mitigations."""

import json
import re

import duckdb
import numpy as np
import pytest
from pydantic import TypeAdapter

from trivet.cli.main import main
from trivet.fairness.auditing.results import FairnessAudit, FairnessComparison

OK = "sex,label,pred\nf,1,1\nm,0,0\nf,0,1\nm,1,1\n"


def people(rows=400, seed=0):
    """A table with two sensitive columns, a feature, a label, a score and the prediction from it."""
    rng = np.random.default_rng(seed)
    sex, town = rng.choice(["f", "m"], rows), rng.choice(["ulm", "=1+1", "[red]x[/]"], rows)
    skill = rng.normal(size=rows) + 0.9 * (sex == "m")
    hired = np.where(skill + rng.normal(0, 0.5, rows) > 0.8, "yes", "no")
    score = 1 / (1 + np.exp(-2 * (skill - 0.8)))
    lines = [
        f"{s},{t},{k:.3f},{h},{p:.4f},{'yes' if p >= 0.5 else 'no'}"
        for s, t, k, h, p in zip(sex, town, skill, hired, score, strict=True)
    ]
    return "sex,town,skill,hired,score,guess\n" + "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "people.csv").write_text(people(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def run(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["fairness", *map(str, arguments)])
        said = capsys.readouterr()
        return stopped.value.code, said.out, said.err

    return run


ASKED = ("people.csv", "--label", "hired", "--positive", "yes")


def test_predictions_are_audited_and_said_in_words(folder, run):
    code, out, _ = run(*ASKED, "--sensitive", "sex", "--prediction", "guess", "--ignore", "score")
    assert code == 1
    assert "✗ people.csv: disparate. f is selected" in out
    assert "points by which m is selected more often than f" in out
    assert "Civil Rights Act of 1991" in out
    assert "no value of one is a legal finding" in out


def test_the_same_as_json_is_one_document_and_the_files_hold_it(folder, run):
    arguments = (*ASKED, "--sensitive", "sex,town", "--score", "score", "--ignore", "guess")
    code, out, _ = run(*arguments, "--out", "audit", "--json")
    document = json.loads(out)
    assert code == 1
    seconds, files = document.pop("seconds"), document.pop("files")
    assert seconds > 0
    audit = TypeAdapter(FairnessAudit).validate_python(document)
    assert [each.name for each in audit.attributes] == ["sex", "town", "sex x town"]
    assert audit.cut == 0.5
    assert all(group.scores is not None for each in audit.attributes for group in each.groups)
    written = (folder / "audit" / "fairness.json").read_bytes()
    assert TypeAdapter(FairnessAudit).validate_json(written) == audit
    assert "audit/fairness.html" in files
    page = (folder / "audit" / "fairness.html").read_text(encoding="utf-8")
    assert "[red]x[/]" in page


@pytest.mark.slow
def test_the_same_call_writes_the_same_bytes(folder, run):
    for out in ("audit", "again"):
        run(
            *ASKED, "--sensitive", "sex,town", "--score", "score", "--ignore", "guess", "--out", out, "--json"
        )
    for name in ("fairness.json", "fairness.html"):
        assert (folder / "again" / name).read_bytes() == (folder / "audit" / name).read_bytes()


def test_parquet_and_databases_say_the_same(folder, run):
    # DuckDB would take yes and no for truth values.
    typed = "read_csv('people.csv', types = {'hired': 'VARCHAR', 'guess': 'VARCHAR'})"
    duckdb.sql(f"COPY (SELECT * FROM {typed}) TO 'people.parquet'")
    with duckdb.connect("people.duckdb") as connection:
        connection.execute(f"CREATE TABLE people AS FROM {typed}")
    found = []
    for table in ("people.csv", "people.parquet", "people.duckdb:people"):
        _, out, _ = run(table, *ASKED[1:], "--sensitive", "sex", "--score", "score", "--json")
        document = json.loads(out)
        found.append((document["attributes"], document["cautions"], document["verdict"]))
    assert found[0] == found[1] == found[2]


def test_counts_alone_need_no_other_column(folder, run):
    code, out, _ = run(*ASKED, "--sensitive", "sex", "--prediction", "guess", "--counts-only", "--json")
    document = json.loads(out)
    assert code == 1
    assert document["attributes"][0]["by_feature"] is None
    assert [caution["kind"] for caution in document["cautions"]] == ["not looked at"]


def test_a_sample_of_rows_is_said_to_be_one(folder, run):
    _, out, _ = run(*ASKED, "--sensitive", "sex", "--score", "score", "--rows", "100", "--json")
    document = json.loads(out)
    assert document["rows"] == 400
    assert document["attributes"][0]["by_feature"]["rows"] == 100
    assert "of 100 rows, drawn at random" in document["cautions"][0]["message"]


def test_models_are_compared_and_the_files_hold_it(folder, run):
    arguments = (
        "--estimator",
        "logistic",
        "--ignore",
        "score,guess",
        "--mitigate",
        "reweighing,group-thresholds",
    )
    code, out, _ = run(
        *ASKED, "--sensitive", "sex", *arguments, "--repeats", "2", "--workers", "1", "--out", "models"
    )
    assert code == 1
    assert re.search(r"▸?baseline +0\.\d{3} +0\.\d{3}", out)
    assert "group-thresholds: thresholds f: 0." in out
    assert "Without mitigation f is selected" in out
    assert "few trainings: Only 2 trainings on other rows" in out
    found = TypeAdapter(FairnessComparison).validate_json((folder / "models" / "fairness.json").read_bytes())
    assert [model.name for model in found.models] == ["baseline", "reweighing", "group-thresholds"]
    assert found.features == ("sex", "town", "skill")
    assert (folder / "models" / "fairness.html").is_file()


def test_the_table_that_the_verdict_of_a_comparison_rests_on_is_printed(folder, run):
    options = ("--estimator", "logistic", "--ignore", "score,guess", "--mitigate", "reweighing")
    options += ("--sensitive", "town,sex", "--repeats", "0", "--workers", "1")
    _, out, _ = run(*ASKED, *options)
    _, document, _ = run(*ASKED, *options, "--json")
    baseline = json.loads(document)["baseline"]
    name = next(each["name"] for each in baseline["attributes"] if each["reason"] == baseline["reason"])
    assert name == "sex"
    assert re.search(r"^sex +rows", out, re.MULTILINE)
    assert re.search(r"^town x sex +rows", out, re.MULTILINE)
    assert not re.search(r"^town +rows", out, re.MULTILINE)


@pytest.mark.slow
def test_adult_is_there_without_a_table(trivet):
    done = trivet(
        "fairness", "--estimator", "logistic", "--mitigate", "massaging", "--repeats", "1", "--json"
    )
    assert done.code == 1, done.err
    document = done.json
    assert document["baseline"]["data"] == "Adult, test rows"
    massaged = document["models"][1]
    assert massaged["verdict"] != "disparate"
    assert massaged["group"] == "Female"


LABELLED = ("--label", "label", "--sensitive", "sex")
BAD = [
    (OK, ("--label", "lable", "--sensitive", "sex", "--prediction", "pred"), 2, "did you mean 'label'"),
    (OK, ("--label", "label", "--sensitive", "sx", "--prediction", "pred"), 2, "did you mean 'sex'"),
    (OK, (*LABELLED, "--prediction", "perd"), 2, "did you mean 'pred'"),
    (OK, LABELLED, 2, "--selected, --outcome, --rank and --estimator, found none"),
    (OK, (*LABELLED, "--prediction", "pred", "--score", "pred"), 2, "found --prediction and --score"),
    (OK, ("--prediction", "pred"), 2, "a table needs --sensitive"),
    (OK, (*LABELLED, "--prediction", "pred", "--privileged", "x"), 2, "there are f; m"),
    (OK, (*LABELLED, "--prediction", "pred", "--ignore", "zip"), 2, "no column 'zip'"),
    (OK, (*LABELLED, "--prediction", "pred", "--rows", "0"), 2, "--rows is 0"),
    (OK, (*LABELLED, "--estimator", "logistic", "--workers", "0"), 2, "--workers is 0"),
    (OK, (*LABELLED, "--prediction", "pred", "--four-fifths", "2"), 2, "is 2.0; expected 0.01 to 1"),
    (OK, (*LABELLED, "--score", "pred", "--cut", "2"), 2, "--cut is 2; expected 0 to 1"),
    (OK, (*LABELLED, "--estimator", "logistic", "--mitigate", "magic"), 2, "no mitigation 'magic'"),
    (OK, (*LABELLED, "--estimator", "logistic"), 3, "2 of 4 rows have the rarer label"),
    ("sex,label,pred\nf,1,1\nf,0,0\n", (*LABELLED, "--prediction", "pred"), 3, "there is only one group"),
    (
        "sex,label,pred\nf,a,a\nm,b,b\nf,c,a\n",
        (*LABELLED, "--prediction", "pred"),
        2,
        "say which one is positive",
    ),
    ("sex,label,pred\nf,1,1\n,0,0\nm,1,1\n", (*LABELLED, "--prediction", "pred"), 3, "'sex' in 1"),
    ("sex,label,s\nf,1,1.2\nm,0,0.3\n", (*LABELLED, "--score", "s"), 3, "should lie from 0 to 1; 1 row"),
    ("sex,label,s\nf,1,high\nm,0,0.3\n", (*LABELLED, "--score", "s"), 3, "1 row holds no number"),
    ("", (*LABELLED, "--prediction", "pred"), 3, "is empty; expected a line with the names"),
    ("sex,label,pred\n", (*LABELLED, "--prediction", "pred"), 3, "no rows"),
    (
        'sex,label,pred\nf,1,1\nm,"0,0\nf,0,1\nm,1,1\n',
        (*LABELLED, "--prediction", "pred"),
        3,
        "line 3 has a quotation mark without its second",
    ),
    ("sex,label,pred\nf,1\nm,0,0,3\n", (*LABELLED, "--prediction", "pred"), 3, "line 2 has 2 cells"),
]


@pytest.mark.parametrize(("content", "arguments", "code", "message"), BAD)
def test_bad_input_is_one_line_and_nothing_is_written(
    tmp_path, monkeypatch, run, content, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(content)
    ended, out, err = run("t.csv", *arguments)
    complaint = [line for line in err.splitlines() if not line.startswith("[")]
    assert ended == code
    assert out == ""
    assert len(complaint) == 1
    assert complaint[0].startswith("trivet: ")
    assert message in complaint[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]


def test_a_million_groups_are_no_groups(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    duckdb.sql(
        "COPY (SELECT range AS person, range % 2 AS label, 1 AS pred FROM range(1000000)) TO 'many.parquet'"
    )
    code, _, err = run("many.parquet", "--label", "label", "--sensitive", "person", "--prediction", "pred")
    assert code == 2
    assert "'person' has 1,000,000 different values; expected 1,000 groups or fewer" in err
    named = ("--label", "person", "--sensitive", "label", "--prediction", "pred")
    code, _, err = run("many.parquet", *named)
    assert code == 2
    assert "expected 100 classes or fewer. Amounts are audited by their means and quantiles: --outcome" in err


def test_predictions_of_true_and_false_beside_labels_of_0_and_1_are_the_same_rows(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    lines = [
        f"{'fm'[i % 2]},{i % 7},{int(i % 3 == 0)},{(i % 7 > 3 - i % 2) != (i % 11 == 0)}" for i in range(400)
    ]
    (tmp_path / "t.csv").write_text("sex,x,y,guess\n" + "\n".join(lines) + "\n")
    _, out, _ = run("t.csv", "--label", "y", "--sensitive", "sex", "--prediction", "guess", "--json")
    attribute = json.loads(out)["attributes"][0]
    by_class, by_feature = attribute["by_class"]["whole"], attribute["by_feature"]["whole"]
    assert by_class["value"] == pytest.approx(by_feature["value"], abs=1e-12)
    assert by_class["value"] != 0


def test_a_huge_number_is_no_trouble(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    lines = [f"{'fm'[i % 2]},{'1.797e308' if i == 7 else i % 7},{i % 3 // 2},{i % 2}" for i in range(400)]
    (tmp_path / "t.csv").write_text("sex,x,y,guess\n" + "\n".join(lines) + "\n")
    code, _, err = run("t.csv", "--label", "y", "--sensitive", "sex", "--prediction", "guess")
    assert code in {0, 1}
    assert "Traceback" not in err


@pytest.mark.parametrize("seed", ["-1", "4294967296"])
def test_a_seed_beyond_is_refused(folder, run, seed):
    for what in (("--prediction", "guess"), ("--estimator", "logistic", "--repeats", "0")):
        code, _, err = run(*ASKED, "--sensitive", "sex", *what, "--seed", seed)
        assert code == 2
        assert "expected 0 to 4294967295" in err


def test_a_value_may_begin_with_a_hyphen(folder, run):
    rows = "".join(f"{'fm'[i % 2]},{i % 3 > 0:d},{i % 7 - 3}\n" for i in range(120))
    (folder / "logits.csv").write_text("sex,label,logit\n" + rows, encoding="utf-8")
    scored = ("logits.csv", "--label", "label", "--sensitive", "sex", "--score", "logit", "--counts-only")
    code, out, _ = run(*scored, "--score-range", "-3,3", "--cut", "-1")
    assert (code, "120 rows: accuracy" in out) == (0, True)
    code, _, err = run(*scored, "--score-range", "-3,3", "--cut", "-1", "--exclude", "-9,-8")
    assert (code, "exclude names '-9', which is not a value" in err) == (2, True)


def test_a_withheld_reference_is_said_to_be_one(folder, run):
    rows = [("a", 60, 30), ("b", 60, 24), ("c", 40, 30), ("d", 3, 1)]
    lines = [f"{name},{label},{k % 2}" for name, n, x in rows for k in range(n) for label in [int(k < x)]]
    (folder / "few.csv").write_text("town,label,pred\n" + "\n".join(lines) + "\n", encoding="utf-8")
    few = ("few.csv", "--label", "label", "--sensitive", "town", "--prediction", "pred", "--suppress", "5")
    _, out, _ = run(*few, "--privileged", "d")
    assert "; d: withheld" in out
    assert "What the others are compared with is withheld, and so are their ratios to it." in out
