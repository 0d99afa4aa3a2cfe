"""The summary of Local Law 144: figures computed by hand, small and unknown categories, every door."""

import csv
import io
import json

import pandas as pd
import pytest

from trivet.cli.main import main
from trivet.errors import DataError, UsageError
from trivet.fairness.intervals.comparisons import ratio_interval
from trivet.fairness.law.ll144 import bias_audit, summary_of
from trivet.fairness.law.publishing import published_csv
from trivet.fairness.law.settings import LawOptions
from trivet.fairness.law.suppressed_table import suppressed_bias_audit
from trivet.fairness.law.tallies import Tallies
from trivet.report.pages import BIAS_AUDIT, write_page
from trivet.tables.settings import Reading

#: Selected and all, by sex and race; the ratios of the tests below were computed by hand.
CELLS = {
    ("Male", "White"): (90, 200),
    ("Male", "Black"): (40, 100),
    ("Female", "White"): (60, 150),
    ("Female", "Black"): (45, 120),
    ("Male", "Asian"): (2, 5),
    ("Female", None): (3, 10),
    (None, "White"): (3, 7),
}


@pytest.fixture
def applicants():
    rows = [
        (sex, race or "", int(place < chosen), 100.0 - place if place < chosen else -float(place))
        for (sex, race), (chosen, whole) in CELLS.items()
        for place in range(whole)
    ]
    frame = pd.DataFrame(rows, columns=["sex", "race", "hired", "score"])
    frame.loc[frame.sex.isna(), "sex"] = "Prefer not to say"
    return frame


def by_name(table):
    return {each.name: each for each in table.categories}


def test_ratios_are_over_the_most_selected_category_of_each_table(applicants):
    found = bias_audit(applicants, sex="sex", race="race", prediction="hired")
    sex, race, both = found.tables
    # 108 of 280 women, 132 of 305 men.
    assert by_name(sex)["Female"].impact_ratio == pytest.approx((108 / 280) / (132 / 305))
    assert by_name(sex)["Male"].impact_ratio == 1
    # 85 of 220, over 153 of 357.
    assert by_name(race)["Black"].impact_ratio == pytest.approx((85 / 220) / (153 / 357))
    assert by_name(both)["Female, Black"].impact_ratio == pytest.approx(0.375 / 0.45)
    assert (sex.most_selected, race.most_selected, both.most_selected) == ("Male", "White", "Male, White")
    assert [table.applicants for table in found.tables] == [585, 582, 575]
    assert [table.unknown for table in found.tables] == [7, 10, 17]
    assert (found.applicants, found.unknown, found.unknown_values) == (592, 17, ("Prefer not to say",))
    assert [sum(each.share for each in table.categories) for table in found.tables] == pytest.approx(
        [1, 1, 1]
    )


def test_a_category_below_two_percent_is_stated_without_a_ratio_and_is_not_the_most_selected():
    cells = {("f", "a"): (30, 100), ("m", "a"): (50, 100), ("m", "b"): (4, 4)}
    found = summary_of(Tallies(cells, ()), data="x")
    race, both = found.tables[1:]
    # 4 of 204 are 1.96 percent.
    few = by_name(race)["b"]
    assert (few.applicants, few.rate, few.impact_ratio, few.statistics) == (4, 1.0, None, None)
    assert "4 individuals are less than 2% of the data" in few.excluded
    assert by_name(both)["f, a"].impact_ratio == pytest.approx(0.6)
    kept = summary_of(Tallies(cells, ()), data="x", smallest_share=0.0)
    assert by_name(kept.tables[2])["f, a"].impact_ratio == pytest.approx(0.3)
    why = summary_of(Tallies(cells, ()), data="x", justification="Too few.")
    assert by_name(why.tables[1])["b"].excluded.endswith(": Too few")


def test_exactly_two_percent_is_not_below():
    cells = {("f", "a"): (3, 7), ("m", "a"): (100, 343)}
    assert by_name(summary_of(Tallies(cells, ()), data="x").tables[0])["f"].excluded is None


