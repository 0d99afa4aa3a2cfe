"""``trivet fairness --metric``: figures that others published, from a plain command line."""

import json

import pytest

from trivet.cli.main import main

#: True negatives, false positives, false negatives and true positives of COMPAS, two-year recidivism, as the
#: examples of Aequitas print them; the first and third group are those of ProPublica (J. Larson et al., How
#: we analyzed the COMPAS recidivism algorithm, 2016).
RACE = {
    "African-American": (990, 805, 532, 1369),
    "Asian": (21, 2, 3, 6),
    "Caucasian": (1139, 349, 461, 505),
    "Hispanic": (318, 87, 129, 103),
    "Native American": (5, 3, 1, 9),
    "Other": (208, 36, 90, 43),
}
#: What Aequitas prints of them: false positive, false omission, false discovery and selection rate.
AEQUITAS = {
    "African-American": (0.448468, 0.349540, 0.370285, 0.588203),
    "Asian": (0.086957, 0.125000, 0.250000, 0.250000),
    "Caucasian": (0.234543, 0.288125, 0.408665, 0.348003),
    "Hispanic": (0.214815, 0.288591, 0.457895, 0.298273),
    "Native American": (0.375000, 0.166667, 0.250000, 0.666667),
    "Other": (0.147541, 0.302013, 0.455696, 0.209549),
}
AEQUITAS_NAMES = ("false_positive_rate", "false_omission_rate", "false_discovery_rate", "selection_rate")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return what runs the command on a table, and gives its exit code and its output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(table, *arguments):
        (tmp_path / "table.csv").write_text(table, encoding="utf-8")
        with pytest.raises(SystemExit) as stopped:
            main(["fairness", "table.csv", *arguments])
        said = capsys.readouterr()
        return stopped.value.code, said.out, said.err

    return run


def counted(groups, column="race"):
    """A table with a row for each group, label and prediction, and their number."""
    cells = ((0, 0), (0, 1), (1, 0), (1, 1))
    lines = [
        f"{name},{label},{guess},{rows}"
        for name, table in groups.items()
        for (label, guess), rows in zip(cells, table, strict=True)
    ]
    return "\n".join([f"{column},label,guess,rows", *lines]) + "\n"


LABELLED = ("--label", "label", "--prediction", "guess", "--count", "rows", "--counts-only")


def measures_of(out, attribute=0):
    document = json.loads(out)
    return {each["metric"]: each for each in document["attributes"][attribute]["measures"]}


def group_of(measure, name):
    return next(each for each in measure["groups"] if each["group"] == name)


def test_the_error_rates_of_propublica_stand_on_the_screen(run):
    code, out, _ = run(counted(RACE), *LABELLED, "--sensitive", "race", "--privileged", "Caucasian")
    assert code == 1
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line[:1].isupper()}
    assert lines["Caucasian"][-4:] == ["0.523", "0.235", "0.477", "reference"]
    assert lines["African-American"][-5:-2] == ["0.720", "0.448", "0.280"]


def test_false_positives_decide_where_they_are_named(run):
    pair = {name: RACE[name] for name in ("African-American", "Caucasian")}
    arguments = (*LABELLED, "--sensitive", "race", "--privileged", "Caucasian")
    metrics = ("--metric", "false_positive_rate,false_negative_rate")
    code, out, _ = run(counted(pair), *arguments, *metrics)
    assert code == 1
    assert "The false positive rate of African-American is 1.912 times that of Caucasian" in out
    assert "✗ table.csv: disparate. The false positive rate of African-American" in out
    assert "Also disparate: false negative rate." in out
    _, out, _ = run(counted(pair), *arguments, *metrics, "--json")
    found = measures_of(out)
    rates = {
        (metric, group["group"]): round(group["rate"]["value"], 4)
        for metric, measure in found.items()
        for group in measure["groups"]
    }
    assert rates == {
        ("false_positive_rate", "African-American"): 0.4485,
        ("false_positive_rate", "Caucasian"): 0.2345,
        ("false_negative_rate", "African-American"): 0.2799,
        ("false_negative_rate", "Caucasian"): 0.4772,
    }
    assert all(measure["comparisons"] == 2 for measure in found.values())


def test_the_disparities_of_aequitas(run):
    arguments = (*LABELLED, "--sensitive", "race", "--privileged", "Caucasian", "--json")
    _, out, _ = run(counted(RACE), *arguments, "--metric", ",".join(AEQUITAS_NAMES))
    found = measures_of(out)
    for place, metric in enumerate(AEQUITAS_NAMES):
        reference = AEQUITAS["Caucasian"][place]
        for name, published in AEQUITAS.items():
            group = group_of(found[metric], name)
            assert group["rate"]["value"] == pytest.approx(published[place], abs=6e-7)
            if name != "Caucasian":
                disparity = published[place] / reference
                assert group["ratio"]["value"] == pytest.approx(disparity, rel=2e-5)


