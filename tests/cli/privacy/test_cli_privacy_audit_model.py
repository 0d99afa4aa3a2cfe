"""``trivet privacy audit-model``: Adult, a table, images and a factory of one's own."""

import json

import duckdb
import numpy as np
import pytest
from pydantic import TypeAdapter

from trivet.cli.main import main
from trivet.privacy.membership.results import MembershipAudit

FACTORY = """
from sklearn.tree import DecisionTreeClassifier
from sklearn.svm import LinearSVC
import torch

def deep(): return DecisionTreeClassifier()
def network(): return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(2))
def without(): return LinearSVC()
"""
QUICK = ("--shadows", "6", "--workers", "1")


def people(rows=300, seed=0):
    """A table with numbers, texts, a missing cell of each, and a label that can be half learnt."""
    generator = np.random.default_rng(seed)
    age = generator.integers(18, 80, rows)
    city = generator.choice(["Bonn", "Ulm", "=1+1"], rows)
    hired = np.where(age + generator.normal(0, 15, rows) > 50, "yes", "no")
    lines = [
        f"{a},{c},{g},{h}"
        for a, c, g, h in zip(age, city, generator.choice(["f", "m"], rows), hired, strict=True)
    ]
    lines[3] = f",{city[3]},f,{hired[3]}"
    lines[4] = f"{age[4]},,,{hired[4]}"
    return "age,city,sex,hired\n" + "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "people.csv").write_text(people(), encoding="utf-8")
    (tmp_path / "audited_shop.py").write_text(FACTORY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["privacy", "audit-model", *map(str, arguments)])
        said = capsys.readouterr()
        return stopped.value.code, said.out, said.err

    return run


@pytest.mark.slow
def test_adult_with_a_model_that_remembers(trivet, tmp_path):
    out = tmp_path / "audit"
    asked = ("privacy", "audit-model", "--model", "tree", "--rows", 3000, "--shadows", 8, "--canaries", 100)
    done = trivet(*asked, "--out", out, "--json")
    assert done.code == 1, done.err
    assert done.json["verdict"] == "exposed"
    assert done.json["canaries"]["canaries"] == 100
    names = ["membership.html", "membership.json", "membership-scores.npz", "exposed-rows.json"]
    pictures = [
        f"figures/privacy_membership_{name}.{end}" for name in ("roc", "groups") for end in ("svg", "png")
    ]
    assert done.json["files"] == [str(out / name) for name in (*names, *pictures)]
    text = (out / "membership.json").read_text(encoding="utf-8")
    written = TypeAdapter(MembershipAudit).validate_json(text)
    assert {row.group for row in written.groups} == {"Female", "Male"}
    with np.load(out / "membership-scores.npz", allow_pickle=False) as scores:
        assert scores["member"].sum() == written.members
        assert set(scores) == {"member", *(attack.attack for attack in written.attacks)}
    again = trivet(*asked, "--out", out)
    assert (out / "membership.json").read_text(encoding="utf-8") == text
    assert "exposed" in again.out
    assert max(map(len, again.out.splitlines()[:6])) <= 80


def test_the_study_s_model_is_not_exposed(run):
    code, out, _ = run("--rows", 3000, *QUICK)
    assert code == 0
    assert "logistic on Adult: no evidence" in out
    assert "TPR at 0.1% FPR" in out


@pytest.mark.slow
def test_a_mitigated_model_of_the_study(run):
    code, out, err = run("--model", "reweighed", "--rows", 3000, *QUICK, "--json")
    assert code == 0, err
    assert json.loads(out)["model"] == "reweighed"