def test_scores_count_above_the_median_of_all_individuals(applicants):
    found = bias_audit(applicants, sex="sex", race="race", score="score")
    assert found.kind == "scoring"
    assert found.median == applicants.score.median()
    above = applicants[applicants.sex == "Female"].score > found.median
    female = by_name(found.tables[0])["Female"]
    assert (female.selected, female.rate) == (above.sum(), above.mean())


def test_a_table_of_counts_gives_the_same_figures(applicants):
    counts = applicants.groupby(["sex", "race"], as_index=False).agg(
        some=("hired", "sum"), all=("hired", "size")
    )
    found = bias_audit(counts, sex="sex", race="race", selected="some", total="all")
    assert found.tables == bias_audit(applicants, sex="sex", race="race", prediction="hired").tables


def test_nobody_selected_has_no_ratio():
    found = summary_of(Tallies({("f", "a"): (0, 10), ("m", "a"): (0, 10)}, ()), data="x")
    female = by_name(found.tables[0])["f"]
    assert (female.rate, female.impact_ratio, female.statistics) == (0.0, None, None)
    assert "0/0 is unknown" in female.reason
    assert found.tables[0].most_selected is None


def test_the_interval_beside_is_that_of_the_ratio_for_all_pairs_at_once(applicants):
    both = bias_audit(applicants, sex="sex", race="race", prediction="hired").tables[2]
    beside = by_name(both)["Female, Black"].statistics
    # Four categories are compared: six pairs.
    wide = ratio_interval(45, 120, 90, 200, level=1 - 0.05 / 6)
    assert (beside.low, beside.high) == (wide.low, wide.high)
    assert beside.impact_ratio == ratio_interval(45, 120, 90, 200)
    assert (beside.below, beside.verdict) == (False, "unsettled")


def test_the_csv_has_a_row_a_category_and_no_formula():
    cells = {("=1+1", "a"): (30, 100), ("m", "a"): (50, 100)}
    found = summary_of(Tallies(cells, ()), data="x", data_source="=cmd()", audit_date="2026-01-01")
    rows = list(csv.DictReader(io.StringIO(published_csv(found))))
    assert rows[0]["sex"] == "'=1+1"
    assert (rows[1]["rate"], rows[1]["impact_ratio"], rows[1]["note"]) == ("0.5", "1.0", "most selected")
    assert "date of the bias audit: 2026-01-01" in [row["note"] for row in rows]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sex": "race", "race": "sex", "prediction": "hired"}, "name sex first"),
        ({"sex": "sex", "race": "sex", "prediction": "hired"}, "name two columns"),
        ({"sex": "sex", "race": "race"}, "give one of prediction, score"),
        ({"sex": "sex", "race": "race", "score": "score", "positive": "1"}, "leave it out"),
        ({"sex": "sex", "race": "race", "prediction": "sex"}, "say which one is positive"),
        ({"sex": "sex", "race": "race", "prediction": "sex", "positive": "Femal"}, "Did you mean 'Female'"),
        ({"sex": "sex", "race": "race", "prediction": "hired", "unknown": ["Xyz"]}, "is 'Xyz'"),
    ],
)
def test_what_cannot_be_meant_is_refused(applicants, options, words):
    with pytest.raises(UsageError, match=words):
        bias_audit(applicants, **options)


def test_counts_that_are_none_are_refused():
    frame = pd.DataFrame({"sex": ["f", "m"], "race": ["a", "a"], "some": [3, 2], "all": [2, 4]})
    with pytest.raises(DataError, match="row 1 of the table of counts"):
        bias_audit(frame, sex="sex", race="race", selected="some", total="all")


def test_options_of_a_law_need_its_template_and_dates():
    with pytest.raises(UsageError, match="give template"):
        LawOptions(data_source="ours")
    with pytest.raises(UsageError, match="expected a date"):
        LawOptions(template="ll144", audit_date="yesterday")


