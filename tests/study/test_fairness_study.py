import json
from dataclasses import asdict, replace

import pytest

from trivet.errors import DataError
from trivet.study.fairness import compare_studied, publish_fairness
from trivet.study.fairness_results import FairnessSettings


@pytest.fixture(scope="module")
def sound(study):
    return {model.name: model for model in study.comparison.models}


@pytest.mark.slow
def test_two_runs_are_identical(study):
    assert publish_fairness(FairnessSettings(), compare_studied(FairnessSettings())) == study.published


def test_the_record_holds_no_nan(study):
    assert json.dumps(asdict(study), allow_nan=False)


def test_each_step_is_announced_once(study, steps):
    assert study.published.rows == 48_842
    assert len(steps) == len(set(steps)) == 7
    assert all(steps)


def test_the_split_is_the_published_one(study):
    published, comparison = study.published, study.comparison
    assert (published.train_rows, published.test_rows) == (34_189, 14_653)
    assert (published.test_protected, published.test_privileged) == (4_917, 9_736)
    assert (comparison.train_rows, comparison.test_rows) == (34_189, 14_653)


def test_the_comparison_is_of_the_published_baseline(study, sound):
    published = study.published.baseline
    assert sound["baseline"].accuracy.value == published.accuracy
    assert sound["baseline"].disparate_impact == published.disparate_impact
    assert study.audit.verdict == published.verdict == "disparate"
    # Both drop the sensitive feature, or weigh the rows, in the same way.
    assert sound["drop-sensitive"].accuracy.value == study.published.no_gender.accuracy
    assert sound["reweighing"].disparate_impact.value == study.published.reweighed.disparate_impact.value


# What massaging in the right direction gives on the study's split: M and its effect.
def test_massaging_reaches_parity(study, sound):
    assert study.published.correction.massaging_swaps == 1485
    assert sound["massaging"].disparate_impact.value == pytest.approx(0.944, abs=5e-4)
    assert sound["massaging"].accuracy.value == pytest.approx(0.796, abs=5e-4)
    assert sound["massaging"].verdict == "in band"


def test_massaging_helps_where_the_published_direction_harms(study):
    published, corrected = study.published.swap_sweep, study.published.correction.massaging_sweep
    assert list(published.disparate_impact) == sorted(published.disparate_impact, reverse=True)
    assert list(corrected.disparate_impact) == sorted(corrected.disparate_impact)
    assert published.k[0] == corrected.k[0] == 0
    assert published.gap[0] == corrected.gap[0] == study.published.baseline.gap


def test_what_the_report_says_of_the_models_follows_from_their_figures(study, sound):
    published = study.published
    assert published.promotion_widens_gap
    assert published.promotion_demotion.change.gap > 0
    assert published.correction.massaging_narrows_gap
    assert sound["massaging"].parity > sound["baseline"].parity
    assert published.best_by_gap == "the model with group thresholds"
    assert published.best_by_proxy == "the model without the sensitive feature"
    assert published.worst_by_proxy == "the model with group thresholds"
    assert not published.proxy_ranks_alike  # the fairest by difference has the largest proxy


def test_sweeps_agree_with_the_models_of_the_comparison(study, sound):
    published, corrected = study.published, study.published.correction
    at_swaps = published.swap_sweep.k.index(published.swaps)
    assert published.swap_sweep.gap[at_swaps] == published.promotion_demotion.gap
    at_size = corrected.massaging_sweep.k.index(corrected.massaging_swaps)
    assert corrected.massaging_sweep.accuracy[at_size] == sound["massaging"].accuracy.value
    assert corrected.massaging_swaps < max(corrected.massaging_sweep.k)


def test_published_cohorts_run_out_of_candidates(study):
    sweep, sound = study.published.swap_sweep, study.published.correction.massaging_sweep
    assert sweep.promoted == sweep.k
    assert max(sweep.demoted) < max(sweep.k)
    assert sound.demoted == sound.k


def test_thresholds_are_fitted_on_rows_of_their_own(study, sound):
    model = sound["group-thresholds"]
    fitted = model.thresholds
    assert study.published.correction.fit_rows + fitted.rows == study.published.train_rows
    assert 0.8 <= fitted.disparate_impact <= 1.25
    assert {group.group for group in fitted.groups} == {"Female", "Male"}
    assert all(0 < cut < 1 for group in fitted.groups for cut in group.cuts)
    # The same band costs less accuracy when no pair of cuts is missed.
    assert model.accuracy.value > study.published.group_thresholds.accuracy


def test_published_thresholds_look_fairer_on_their_training_rows(study):
    fitted, tested = study.published.thresholds_fit, study.published.group_thresholds
    assert abs(1 - fitted.disparate_impact) < tested.gap


def test_base_rates_differ_as_the_size_of_massaging_says(study):
    rates = study.published.correction.base_rates
    assert rates.privileged - rates.protected == pytest.approx(0.1965, abs=5e-5)


def test_the_other_features_tell_the_group(study):
    assert 0.6 < study.published.correction.proxy_auc < 0.75


def test_every_interval_holds_its_estimate(study):
    for model in (study.published.baseline, study.published.reweighed):
        for found in (model.disparate_impact, model.demographic_parity_difference):
            assert found.low < found.value < found.high


def test_other_settings_give_another_study(study):
    settings = replace(FairnessSettings(), seed=1, swap_sweep=(5,), massaging_sweep=(1,))
    other = publish_fairness(settings, compare_studied(settings))
    assert other.settings == settings
    assert other.swap_sweep.k == (0, 5)
    assert other.baseline.accuracy != study.published.baseline.accuracy


def test_more_swaps_than_candidates_are_refused(study):
    settings = replace(FairnessSettings(), swap_sweep=(0,), massaging_sweep=(50_000,))
    with pytest.raises(DataError, match=r"massaging 50000 labels .* Ask for fewer swaps"):
        publish_fairness(settings, study.comparison)