@pytest.mark.parametrize(
    "kind",
    [pytest.param("csv", marks=pytest.mark.slow), pytest.param("parquet", marks=pytest.mark.slow), "duckdb"],
)
def test_a_table_with_a_factory_of_one_s_own(folder, run, kind):
    source = f"people.{kind}"
    if kind == "parquet":
        duckdb.sql("COPY (SELECT * FROM 'people.csv') TO 'people.parquet'")
    elif kind == "duckdb":
        with duckdb.connect("people.duckdb") as connection:
            connection.execute("CREATE TABLE staff AS SELECT * FROM 'people.csv'")
        source = "people.duckdb:staff"
    asked = ("--label", "hired", "--group", "sex,city", "--model", "audited_shop:deep", *QUICK)
    code, out, err = run(source, *asked, "--json")
    assert code in {0, 1}, err
    found = json.loads(out)
    assert (found["rows"], found["classes"], found["model"]) == (300, 2, "audited_shop:deep")
    # age and where it is missing; three cities, f and m, and each missing once.
    assert found["features"] == 2 + 4 + 3
    assert found["train_accuracy"] > 0.9
    assert [(row["column"], row["group"]) for row in found["groups"]][:3] == [
        ("sex", "f"),
        ("sex", "m"),
        ("sex", "missing"),
    ]
    assert found["groups"][2]["auroc"]["value"] is None
    assert "too few" in found["groups"][2]["auroc"]["reason"]


def test_the_label_and_a_column_with_holes_may_be_groups(folder, run):
    code, out, err = run("people.csv", "--label", "hired", "--group", "hired", *QUICK, "--json")
    assert code in {0, 1}, err
    assert [row["group"] for row in json.loads(out)["groups"]] == ["no", "yes"]
    code, out, err = run("--group", "workclass,age", "--rows", 400, *QUICK, "--json")
    assert code in {0, 1}, err
    groups = [row["group"] for row in json.loads(out)["groups"] if row["column"] == "workclass"]
    assert "missing" in groups
    assert "None" not in groups


def test_one_value_of_a_label_against_the_others(folder, run):
    code, out, err = run("people.csv", "--label", "hired", "--positive", "yes", *QUICK, "--json")
    assert code in {0, 1}, err
    assert json.loads(out)["classes"] == 2


def visits(people=60, rows=4):
    """Visits of people, numbered, with a label that can only be learnt by heart."""
    generator = np.random.default_rng(0)
    person = np.repeat(np.arange(people), rows)
    first, second = (generator.normal(size=people)[person] for _ in range(2))
    label = generator.choice(["A", "B", "c"], people)[person]
    lines = [
        f"{row},{a + noise:.4f},{b:.4f},P{who},{said}"
        for row, (a, b, who, said, noise) in enumerate(
            zip(first, second, person, label, generator.normal(0, 0.01, len(person)), strict=True)
        )
    ]
    return "visit,a,b,Patient ID,outcome\n" + "\n".join(lines) + "\n"


def test_rows_of_one_person_are_inside_or_outside_together(folder, run):
    (folder / "visits.csv").write_text(visits(), encoding="utf-8")
    asked = ("visits.csv", "--label", "outcome", "--model", "tree", "--ignore", "visit", *QUICK)
    code, out, err = run(*asked, "--unit", "Patient ID", "--out", "out")
    assert code == 1, err
    assert "by Patient ID:" in out
    assert "by row:" in out
    assert "…" not in out
    found = json.loads((folder / "out" / "membership.json").read_text(encoding="utf-8"))
    assert (found["unit"], found["rows"], found["features"]) == ("Patient ID", 240, 2)
    assert [(each["members"], each["non_members"]) for each in found["attacks"]] == [(30, 30)] * 4
    assert [each["members"] for each in found["row_attacks"]] == [120] * 4
    page = (folder / "out" / "membership.html").read_text(encoding="utf-8")
    assert "Patient ID" in page
    assert "The same by row" in page
    code, out, err = run(*asked, "--out", "rows")
    said = "Each row counts as a person; where 'Patient ID' says whose row each is, give --unit 'Patient ID'."
    assert said in " ".join(out.split())
    by_row = json.loads((folder / "rows" / "membership.json").read_text(encoding="utf-8"))
    assert (by_row["unit"], by_row["row_attacks"]) == ("a row", [])
    assert by_row["features"] > 2
    assert max(each["auroc"]["value"] for each in found["attacks"]) > 0.75
    code, out, _ = run(*asked, "--unit", "Patient ID", "--rows", "150", "--json")
    limited = json.loads(out)
    assert limited["rows"] == 148
    assert limited["attacks"][0]["members"] + limited["attacks"][0]["non_members"] == 37


