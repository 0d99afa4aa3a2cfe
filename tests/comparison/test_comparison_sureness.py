"""Numbers find the interval beside them, in each of its spellings, or the counts they are shares of."""

import pytest

from example_audits import changed
from example_records import example_own_record, example_record
from trivet.comparison import measured
from trivet.comparison.compare import value_text
from trivet.comparison.judge import Share, belongs_to_an_estimate, estimate_in, is_asked, share_of
from trivet.fairness import share_interval
from trivet.policy.places import values_at
from trivet.record import as_json


def test_bounds_beside_an_estimate():
    around = {"value": 0.4, "low": 0.3, "high": None, "level": 0.9, "method": "x"}
    found = estimate_in(around)
    assert (found.value, found.low, found.high, found.level) == (0.4, 0.3, None, 0.9)
    assert all(belongs_to_an_estimate(name, around) for name in ("low", "high", "level", "method"))
    assert not belongs_to_an_estimate("value", around)


@pytest.mark.parametrize(
    "around",
    [
        {"value": 1.0},
        {"value": 1.0, "low": None, "high": None},
        {"value": None, "low": 0.0, "high": 1.0},
        {"value": True, "low": 0.0, "high": 1.0},
    ],
)
def test_without_bounds_of_its_own_there_is_no_interval(around):
    assert estimate_in(around) is None


@pytest.mark.parametrize(
    ("path", "share"),
    [
        ("security.published.asr.before", (9940, 10_000)),
    ],
)
def test_rates_of_images_are_counted(path, share):
    found = measured(as_json(example_record()), path)
    bounds = share_interval(*share)
    assert (found.low, found.high) == (bounds.low, bounds.high)


def test_rates_of_rows_are_counted_from_the_confusion():
    record = as_json(example_record())
    model = record["fairness"]["published"]["baseline"]
    women = model["counts"]["protected"]
    positive = women["true_positive"] + women["false_negative"]
    parts = (record, record["fairness"], record["fairness"]["published"], model)
    where = ("fairness", "published", "baseline")
    recall = share_of((*where, "true_positive_rates", "protected"), (*parts, model["true_positive_rates"]))
    assert recall == Share(women["true_positive"], positive)
    rate = share_of((*where, "rates", "protected"), (*parts, model["rates"]))
    assert rate == Share(women["true_positive"] + women["false_positive"], sum(women.values()))
    whole = share_of((*where, "accuracy"), parts)
    assert whole.trials == sum(sum(group.values()) for group in model["counts"].values())
    assert whole.successes / whole.trials == pytest.approx(model["accuracy"], abs=0.01)


def test_metrics_and_events_are_shares_of_their_counts():
    around = {"metric": "selection_rate", "value": 0.25, "numerator": 5, "denominator": 20}
    assert share_of(("fairness", "metrics", "value"), ({}, around)) == Share(5, 20)
    assert share_of(("fairness", "metrics", "value"), ({}, {**around, "numerator": None})) is None
    event = {"p_count": 1, "p_trials": 10, "q_count": 2, "q_trials": 9}
    assert share_of(("privacy", "mechanisms", "best", "q", "value"), ({}, event, {"value": 0.2})) == Share(
        2, 9
    )


def test_a_path_leads_to_its_number_and_interval():
    record = as_json(example_own_record())
    found = measured(record, "fairness.audit.attributes.0.groups.0.disparate_impact.value")
    bounds = record["fairness"]["audit"]["attributes"][0]["groups"][0]["disparate_impact"]
    assert (found.value, found.low, found.high) == (bounds["value"], bounds["low"], bounds["high"])
    plain = measured(record, "privacy.published.correction.spent_epsilon")
    assert (plain.low, plain.high) == (None, None)
    assert measured(record, "security.scan.verdict") is None
    unrepaired = as_json(changed(example_record(), "security.repair", None))
    assert measured(unrepaired, "security.repair.attempts.0.asr.after.value") is None
    with pytest.raises(LookupError, match="place"):
        measured(record, "security.nowhere")


@pytest.mark.parametrize("audit", ["audit", "comparison.baseline"])
@pytest.mark.parametrize(
    "setting",
    ["label", "weight", "favourable", "attributes.reference", "attributes.measures.difference_band"],
)
def test_what_is_asked_of_predictions_is_a_setting_for_given_ones_and_for_a_fitted_model(audit, setting):
    place = f"fairness.{audit}.{setting}"
    assert is_asked(tuple(place.split(".")))
    assert values_at(place.replace("attributes", "attributes.*").replace("measures", "measures.*"))


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), ("", "-"), (0, "0"), (False, "no"), (float("inf"), "infinite")]
)
def test_a_side_without_a_value_is_a_dash(value, text):
    assert value_text(value) == text
