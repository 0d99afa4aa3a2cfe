"""Effects on a table of the user's, against figures reckoned by hand, and what is not measured."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from trivet.effects import EffectMatrix, EffectSettings, audit_effects, measure_effects
from trivet.effects.mitigations import SelfGrouped, figure_of
from trivet.effects.own import own_system
from trivet.effects.trainings import (
    Rows,
    Training,
    divided_rows,
    figures_of_decisions,
    halves_of,
    measure_trainings,
)
from trivet.errors import UsageError
from trivet.fairness.auditing.settings import TableSettings
from trivet.fairness.auditing.table import audit_table, rows_of
from trivet.fairness.measures.registry import MEASURES
from trivet.privacy.membership.shadows import model_seed

SMALL = EffectSettings(rows=1_200, samples=3, pairs=2, draws=300, private=False)
TREE = DecisionTreeClassifier(min_samples_leaf=3)


def people(rows=1_200, *, seed=0):
    """Applicants of two groups, and eight of a third, with a text and numbers that are missing."""
    generator = np.random.default_rng(seed)
    sex = generator.choice(["female", "male"], rows, p=[0.4, 0.6])
    sex[:8] = "other"
    skill = generator.normal(size=rows) + 0.6 * (sex == "male")
    noise = generator.normal(size=rows)
    return pd.DataFrame(
        {
            "sex": sex,
            "skill": np.where(generator.random(rows) < 0.05, np.nan, skill),
            "noise": noise,
            "town": generator.choice(["Ulm", "Bonn", "Kiel"], rows),
            "hired": (skill + generator.normal(size=rows) > 0.5).astype(int),
        }
    )


@pytest.fixture(scope="module")
def matrix():
    return audit_effects(
        people(),
        label="hired",
        sensitive="sex",
        privileged="male",
        estimator=TREE,
        mitigate=("drop-sensitive", "reweighing", "group-thresholds"),
        settings=SMALL,
        seed=1,
    )


def by_place(matrix):
    return {(effect.intervention, effect.measurement): effect for effect in matrix.effects}


def test_every_cell_has_a_sentence_and_an_interval_or_a_reason(matrix):
    assert not matrix.study
    assert (matrix.estimator, matrix.table is None, matrix.samples) == ("DecisionTreeClassifier", False, 3)
    assert len(by_place(matrix)) == len(matrix.effects) == 3 * 10 + 3 * 3
    for effect in matrix.effects:
        assert effect.sentence.endswith(".")
        assert (effect.outcome == "not measured") == (effect.low is None)
    assert any("other (8)" in note for note in matrix.notes)
    assert matrix.to_frame().shape[0] == len(matrix.effects)
    adapter = TypeAdapter(EffectMatrix)
    text = json.dumps(adapter.dump_python(matrix, mode="json"), allow_nan=False)
    assert adapter.validate_python(json.loads(text)) == matrix


def test_thresholds_change_decisions_and_no_score(matrix):
    cells = by_place(matrix)
    assert cells["group-thresholds", "model-exposure-all"].outcome == "no effect by construction"
    assert cells["group-thresholds", "model-exposure-decisions-all"].reason is None
    assert (
        cells["group-thresholds", "model-impact-female"].after
        > cells["group-thresholds", "model-impact-female"].before
    )


def reckoned(frame, tmp_path):
    """Accuracy and exposure without a mitigation, from scikit-learn and the attack's formula alone."""
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False)
    rows, _, _ = rows_of(
        TableSettings(table=str(path), label="hired", sensitive=("sex",), estimator="logistic"), seed=1
    )
    columns = pd.get_dummies(frame.drop(columns="hired"), columns=["sex", "town"], dtype=float)
    columns.insert(2, "missing", columns["skill"].isna().astype(float))
    accuracies, areas = [], []
    labels = frame["hired"].to_numpy()
    places = np.arange(len(frame), dtype=float)[:, np.newaxis]
    for turn, sample in enumerate(
        divided_rows(Rows(places, labels, rows.groups), rows=1_200, samples=3, seed=1)
    ):
        taken = sample.features[:, 0].astype(int)
        seed = int(np.random.SeedSequence([1, turn]).generate_state(1)[0])
        inside = halves_of(sample.labels, 2, seed=seed)
        known, probability, right = columns.iloc[taken].to_numpy(), [], []
        for model, half in enumerate(inside):
            filled = np.where(np.isnan(known), np.nanmedian(known[half], axis=0), known)
            tree = DecisionTreeClassifier(min_samples_leaf=3, random_state=model_seed(seed, model))
            tree.fit(filled[half], sample.labels[half])
            said = tree.predict_proba(filled)
            probability.append(said[np.arange(len(taken)), sample.labels])
            right.append(said.argmax(axis=1) == sample.labels)
        accuracies.append(np.mean(np.array(right)[~inside]))
        areas.append(np.mean([exposure(np.array(probability), inside, model) for model in range(4)]))
    return accuracies, areas


