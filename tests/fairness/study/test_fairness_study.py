import json
from dataclasses import asdict, replace
from functools import reduce

import pytest

from trivet.errors import DataError
from trivet.fairness import FairnessSettings, run


def test_two_runs_are_identical(study):
    assert run(FairnessSettings()) == study


def test_the_record_holds_no_nan(study):
    assert json.dumps(asdict(study), allow_nan=False)


def test_each_step_is_announced_once(study, steps):
    assert study.rows == 48_842
    assert len(steps) == len(set(steps)) == 8
    assert all(steps)


def test_the_split_is_the_published_one(study):
    assert (study.train_rows, study.test_rows) == (34_189, 14_653)
    assert (study.test_protected, study.test_privileged) == (4_917, 9_736)


# What massaging in the right direction gives on the study's split: M and its effect.
def test_massaging_reaches_parity(study):
    corrected = study.corrected
    assert corrected.massaging_swaps == 1485
    assert corrected.massaging.disparate_impact == pytest.approx(0.944, abs=5e-4)
    assert corrected.massaging.accuracy == pytest.approx(0.796, abs=5e-4)


def test_massaging_helps_where_the_published_direction_harms(study):
    published, corrected = study.published.swap_sweep, study.corrected.massaging_sweep
    assert list(published.disparate_impact) == sorted(published.disparate_impact, reverse=True)
    assert list(corrected.disparate_impact) == sorted(corrected.disparate_impact)
    assert published.k[0] == corrected.k[0] == 0
    assert published.gap[0] == corrected.gap[0] == study.published.baseline.gap


def test_what_the_report_says_of_the_models_follows_from_their_figures(study):
    published, corrected = study.published, study.corrected
    assert published.promotion_widens_gap
    assert published.promotion_demotion.change.gap > 0
    assert corrected.massaging_narrows_gap
    assert corrected.massaging.change.gap < 0
    assert published.best_by_gap == "the model with group thresholds"
    assert published.best_by_proxy == "the model without the sensitive feature"
    assert published.worst_by_proxy == "the model with group thresholds"
    assert not published.proxy_ranks_alike  # the fairest by difference has the largest proxy


def test_sweeps_agree_with_the_models_of_the_comparison(study):
    published, corrected = study.published, study.corrected
    at_swaps = published.swap_sweep.k.index(published.swaps)
    assert published.swap_sweep.gap[at_swaps] == published.promotion_demotion.gap
    at_size = corrected.massaging_sweep.k.index(corrected.massaging_swaps)
    assert corrected.massaging_sweep.accuracy[at_size] == corrected.massaging.accuracy
    assert corrected.massaging_swaps < max(corrected.massaging_sweep.k)


def test_published_cohorts_run_out_of_candidates(study):
    sweep = study.published.swap_sweep
    assert sweep.promoted == sweep.k
    assert max(sweep.demoted) < max(sweep.k)
    assert study.corrected.massaging_sweep.demoted == study.corrected.massaging_sweep.k


def test_thresholds_are_fitted_on_rows_of_their_own(study):
    corrected = study.corrected
    assert corrected.fit_rows + corrected.validation_rows == study.train_rows
    assert corrected.thresholds_fit.rows == corrected.validation_rows
    assert 0.8 <= corrected.thresholds_fit.disparate_impact <= 1.25
    # The same band costs less accuracy when no pair of cuts is missed.
    assert corrected.group_thresholds.accuracy > study.published.group_thresholds.accuracy


def test_published_thresholds_look_fairer_on_their_training_rows(study):
    fitted, tested = study.published.thresholds_fit, study.published.group_thresholds
    assert abs(1 - fitted.disparate_impact) < tested.gap


def test_base_rates_differ_as_the_size_of_massaging_says(study):
    corrected = study.corrected
    assert corrected.base_rate_difference == pytest.approx(
        corrected.base_rates.privileged - corrected.base_rates.protected
    )
    assert corrected.base_rate_difference == pytest.approx(0.1965, abs=5e-5)


def test_the_other_features_tell_the_group(study):
    assert 0.6 < study.corrected.proxy_auc < 0.75


def test_models_in_the_band_are_named_by_their_place(study):
    def place(name):
        return reduce(getattr, name.split("."), study)

    corrected = study.corrected
    assert set(corrected.four_fifths_interval) < set(corrected.four_fifths)
    assert "corrected.massaging" in corrected.four_fifths_interval
    for name in corrected.four_fifths:
        assert 0.8 <= place(name).disparate_impact <= 1.25
    for name in corrected.four_fifths_interval:
        interval = place(name).disparate_impact_interval
        assert 0.8 <= interval.low < interval.high <= 1.25
    assert not 0.8 <= place("published.reweighed").disparate_impact <= 1.25


def test_every_interval_holds_its_estimate(study):
    models = [study.published.baseline, study.published.reweighed, study.corrected.massaging]
    for model in models:
        for interval in (model.disparate_impact_interval, model.disparate_impact_bootstrap):
            assert interval.low < interval.estimate < interval.high
            assert interval.estimate == model.disparate_impact
        difference = model.demographic_parity_interval
        assert difference.low < model.demographic_parity_difference < difference.high


def test_other_settings_give_another_study(study):
    settings = replace(FairnessSettings(), seed=1, swap_sweep=(5,), massaging_sweep=(1,), replicates=100)
    other = run(settings)
    assert other.settings == settings
    assert other.published.swap_sweep.k == (0, 5)
    assert other.published.baseline.accuracy != study.published.baseline.accuracy


def test_more_swaps_than_candidates_are_refused():
    with pytest.raises(DataError, match=r"massaging 50000 labels .* Ask for fewer swaps"):
        run(replace(FairnessSettings(), swap_sweep=(0,), massaging_sweep=(50_000,)))