@pytest.mark.parametrize("model", ["logistic", pytest.param("audited_shop:network", marks=pytest.mark.slow)])
def test_images_with_any_model(folder, run, model):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (80, 5, 5), dtype=np.uint8)
    np.savez("noise.npz", images=images, labels=np.arange(80) % 2)
    code, out, err = run("--images", "noise.npz", "--model", model, *QUICK, "--json")
    assert code in {0, 1}, err
    assert json.loads(out)["features"] == 25


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("people.csv",), 2, "a table needs --label"),
        (
            ("people.csv", "--label", "hired", "--canaries", "50", "--claim", "gaussian"),
            2,
            "--delta is 0.0; a gaussian claim is tested between 0 and 1",
        ),
        (
            ("people.csv", "--label", "hired", "--claim", "gaussian"),
            2,
            "set one, or leave out --claim",
        ),
        (("people.csv", "--label", "hird"), 2, "no column 'hird'; did you mean 'hired'?"),
        (("people.csv", "--label", "hired", "--group", "gender"), 2, "no column 'gender'"),
        (("people.csv", "--label", "hired", "--positive", "maybe"), 3, "no row has the label 'maybe'"),
        (("people.csv", "--label", "city"), 3, "1 of 300 rows have no city"),
        (("people.csv", "--label", "hired", "--unit", "city"), 3, "1 of 300 rows have no city; it is needed"),
        (("people.csv", "--label", "hired", "--unit", "sex"), 3, "1 of 300 rows have no sex"),
        (("people.csv", "--label", "hired", "--unit", "hired"), 2, "--unit and --label are both 'hired'"),
        (("people.csv", "--label", "hired", "--unit", "person"), 2, "no column 'person'"),
        (("people.csv", "--label", "hired", "--ignore", "age,row"), 2, "no column 'row'"),
        (("--unit", "age"), 2, "--unit and --ignore belong to a table"),
        (("--images", "mnist", "--ignore", "age"), 2, "--images have labels of their own"),
        (("people.csv", "--label", "age"), 3, "rows have no age"),
        (("people.csv", "--label", "hired", "--images", "mnist"), 2, "--images have labels of their own"),
        (("none.csv", "--label", "x"), 3, "is not there"),
        (("people.xyz", "--label", "x"), 2, "not a table"),
        (("--label", "income"), 2, "--label, --positive, --unit and --ignore belong"),
        (("--group", "sex"), 2, "Adult has no column 'sex'"),
        (("--rows", "0"), 2, "--rows is 0"),
        (("--rows", "30"), 3, "expected"),
        (("--shadows", "2"), 2, "2 shadow models; expected 4"),
        (("--model", "forest"), 2, "no model is called 'forest'"),
        (("--model", "audited_shop:without"), 2, "LinearSVC has no predict_proba"),
        (("--model", "audited_shop:missing"), 2, "has no missing"),
        (("--attack", "guess"), 2, "Invalid value"),
        (("people.csv", "--label", "hired", "--model", "massaging"), 2, "one of the study's, for Adult"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder, run, arguments, code, message):
    found, out, err = run(*arguments)
    assert found == code
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hired,age\n", "has no rows"),
        ("hired\n" + "yes\nno\n" * 40, "no column beside the label"),
        ("hired,age\n" + "yes,1\n" * 80, "all labels are yes"),
        ("", "is empty"),
    ],
)
def test_a_table_that_does_not_do(folder, run, content, message):
    (folder / "people.csv").write_text(content, encoding="utf-8")
    code, _, err = run("people.csv", "--label", "hired")
    assert code == 3
    assert message in err.splitlines()[-1]


def test_hostile_names_stay_text(folder, run):
    text = people().replace("sex", '"<script>\x1b[31m"').replace("Ulm", '"<b>,\x07"')
    (folder / "people.csv").write_text(text, encoding="utf-8")
    code, out, err = run(
        "people.csv", "--label", "hired", "--group", "<script>\x1b[31m", *QUICK, "--out", folder / "out"
    )
    assert code in {0, 1}, err
    assert "\x1b" not in out
    page = (folder / "out" / "membership.html").read_text(encoding="utf-8")
    assert page.count("<script") == 1  # the page's own
    assert "&lt;script&gt;" in page
