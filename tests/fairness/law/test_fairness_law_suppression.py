"""Suppression of small cells: what is left determines no withheld count, whatever is added and subtracted."""

import itertools
import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from trivet import fairness
from trivet.cli.main import main
from trivet.errors import UsageError
from trivet.fairness.law.ll144 import summary_of
from trivet.fairness.law.publishing import published_csv
from trivet.fairness.law.suppressed_table import suppressed_bias_audit
from trivet.fairness.law.suppression import suppressed
from trivet.fairness.law.tallies import Tallies
from trivet.policy.requirements import judge, parse_requirements

FEWEST = 5
#: Label and prediction of the kinds of rows.
KINDS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def people(seed, *, sexes=("female", "male", "other sex"), towns=("ulm", "a, b", "bonn"), rows=250):
    """Rows by sex and town, some of them rare."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(len(sexes) * len(towns), 0.4))
    cells = rng.choice(len(shares), rows, p=shares)
    pairs = list(itertools.product(sexes, towns))
    sex, town = np.array([pairs[cell][0] for cell in cells]), np.array([pairs[cell][1] for cell in cells])
    label = (rng.random(rows) < 0.4).astype(int)
    chosen = (rng.random(rows) < np.where(label, 0.7, 0.2)).astype(int)
    return label, chosen, {"sex": sex, "town": town}


def facts(document):
    """Everything that a reader can take from a suppressed audit: sums of kinds of rows of some group."""
    found = []
    if (overall := document["overall"]) is not None:
        found += told(None, None, overall)
    for attribute in document["attributes"]:
        for group in attribute["groups"]:
            found += told(attribute["columns"], group["group"], group)
        for value in attribute["metrics"]:
            if value["numerator"] is not None:
                found += shares(attribute["columns"], value)
    return found


def told(columns, group, values):
    for name, kinds in (("rows", KINDS), ("positives", KINDS[2:]), ("selected", KINDS[1::2])):
        yield columns, group, kinds, values[name]
    rate = values["true_positive_rate"]["value"]
    if rate is not None:
        yield columns, group, [(1, 1)], round(rate * values["positives"])
    rate = values["false_positive_rate"]["value"]
    if rate is not None:
        yield columns, group, [(0, 1)], round(rate * (values["rows"] - values["positives"]))
    if values["accuracy"]["value"] is not None:
        yield columns, group, [(0, 0), (1, 1)], round(values["accuracy"]["value"] * values["rows"])


EVENTS = {
    "selection_rate": KINDS[1::2], "base_rate": KINDS[2:], "true_positive_rate": [(1, 1)],
    "false_positive_rate": [(0, 1)], "accuracy": [(0, 0), (1, 1)], "error_rate": [(0, 1), (1, 0)],
}  # fmt: skip


def shares(columns, value):
    if value["metric"] in EVENTS:
        yield columns, value["group"], EVENTS[value["metric"]], value["numerator"]


def attack(document, columns, cells, names):
    """For each withheld group and count the least and greatest whole number that fits everything told."""
    size = len(cells) * 4

    def row(asked, group, kinds):
        found = np.zeros(size)
        for place, cell in enumerate(cells):
            values = cell if asked is None else tuple(cell[columns.index(name)] for name in asked)
            if asked is None or names[tuple(asked), values] == group:
                for kind in kinds:
                    found[4 * place + KINDS.index(kind)] = 1
        return found

    known = [(row(asked, group, kinds), value) for asked, group, kinds, value in facts(document)]
    rows = LinearConstraint(np.array([each for each, _ in known]), *[[value for _, value in known]] * 2)
    for attribute in document["attributes"]:
        for each in attribute["withheld"]:
            sums = (KINDS, KINDS[2:], KINDS[:2], KINDS[1::2], KINDS[::2]) if each["whole"] else ([(1, 1)],)
            for kinds in sums:
                cost = row(attribute["columns"], each["group"], kinds)
                ends = []
                for sign in (1, -1):
                    solved = milp(
                        sign * cost, constraints=rows, integrality=np.ones(size), bounds=Bounds(0, np.inf)
                    )
                    assert solved.success
                    ends.append(sign * solved.fun)
                yield each["group"], kinds, ends[0], ends[1]


@pytest.mark.parametrize("seed", range(3))
def test_no_withheld_count_is_determined_by_sums_and_differences(seed):
    label, chosen, sensitive = people(seed)
    audit = fairness.audit(None, label=label, prediction=chosen, sensitive=sensitive)
    found = suppressed(audit, FEWEST)
    document = json.loads(json.dumps(asdict(found)))
    cells = sorted(set(zip(sensitive["sex"], sensitive["town"], strict=True)))
    quoted = {value: f'"{value}"' if "," in value else value for _, value in cells}
    names = {
        **{(("sex",), (sex,)): sex for sex, _ in cells},
        **{(("town",), (town,)): town for _, town in cells},
        **{(("sex", "town"), cell): f"{cell[0]}, {quoted[cell[1]]}" for cell in cells},
    }
    withheld = list(attack(document, ("sex", "town"), [tuple(map(str, cell)) for cell in cells], names))
    assert withheld
    assert [each for each in withheld if each[3] - each[2] < 1] == []


@pytest.mark.parametrize("seed", range(3))
def test_no_small_count_is_published_and_nothing_of_a_withheld_group(seed):
    label, chosen, sensitive = people(seed)
    audit = fairness.audit(None, label=label, prediction=chosen, sensitive=sensitive, metric="equalized_odds")
    found = suppressed(audit, FEWEST)
    for before, after in zip(audit.attributes, found.attributes, strict=True):
        gone = {each.group for each in after.withheld if each.whole}
        errors = {each.group for each in after.withheld} - gone
        assert gone | {group.group for group in after.groups} == {group.group for group in before.groups}
        for group in after.groups:
            counts = group.rows, group.positives, group.rows - group.positives, group.selected
            assert min(*counts, group.rows - group.selected) >= FEWEST
            if group.group not in errors:
                hits = round(group.true_positive_rate.value * group.positives)
                assert min(hits, group.positives - hits, group.selected - hits) >= FEWEST
            else:
                assert group.true_positive_rate.value is group.accuracy.value is None
                assert "suppressed" in group.true_positive_rate.reason
        named = {value.group for value in after.metrics} | {value.reference for value in after.metrics}
        named |= {group.group for one in after.measures for group in one.groups}
        assert not named & gone
        if gone:
            assert not any(value.metric.endswith(("range", "spread")) for value in after.metrics)
            assert all(name not in one.reason for one in (after, *after.measures) for name in gone)
    assert [each.verdict for each in found.attributes] == [each.verdict for each in audit.attributes]
    assert found.overall == audit.overall


def test_rows_with_weights_are_withheld_by_their_counts():
    group = np.repeat(["a", "b", "c"], [200, 60, 60])
    place = np.arange(320)
    label = np.where(group == "b", place == 200, place % 2 == 0).astype(int)
    chosen = (place % 3 == 0).astype(int)
    weight = np.ones(320)
    columns = {"label": label, "prediction": chosen, "sensitive": {"g": group}, "suppress": FEWEST}
    plain, weighted = fairness.audit(None, **columns), fairness.audit(None, **columns, weight=weight)
    # One row of b is positive: nothing of it is shown, nor what would tell it.
    assert [each.group for each in weighted.attributes[0].groups] == ["c"]
    assert plain.attributes[0].withheld == weighted.attributes[0].withheld
    whole = fairness.audit(None, **(columns | {"suppress": None}), weight=weight)
    with pytest.raises(UsageError, match="give counts"):
        suppressed(whole, FEWEST)


def test_a_reference_that_counts_chose_is_withheld_by_name():
    # Seven rows are of b and c, and the reference has 2 % of 300 or more: c would have 6, and b 1.
    group = np.repeat(["a", "b", "c"], [293, 1, 6])
    chosen = np.concatenate([np.arange(293) % 3 == 0, [False], np.arange(6) < 3]).astype(int)
    columns = {"prediction": chosen, "sensitive": {"g": group}, "suppress": FEWEST}
    (found,) = fairness.audit(None, **columns).attributes
    assert [(each.group, each.whole) for each in found.withheld] == [("b", True), ("c", True)]
    assert (found.reference, "2%" in found.reference_why) == ("(withheld)", False)
    (named,) = fairness.audit(None, **columns, privileged="c").attributes
    assert named.reference == "c"


def test_values_with_commas_and_quotation_marks_stay_whole():
    rng = np.random.default_rng(4)
    columns = {
        "k": rng.choice([", ", "b"], 300),
        "l": rng.choice(['"a", b', "c,d", "b"], 300),
        "m": np.where(np.arange(300) < 3, 'a", "b', "b"),
    }
    found = fairness.audit(None, prediction=rng.integers(0, 2, 300), sensitive=columns, suppress=FEWEST)
    assert [each.group for each in found.attributes[2].withheld] == ['a", "b', "b"]
    whole = {each.group for each in found.attributes[3].withheld}
    assert not whole & {each.group for each in found.attributes[3].groups}


def test_notes_on_rows_tell_no_withheld_group(tmp_path):
    # Nine rows are of x or without a group: who reads that seven have none knows that two are of x.
    groups = ["a"] * 60 + ["b"] * 60 + ["x"] * 2 + [""] * 7 + ["u"] * 3
    lines = [f"{group},{place % 2}" for place, group in enumerate(groups)]
    (tmp_path / "people.csv").write_text("\n".join(["g,p", *lines]) + "\n")
    options = {"prediction": "p", "sensitive": ["g"], "missing": "group", "exclude": "u"}
    notes = [each.message for each in fairness.audit(tmp_path / "people.csv", **options).cautions]
    assert any("7 rows" in note for note in notes)
    found = fairness.audit(tmp_path / "people.csv", **options, suppress=FEWEST)
    assert {"x", "missing"} <= {each.group for each in found.attributes[0].withheld}
    notes = [each.message for each in found.cautions]
    assert not any("7 rows" in note or "3 rows" in note for note in notes)
    assert "Left out: some rows, a number that is withheld, with 'u'." in notes


def test_a_requirement_is_not_met_by_the_groups_that_are_left():
    group = np.repeat(["a", "b", "c", "d"], [300, 60, 60, 300])
    place = np.concatenate([np.arange(300), np.arange(60), np.arange(60), np.arange(300)])
    chosen = (place % 2 == 0) & ((group != "c") | (place < 3)) & ((group != "b") | (place < 30))
    audit = fairness.audit(None, prediction=chosen.astype(int), sensitive={"g": group}, suppress=FEWEST)
    assert [each.group for each in audit.attributes[0].withheld] == ["b", "c"]
    record = json.loads(json.dumps({"fairness": {"audit": asdict(audit)}}))
    for text in ("fairness.disparate_impact >= 0.8", "fairness.selection_rate_ratio >= 0.8"):
        (found,) = judge(record, parse_requirements([text]))
        assert (found.met, found.found, found.breaching) == (False, None, 2)
        assert found.subject == "result of b (g)"


def test_the_number_of_rows_without_a_value_is_withheld_with_their_group(tmp_path):
    lines = ["town,chosen"]
    lines += [f"{town},{i % 2}" for town, rows in (("a", 90), ("b", 3), ("", 24)) for i in range(rows)]
    (tmp_path / "people.csv").write_text("\n".join(lines) + "\n")
    options = {"prediction": "chosen", "sensitive": "town", "missing": "group", "privileged": "a"}
    plain, found = (
        fairness.audit(tmp_path / "people.csv", **options, suppress=each) for each in (None, FEWEST)
    )
    assert any("24 rows" in each.message for each in plain.cautions)
    assert {each.group for each in found.attributes[0].withheld} == {"b", "missing"}
    assert not any("24 rows" in each.message for each in found.cautions)


def test_what_other_columns_tell_goes_where_any_group_is_withheld(tmp_path):
    # What goes with town, of the gap between sexes, is made of the counts by both.
    rng, lines = np.random.default_rng(0), ["sex,town,label,chosen,age"]
    for sex, town, rows in [
        ("f", "a", 90),
        ("m", "a", 90),
        ("f", "b", 3),
        ("m", "b", 80),
        ("f", "c", 80),
        ("m", "c", 80),
    ]:
        rate = {"f": 0.3, "m": 0.6}[sex]
        lines += [
            f"{sex},{town},{rng.integers(2)},{int(rng.random() < rate)},{rng.integers(90)}"
            for _ in range(rows)
        ]
    (tmp_path / "people.csv").write_text("\n".join(lines) + "\n")
    options = {"label": "label", "prediction": "chosen", "sensitive": ["sex", "town"]}
    plain = fairness.audit(tmp_path / "people.csv", **options)
    assert plain.attributes[0].by_feature is not None
    found = fairness.audit(tmp_path / "people.csv", **options, suppress=FEWEST)
    assert (found.attributes[0].withheld, found.attributes[0].by_feature) == ((), None)
    assert all(each.proxies is None for each in found.attributes)


def test_the_number_of_comparisons_of_a_bias_audit_does_not_tell_who_is_below_two_percent():
    cells = {("a", "x"): (200, 400), ("b", "x"): (100, 400), ("c", "x"): (30, 100), ("d", "x"): (0, 0)}
    ends = []
    for few, more in ((3, 40), (30, 13)):
        own = cells | {("d", "x"): (1, few), ("e", "x"): (9, more)}
        found = suppressed_bias_audit(summary_of(Tallies(own, ()), data="people"), 8)
        shown = {each.sex: each for each in found.tables[0].categories}
        assert shown["d"].applicants is shown["e"].applicants is None
        ends.append((shown["b"].statistics.low, shown["b"].statistics.high))
    assert ends[0] == ends[1]


def test_an_audit_without_small_counts_stays_as_it_is():
    rng = np.random.default_rng(0)
    sex, label = rng.choice(["f", "m"], 2_000), rng.integers(0, 2, 2_000)
    audit = fairness.audit(None, label=label, prediction=rng.integers(0, 2, 2_000), sensitive={"sex": sex})
    found = suppressed(audit, FEWEST)
    assert found.attributes == audit.attributes
    assert (found.suppressed_below, audit.suppressed_below) == (FEWEST, None)
    with pytest.raises(UsageError):
        suppressed(audit, 0)


def test_one_small_group_takes_the_next_smallest_with_it_and_not_the_reference():
    sex = np.repeat(["a", "b", "c", "d"], [3, 500, 300, 900])
    chosen = np.tile([0, 1], 852)[: len(sex)]
    audit = fairness.audit(None, prediction=chosen, sensitive={"sex": sex}, privileged="c")
    (only,) = suppressed(audit, FEWEST).attributes
    assert [each.group for each in only.withheld] == ["a", "b"]
    assert [group.group for group in only.groups] == ["c", "d"]


def test_many_cells_are_withheld_together():
    rng = np.random.default_rng(1)
    sensitive = {"a": rng.integers(0, 19, 2_000).astype(str), "b": rng.integers(0, 19, 2_000).astype(str)}
    audit = fairness.audit(None, prediction=rng.integers(0, 2, 2_000), sensitive=sensitive)
    found = suppressed(audit, FEWEST)
    assert found.attributes[-1].groups == ()
    assert all(len(each.groups) == 19 for each in found.attributes[:-1])


CELLS = {
    ("Male", "White"): (90, 200),
    ("Male", "Black"): (40, 100),
    ("Female", "White"): (60, 150),
    ("Female", "Black"): (45, 120),
    ("Male", "Asian"): (2, 3),
    ("Female", None): (6, 12),
    (None, "White"): (5, 11),
    (None, None): (1, 2),
}


def test_a_bias_audit_withholds_small_categories_and_what_would_tell_them():
    audit = summary_of(Tallies(CELLS, ()), data="x", smallest_share=0.0)
    found = suppressed_bias_audit(audit, FEWEST)
    sex, race, both = ({each.name: each for each in table.categories} for table in found.tables)
    assert race["Asian"].applicants is None
    assert "suppressed" in race["Asian"].reason
    # The number of Asian applicants is that of all known ones minus the others.
    assert sum(each.applicants is None for each in race.values()) >= 2
    assert both["Male, Asian"].applicants is None
    assert sum(each.applicants is None for each in both.values()) >= 2
    assert race["Black"].applicants == 220
    # Two sexes make up a known number: both are there, or none is.
    assert (sex["Male"].applicants is None) == (sex["Female"].applicants is None)
    text = published_csv(found)
    assert ",3," not in text
    assert "suppressed" in text


def test_the_ratios_of_a_table_go_with_the_category_that_they_are_over():
    cells = {("f", "a"): (30, 100), ("m", "a"): (9, 12), ("f", "b"): (50, 100), ("m", "b"): (20, 100)}
    audit = summary_of(Tallies(cells, ()), data="x", smallest_share=0.0)
    assert audit.tables[2].most_selected == "m, a"
    both = suppressed_bias_audit(audit, FEWEST).tables[2]
    assert both.most_selected is None
    assert all(each.impact_ratio is None and each.statistics is None for each in both.categories)


@pytest.fixture
def file(tmp_path, monkeypatch):
    label, chosen, sensitive = people(2)
    lines = [
        f"{s},{t.replace(', ', '-')},{y},{p}"
        for s, t, y, p in zip(sensitive["sex"], sensitive["town"], label, chosen, strict=True)
    ]
    (tmp_path / "people.csv").write_text("sex,town,label,guess\n" + "\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("law", [False, True])
def test_terminal_json_and_page_withhold_the_same(file, capsys, law):
    asked = ["fairness", "people.csv", "--sensitive", "sex,town", "--prediction", "guess", "--suppress", "5"]
    asked += ["--template", "ll144", "--keep-small"] if law else ["--label", "label", "--counts-only"]
    with pytest.raises(SystemExit):
        main([*asked, "--out", "out"])
    said = capsys.readouterr().out
    name = "ll144" if law else "fairness"
    stored = json.loads((file / "out" / f"{name}.json").read_text())
    page = (file / "out" / f"{name}.html").read_text(encoding="utf-8")
    assert stored["suppressed_below"] == 5
    assert "withheld" in said
    assert "suppressed: a count below 5" in page
    with pytest.raises(SystemExit):
        main([*asked, "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert {key: printed[key] for key in stored} == stored
