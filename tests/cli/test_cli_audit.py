"""Tests of the front door: what it finds of files, says is missing, and writes as audit.toml."""

from pathlib import Path

import pytest

from trivet.cli import main
from trivet.config import load_config
from trivet.record import load_record

TABLE = "sex,hired,guess\n" + "f,1,1\nf,0,0\nm,1,1\nm,0,1\n" * 40
PLAN = """[privacy.plan]
epsilon = 1.0

[[privacy.plan.queries]]
name = 'by "district"'
cells = 3
touches = 1
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text(TABLE)
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "weights.pth").write_bytes(b"")
    return tmp_path


def trivet(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["audit", *map(str, arguments)])
    return ended.value.code


def test_everything_that_is_missing_is_said_at_once(here, capsys):
    assert trivet("people.csv", "weights.pth") == 2
    said = capsys.readouterr().err
    for each in (
        "--sensitive",
        "--prediction",
        "--label",
        "It has sex (f, m), hired (0, 1), guess (0, 1).",
        "--arch",
        "--images",
    ):
        assert each in said
    assert said.count("\n") == 1
    assert not (here / "trivet-out").exists()


@pytest.mark.parametrize("thing", [("demo",), ("weights.pth", "--arch", "mnist-cnn")])
def test_networks_of_the_project_come_with_images(here, capsys, thing, monkeypatch):
    audited = []
    monkeypatch.setattr("trivet.cli.audit.run", lambda config, **_: audited.append(config) or 0)
    assert trivet(*thing, "--out", "out") == 0
    assert audited == [Path("out", "audit.toml")]
    assert 'images = "mnist"' in (here / "out" / "audit.toml").read_text()


def test_what_could_not_be_audited_is_not_in_the_way_of_the_next_try(here, capsys):
    given = ("people.csv", "--label", "hired", "--sensitive", "sex", "--out", "out")
    assert trivet(*given, "--prediction", "guess", "--score", "guess") == 2
    assert trivet(*given, "--prediction", "guess", "--positive", "maybe") == 2
    assert trivet(*given, "--prediction", "guess") == 1
    (here / "broken.toml").write_text("[privacy.plan\n")
    capsys.readouterr()
    assert trivet("broken.toml") == 2
    assert "'broken.toml' is not valid TOML" in capsys.readouterr().err


def test_a_table_and_a_plan_are_one_audit(here, capsys):
    given = ("--label", "hired", "--prediction", "guess", "--sensitive", "sex", "--out", "out")
    assert trivet("people.csv", "plan.toml", *given) == 1
    record = load_record(here / "out")
    assert record.fairness.audit.rows == 160
    assert record.privacy.plan.epsilon == 1.0
    assert record.security is None
    config = load_config(here / "out" / "audit.toml")
    assert config.privacy.plan.queries[0].name == 'by "district"'
    assert config.fairness.table.sensitive == ("sex",)
    capsys.readouterr()
    # Another audit leaves the file of this one alone.
    before = (here / "out" / "audit.toml").read_bytes()
    assert trivet("people.csv", *given) == 2
    assert "of another audit" in capsys.readouterr().err
    assert (here / "out" / "audit.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to audit"),
        (("nobody.csv",), "there is no 'nobody.csv'"),
        (("people.csv", "people.csv", "--sensitive", "sex"), "the second for [fairness.table]"),
        (("plan.toml", "--label", "hired"), "--label: for [fairness.table]"),
        ((".",), "is a folder"),
        (("people.csv", "--sensitive", "sex", "--estimator", "logistic"), "--label COL, the true outcome"),
        (("people.csv", "--sensitive", "six", "--prediction", "guess"), "no column 'six'"),
    ],
)
def test_what_cannot_be_audited_is_said_in_one_line(here, capsys, arguments, said):
    assert trivet(*arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.strip().splitlines()[-1].startswith("trivet: ")


def test_a_whole_audit_is_sent_to_run(here, capsys):
    (here / "audit.toml").write_text("[audit]\nstudy = false\n" + PLAN)
    assert trivet("audit.toml") == 2
    assert "type trivet run audit.toml" in capsys.readouterr().err


def test_names_and_values_with_a_comma_stand_in_quotation_marks(here, capsys):
    (here / "loans.csv").write_text('town,"paid, in full"\n"East, rural",yes\nWest,no\n' * 2)
    assert trivet("loans.csv") == 2
    assert 'It has town ("East, rural", West' in (said := capsys.readouterr().err)
    assert '"paid, in full" (no, ' in said


def test_wrong_names_and_words_without_a_positive_one_are_said_with_the_rest(here, capsys):
    (here / "loans.csv").write_text("Sex,granted,score\n" + "f,yes,0.2\nm,no,0.7\nm,,0.1\n" * 3)
    assert trivet("loans.csv", "--sensitive", "sex", "--label", "granted") == 2
    said = capsys.readouterr().err
    assert "--sensitive: the table has no column 'sex'; did you mean 'Sex'" in said
    assert "one of --prediction COL" in said
    assert "--positive 'no' or 'yes', the label that counts as positive" in said
    assert "It has Sex (f, m), granted (no, yes), score (0.1, 0.2, 0.7)." in said
    assert said.count("\n") == 1


def test_of_several_classes_each_is_named_and_the_audit_of_all(here, capsys):
    (here / "grades.csv").write_text("school,grade,guess\n" + "a,good,5\nb,fair,good\n" * 3)
    given = ("--sensitive", "school", "--label", "grade", "--prediction", "guess")
    assert trivet("grades.csv", *given) == 2
    said = capsys.readouterr().err
    assert (
        "--positive 'fair' or 'good' or '5', the label that counts as positive; or, for all of them" in said
    )
    assert "trivet fairness with --multiclass" in said


def test_a_positive_value_is_asked_for_with_the_label(here, capsys):
    (here / "loans.csv").write_text("sex,granted,score\n" + "f,yes,0.2\nm,no,0.7\n" * 3)
    assert trivet("loans.csv", "--sensitive", "sex") == 2
    said = capsys.readouterr().err
    assert "--label COL, the true outcome" in said
    assert (
        "--positive VALUE, the label that counts as positive, where labels are words, as in 'granted'" in said
    )
    for given in (("--positive", "yes"), ("--score", "score", "--label", "score")):
        trivet("loans.csv", *given)
        assert "--positive VALUE" not in capsys.readouterr().err


def test_a_table_with_decimal_commas_and_a_row_number_is_audited(here, capsys):
    rows = "f;0,7;1;{}\nf;0,2;0;{}\nm;0,9;1;{}\nm;0,6;0;{}\n" * 20
    (here / "comma.csv").write_text("sex;score;hired;id\n" + rows.format(*range(80)))
    options = ("--label", "hired", "--sensitive", "sex", "--score", "score", "--out", "out")
    assert trivet("comma.csv", *options, "--decimal", "comma", "--ignore", "id") in {0, 1}
    table = load_config(here / "out" / "audit.toml").fairness.table
    assert (table.decimal, table.ignore) == ("comma", ("id",))
    # 20 of 40 women, and all 40 men, have a score of 0.5 or more.
    groups = load_record(here / "out").fairness.audit.attributes[0].groups
    assert {group.group: group.selection_rate.value for group in groups} == {"f": 0.5, "m": 1.0}
    capsys.readouterr()


def test_images_of_two_sizes_are_scaled_as_the_message_says(here, monkeypatch):
    monkeypatch.setattr("trivet.cli.audit.run", lambda *_, **__: 0)
    assert trivet("demo", "--resize", "28x28", "--crop", "24", "--out", "out") == 0
    scan = load_config(here / "out" / "audit.toml").security.scan
    assert (scan.resize, scan.crop) == ("28x28", 24)