def exposure(probability, inside, target):
    """RMIA offline, as Zarifzadeh et al. 2024 write it: a row is sure that dominates many others."""
    others = [model for model in range(4) if model // 2 != target // 2]
    outside = np.array(
        [probability[others][~inside[others][:, row], row].mean() for row in range(inside.shape[1])]
    )
    least = probability[probability > 1e-15].min() / 2
    clip = max(least, 1e-15)
    ratio = np.maximum(probability[target], clip) / np.maximum((1.3 * outside + 0.7) / 2, clip)
    dominated = (ratio[:, None] >= ratio[None, :]).sum(axis=1)
    return roc_auc_score(inside[target], dominated)


def test_accuracy_and_exposure_are_those_of_trees_trained_by_hand(matrix, tmp_path):
    accuracies, areas = reckoned(people(), tmp_path)
    cells = by_place(matrix)
    assert cells["reweighing", "model-accuracy-all"].before == pytest.approx(np.mean(accuracies), abs=0.004)
    # A tree of few rows a leaf knows its rows by heart.
    assert cells["reweighing", "model-exposure-all"].before == pytest.approx(np.mean(areas), abs=0.01)
    assert np.mean(areas) > 0.6


def test_the_frontier_marks_what_no_other_betters(matrix):
    (frontier,) = matrix.frontiers
    assert [point.name for point in frontier.points] == [
        "none",
        "drop-sensitive",
        "reweighing",
        "group-thresholds",
    ]
    signs = [1 if axis.better == "higher" else -1 for axis in frontier.axes]
    values = [
        [sign * figure.value for sign, figure in zip(signs, point.figures, strict=True)]
        for point in frontier.points
    ]
    for point, own in zip(frontier.points, values, strict=True):
        beaten = any(
            all(a >= b for a, b in zip(other, own, strict=True)) and other != own for other in values
        )
        assert point.on_frontier == (not beaten)
        for figure in point.figures:
            assert figure.low <= figure.value <= figure.high
    cells = by_place(matrix)
    accuracy = frontier.points[0].figures[0]
    assert accuracy.value == pytest.approx(cells["reweighing", "model-accuracy-all"].before)


def settings_for(folder, frame, **given):
    path = folder / "people.csv"
    frame.to_csv(path, index=False)
    return TableSettings(**{"table": str(path), "label": "hired", "sensitive": ("sex",), **given})


def measured(settings, chosen=SMALL):
    found = audit_table(settings, seed=0, workers=1)
    audited = getattr(found, "baseline", found)
    return measure_effects(chosen, own_system(chosen, table=settings, audit=audited), seed=0), audited


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    frame = people(3_000)
    frame["score"] = 1 / (1 + np.exp(-frame["skill"].fillna(0.0)))
    folder = tmp_path_factory.mktemp("scored")
    return measured(settings_for(folder, frame, score="score", metric=("true_positive_rate",)))


def test_of_predictions_only_thresholds_and_noise_are_measured(scored):
    matrix, _ = scored
    cells = by_place(matrix)
    assert {row for row, _ in cells if not row.startswith("noise")} == {"group-thresholds", "equalized-odds"}
    for effect in cells.values():
        assert effect.low <= effect.change <= effect.high
    impact = cells["group-thresholds", "model-impact-female"]
    assert impact.before < impact.after
    assert impact.low > 0
    (said,) = (note for note in matrix.notes if note.startswith("Only predictions are given"))
    assert "name an estimator" in said


def test_thresholds_on_scores_are_weighed_by_the_gap_that_the_audit_is_about(scored):
    matrix, _ = scored
    (frontier,) = matrix.frontiers
    assert [axis.name for axis in frontier.axes] == ["accuracy", "gap-true_positive_rate"]
    assert [point.name for point in frontier.points] == ["none", "group-thresholds", "equalized-odds"]
    gaps = {
        effect.intervention: effect
        for effect in matrix.effects
        if effect.measurement == "model-gap-true_positive_rate"
    }
    for point in frontier.points[1:]:
        assert point.figures[1].value == pytest.approx(gaps[point.name].after)


def test_thresholds_are_compared_with_the_cut_on_rows_that_they_were_not_fitted_on(scored):
    """Before: the shares of right decisions at the cut, which the audit has for all rows."""
    matrix, audited = scored
    accuracy = by_place(matrix)["group-thresholds", "model-accuracy-all"]
    assert accuracy.before == pytest.approx(audited.overall.accuracy.value, abs=0.02)


def test_noise_is_added_to_the_counts_of_the_audit(scored):
    matrix, audited = scored
    women = next(group for group in audited.attributes[0].groups if group.group == "female")
    effect = by_place(matrix)["noise-1", "impact-female"]
    assert effect.before == pytest.approx(women.disparate_impact.value)
    assert matrix.counted_rows == sum(
        group.rows for group in audited.attributes[0].groups if group.group != "other"
    )


def test_decisions_without_scores_leave_thresholds_nothing_to_act_on(tmp_path):
    frame = people(600)
    frame["said"] = (frame["skill"] > 0).astype(int)
    matrix, _ = measured(settings_for(tmp_path, frame, prediction="said"))
    cells = by_place(matrix)
    assert {row for row, _ in cells} == {"noise-1", "noise-0.1", "noise-0.01"}
    assert any("decisions and no scores" in note for note in matrix.notes)
    assert cells["noise-0.1", "width-female"].outcome == "worse"
    assert matrix.frontiers == ()


def test_without_labels_noise_is_added_to_selections(tmp_path):
    frame = people(600)
    frame["said"] = (frame["skill"] > 0).astype(int)
    matrix, audited = measured(settings_for(tmp_path, frame, prediction="said", label=None))
    women = next(group for group in audited.attributes[0].groups if group.group == "female")
    assert by_place(matrix)["noise-1", "impact-female"].before == pytest.approx(women.disparate_impact.value)


def test_integer_weights_are_repeated_rows():
    """Figures of decisions, and what is learned, are those of a table in which rows stand several times."""
    generator = np.random.default_rng(3)
    features = generator.normal(size=(400, 2))
    groups, labels = generator.integers(0, 2, 400), generator.integers(0, 2, 400)
    weights = generator.integers(0, 4, 400)
    columns = np.column_stack([features, groups, weights])
    rows = Rows(columns, labels, groups, weights.astype(float))
    twice = rows.take(np.repeat(np.arange(400), weights))
    repeated = Rows(twice.features, twice.labels, twice.groups)
    figures = [
        figure_of(
            kind, name=f"{kind} {group}", model="", whose="", short="", scale="", family="own", group=group,
            measure=MEASURES["equalized_odds"],
        )
        for kind, group in (("accuracy", None), ("accuracy", 0), ("impact", 0), ("gap", None))
    ]  # fmt: skip
    fitted = {}
    for name in (None, "reweighing", "drop-sensitive"):
        given = {"mitigation": name, "column": 2, "hidden": (2, 3)}
        heavy = SelfGrouped(LogisticRegression(), weight=3, **given).fit(rows.features, labels)
        often = SelfGrouped(LogisticRegression(), **given).fit(repeated.features, repeated.labels)
        fitted[name] = heavy.predict_proba(columns)
        if name == "drop-sensitive":  # only it hides the column of weights from a bare classifier
            assert fitted[name] == pytest.approx(often.predict_proba(columns), abs=1e-3)
    decided = generator.integers(0, 2, (3, 400))
    seen = generator.random((3, 400)) < 0.5
    often = np.repeat(np.arange(400), weights)
    found = figures_of_decisions(rows, decided, seen, figures, reference=1)
    assert found == pytest.approx(
        figures_of_decisions(repeated, decided[:, often], seen[:, often], figures, reference=1)
    )
    rates = [
        np.average(decided[which], weights=np.broadcast_to(weights, seen.shape)[which])
        for label in (0, 1)
        for group in (0, 1)
        for which in [seen & (labels == label) & (groups == group)]
    ]
    assert found["gap None"] == pytest.approx(max(abs(rates[0] - rates[1]), abs(rates[2] - rates[3])))


@pytest.mark.slow
def test_rows_that_weigh_the_same_are_measured_as_rows_without_weights(matrix):
    frame = people()
    frame["w"] = 2.0
    weighed = audit_effects(
        frame,
        label="hired",
        sensitive="sex",
        privileged="male",
        weight="w",
        estimator=TREE,
        mitigate=("drop-sensitive", "reweighing", "group-thresholds"),
        settings=SMALL,
        seed=1,
    )
    assert weighed.heaviest == 2.0
    assert any(note.startswith("Rows have weights") for note in weighed.notes)
    known = by_place(matrix)
    for place, effect in by_place(weighed).items():
        before = (effect.before, effect.after) if not place[0].startswith("noise") else (effect.before,)
        if place[1].startswith("width"):
            continue  # of other draws
        assert before == pytest.approx((known[place].before, known[place].after)[: len(before)])


def test_weights_count_in_every_figure(tmp_path):
    frame = people(2_000)
    frame["w"] = 1.0 + 3 * ((frame["sex"] == "female") & (frame["skill"] > 0))
    frame["score"] = 1 / (1 + np.exp(-frame["skill"].fillna(0.0)))
    for given in ({"score": "score"}, {"estimator": "logistic", "mitigate": ("reweighing",), "repeats": 0}):
        matrix, audited = measured(settings_for(tmp_path, frame, weight="w", **given))
        cells = by_place(matrix)
        assert {effect.outcome for effect in matrix.effects} & {"not measured"} == set()
        women = next(group for group in audited.attributes[0].groups if group.group == "female")
        # The selection rates are weighted: in the audit, and in the exact counts that noise is added to.
        assert cells["noise-1", "impact-female"].before == pytest.approx(women.disparate_impact.value)
        assert women.disparate_impact.value != pytest.approx(
            women.selected / women.rows / selected_share(audited, "male"), abs=0.1
        )
        assert matrix.heaviest == 4.0
        place = next(iter(row for row, _ in cells if not row.startswith("noise")))
        accuracy = cells[place, "model-accuracy-all"]
        assert accuracy.before == pytest.approx(audited.overall.accuracy.value, abs=0.06)


def selected_share(audited, name):
    group = next(each for each in audited.attributes[0].groups if each.group == name)
    return group.selected / group.rows


@pytest.mark.slow
def test_a_gap_that_is_named_takes_the_place_of_parity():
    named = dataclasses.replace(SMALL, metric=("fpr", "equalized_odds"))
    matrix = audit_effects(
        people(),
        label="hired",
        sensitive="sex",
        privileged="male",
        estimator=TREE,
        mitigate=("reweighing",),
        settings=named,
        seed=1,
    )
    (frontier,) = matrix.frontiers
    assert [axis.name for axis in frontier.axes] == [
        "accuracy",
        "gap-false_positive_rate",
        "gap-equalized_odds",
        "exposure",
    ]
    cells = by_place(matrix)
    one, worst = (
        cells["reweighing", f"model-gap-{name}"] for name in ("false_positive_rate", "equalized_odds")
    )
    assert 0 < one.before <= worst.before
    assert "false positive rate" in one.sentence
    with pytest.raises(UsageError, match="there is no metric"):
        EffectSettings(metric=("beauty",))


def test_several_attributes_are_measured_together_and_their_counts_one_by_one(tmp_path):
    frame = people(1_200)
    frame["age"] = np.random.default_rng(2).choice(["old", "young"], len(frame))
    settings = settings_for(
        tmp_path,
        frame,
        sensitive=("sex", "age"),
        privileged="male,young",
        estimator="logistic",
        mitigate=("reweighing",),
        repeats=0,
    )
    matrix, _ = measured(settings)
    columns = {effect.measurement for effect in matrix.effects}
    assert {"model-accuracy-female, old", "model-impact-female, young", "impact-sex female"} <= columns
    assert any("not of several together" in note for note in matrix.notes)


def test_what_the_budget_leaves_no_time_for_says_so(tmp_path):
    settings = settings_for(tmp_path, people(600), estimator="logistic", mitigate=("reweighing",), repeats=0)
    late = EffectSettings(rows=1_200, samples=3, pairs=2, draws=300, private=False, budget=1e-6)
    matrix, _ = measured(settings, late)
    cells = by_place(matrix)
    assert (
        cells["reweighing", "model-accuracy-all"].reason
        == "the budget of 1e-06 s was used before it was done"
    )
    # Noise takes no time to speak of.
    assert cells["noise-1", "impact-female"].low is not None


def test_a_remedy_without_its_comparison_has_no_figures():
    rng = np.random.default_rng(0)
    rows = Rows(rng.normal(size=(40, 1)), np.tile([0, 1], 20), np.repeat([0, 1], 20))
    figures = [
        figure_of(kind, name=kind, model="m", whose="all rows", short="", scale="", family="own")
        for kind in ("accuracy", "scores")
    ]
    plain = Training("own", None, LogisticRegression(), slow=True)
    after = Training("own", "after", LogisticRegression(), fixed=frozenset({"scores"}))
    ends = iter([False, True])
    found = measure_trainings(
        [rows], (plain, after), figures, pairs=1, reference=0, seed=0, is_up=lambda: next(ends)
    )
    assert found == [{}]


def test_a_table_that_is_too_small_says_so():
    matrix = audit_effects(
        people(200), label="hired", sensitive="sex", mitigate=("reweighing",), settings=SMALL, seed=1
    )
    assert "there are 200 rows" in by_place(matrix)["reweighing", "model-accuracy-all"].reason


def test_an_estimator_that_gives_no_probabilities_says_so():
    from sklearn.svm import LinearSVC  # noqa: PLC0415 - one test's

    matrix = audit_effects(
        people(600),
        label="hired",
        sensitive="sex",
        estimator=LinearSVC(),
        mitigate=("reweighing",),
        settings=SMALL,
        seed=1,
    )
    assert "no predict_proba" in by_place(matrix)["reweighing", "model-accuracy-all"].reason


def test_names_that_do_not_exist_are_refused():
    with pytest.raises(UsageError, match="there is no mitigation"):
        audit_effects(people(600), label="hired", sensitive="sex", mitigate=("pray",), settings=SMALL)
    with pytest.raises(UsageError, match="expected logistic, boosting"):
        audit_effects(people(600), label="hired", sensitive="sex", estimator="magic", settings=SMALL)