def test_the_impact_ratios_of_solasai(run):
    """The second example notebook of solas-ai-disparity: loans at a rate below the median, HMDA."""
    race = {"Black": (141, 340), "Asian": (243, 327), "Native American": (9, 20), "White": (1854, 3623)}
    told = {
        "Black": (0.810, 9.70, 0.001),
        "Asian": (1.452, -23.14, 0.0),
        "Native American": (0.879, 6.17, 0.657),
    }
    others = (
        ({"Hispanic": (167, 508), "Non-Hispanic": (2072, 3808)}, {"Hispanic": (0.604, 21.54, 0.0)}),
        ({"Female": (414, 1034), "Male": (808, 1622)}, {"Female": (0.804, 9.78, 0.0)}),
    )
    for groups, published in ((race, told), *others):
        *_, reference = groups
        lines = [f"{name},{chosen},{rows}" for name, (chosen, rows) in groups.items()]
        table = "\n".join(["group,favorable,total", *lines]) + "\n"
        arguments = ("--selected", "favorable", "--total", "total", "--sensitive", "group", "--json")
        _, out, _ = run(table, *arguments, "--privileged", reference)
        measure = measures_of(out)["selection_rate"]
        for name, (ratio, points, p_value) in published.items():
            group = group_of(measure, name)
            assert round(group["ratio"]["value"], 3) == ratio
            assert round(100 * group["difference"]["value"], 2) == points
            assert round(group["p_value"], 3) == p_value


def test_the_difference_of_the_credit_tutorial_of_aif360(run):
    """The tutorial prints a mean difference of -0.169905 for 700 rows of German credit.

    It gives no counts; these are the only ones of 700 rows, with 60 to 160 below 25 and 465 to 515 good,
    whose difference is that.
    """
    groups = {"below 25": (113 - 63, 0, 63, 0), "25 and above": (587 - 427, 0, 427, 0)}
    arguments = (*LABELLED, "--sensitive", "age", "--privileged", "25 and above", "--json")
    table = counted(groups, column="age").replace(",1,0,", ",1,1,")
    _, out, _ = run(table, *arguments, "--metric", "base_rate")
    group = group_of(measures_of(out)["base_rate"], "below 25")
    assert f"{-group['difference']['value']:.6f}" == "-0.169905"


def test_the_group_selected_most_is_the_reference_where_it_is_asked_for(run):
    arguments = (*LABELLED, "--sensitive", "race", "--json")
    references = {}
    for how in ("favoured", "most-selected", "largest", "population"):
        _, out, _ = run(counted(RACE), *arguments, "--reference", how)
        attribute = json.loads(out)["attributes"][0]
        references[how] = attribute["reference"], attribute["reference_why"]
    share = "it has the largest share of {} among groups with at least 2% of the rows"
    assert references == {
        "favoured": ("African-American", share.format("positive labels")),
        "most-selected": ("African-American", share.format("selected rows")),
        "largest": ("African-American", "it is the largest group"),
        "population": ("all rows", "groups are compared with all rows together"),
    }


def test_a_band_of_differences_judges_in_the_place_of_the_ratio(run):
    groups = {"a": (980, 8, 2, 10), "b": (980, 4, 6, 10)}
    arguments = (*LABELLED, "--sensitive", "race", "--privileged", "a")
    code, out, _ = run(counted(groups), *arguments, "--difference-band", "0.05")
    assert code == 0
    assert "The selection rate of b is 0.004 below that of a" in out
    assert "within the band from -0.05 to 0.05" in out
    _, out, _ = run(counted(groups), *arguments, "--difference-band", "0.05", "--json")
    (group,) = [each for each in measures_of(out)["selection_rate"]["groups"] if each["group"] == "b"]
    assert (group["verdict"], group["below_four_fifths"]) == ("in band", True)


def test_an_unsettled_ratio_says_what_the_estimate_says(run):
    groups = {"a": (40, 20, 20, 20), "b": (50, 15, 20, 15)}
    code, out, _ = run(counted(groups), *LABELLED, "--sensitive", "race", "--privileged", "a")
    assert code == 0
    assert "0.750↓" in out
    assert "these rows do not settle it; the estimate alone lies outside it." in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metric", "false_positiv_rate"), "did you mean false_positive_rate? There are selection_rate,"),
        (("--reference", "smallest"), "smallest"),
        (("--reference", "largest", "--privileged", "Other"), "leave --reference out"),
        (("--difference-band", "0"), "--difference-band is 0"),
        (("--difference-band", "1.5"), "--difference-band is 1.5"),
    ],
)
def test_what_cannot_be_asked_is_one_line(run, arguments, message):
    code, out, err = run(counted(RACE), *LABELLED, "--sensitive", "race", *arguments)
    assert (code, out) == (2, "")
    (complaint,) = [line for line in err.splitlines() if not line.startswith("[")]
    assert message in complaint


@pytest.mark.slow
def test_the_page_has_a_section_on_each_metric(run, tmp_path):
    metrics = "selection_rate,false_positive_rate,equalized_odds"
    arguments = (*LABELLED, "--sensitive", "race", "--privileged", "Caucasian", "--metric", metrics)
    run(counted(RACE), *arguments, "--out", "audit")
    page = (tmp_path / "audit" / "fairness.html").read_text(encoding="utf-8")
    assert 'id="sec:own-fairness-measures"' in page
    assert 'id="fig:fairness_audit_measures"' in page
    assert 'id="tbl:own-fairness-measures"' in page
    assert "The false positive rate of African-American is 1.912 times that of Caucasian" in page
    run(counted(RACE), *LABELLED, "--sensitive", "race", "--out", "plain")
    assert "own-fairness-measures" not in (tmp_path / "plain" / "fairness.html").read_text(encoding="utf-8")