def test_the_command_writes_a_page_a_csv_and_the_result(applicants, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    applicants.to_csv("applicants.csv", index=False)
    asked = ["fairness", "applicants.csv", "--template", "ll144", "--sensitive", "sex,race"]
    with pytest.raises(SystemExit) as ended:
        main([*asked, "--prediction", "hired", "--out", "out", "--distribution-date", "2026-12-01"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "Not part of the law's figures" in said
    assert "not legal advice" in said
    stored = json.loads((tmp_path / "out" / "ll144.json").read_text())
    assert stored["tables"][0]["categories"][0]["selected"] == 108
    page = (tmp_path / "out" / "ll144.html").read_text(encoding="utf-8")
    assert "2026-12-01" in page
    assert "Male, Asian: left out of impact ratios" in page
    assert (tmp_path / "out" / "ll144.csv").read_text().startswith("table,sex,race_ethnicity")
    with pytest.raises(SystemExit) as ended:
        main([*asked, "--prediction", "hired", "--label", "hired", "--json"])
    assert ended.value.code == 2
    assert "--label: nothing is done with it" in capsys.readouterr().out


def test_a_page_without_a_picture_makes_no_folder_of_pictures(applicants, tmp_path):
    page, *pictures = write_page(
        BIAS_AUDIT, bias_audit(applicants, sex="sex", race="race", score="score"), tmp_path
    )
    assert (page.name, pictures) == ("ll144.html", [])
    assert list(tmp_path.iterdir()) == [page]


def test_marked_columns_excluded_values_and_decimal_commas_are_read_as_in_an_audit(tmp_path):
    lines = ["sex;White;Black;score", *["f;1;;1,5", "m;1;;2,5", "f;;1;3,5", "m;;1;0,5", "x;1;;9,5"] * 3]
    (tmp_path / "marked.csv").write_text("\n".join(lines) + "\n")
    found = bias_audit(
        tmp_path / "marked.csv",
        sex="sex",
        race="race",
        score="score",
        one_hot="race=White,Black",
        exclude="sex=x",
        reading=Reading(decimal="comma"),
    )
    assert [each.name for each in found.tables[1].categories] == ["Black", "White"]
    assert (found.applicants, found.median) == (12, 2.0)
    assert any("3 rows" in note for note in found.notes)
    assert suppressed_bias_audit(found, 5).notes == (
        "Left out: some rows, a number that is withheld, with 'x' in 'sex'.",
    )


@pytest.mark.parametrize("cells", [("83,1 %", "34,5 %"), ("706,6", "293,2"), ("706", "293,2")])
def test_scores_with_a_decimal_comma_are_refused_with_the_way_in(tmp_path, cells):
    path = tmp_path / "comma.csv"
    path.write_text("sex;race;score\n" + "".join(f"{s};{r};{c}\n" for s in "fm" for r in "ab" for c in cells))
    with pytest.raises(DataError, match="a decimal comma; give --decimal comma"):
        bias_audit(path, sex="sex", race="race", score="score")
    found = bias_audit(path, sex="sex", race="race", score="score", reading=Reading(decimal="comma"))
    assert found.applicants == 8


def test_scores_that_are_no_numbers_are_refused(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("sex,race,score\nf,a,good\nm,b,0.5\n")
    with pytest.raises(DataError, match="should be numbers; 1 row holds no number"):
        bias_audit(path, sex="sex", race="race", score="score")


def test_categories_that_differ_in_spelling_alone_are_named():
    races = ["White", "white", "Black", None] * 20
    table = pd.DataFrame({"sex": ["f", "m"] * 40, "race": races, "hired": [1, 0, 0, 1] * 20})
    found = bias_audit(table, sex="sex", race="race", prediction="hired")
    (note,) = [each for each in found.notes if "spelling" in each]
    assert "'White', 'white'" in note
