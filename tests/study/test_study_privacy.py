"""The study: its settings at the boundary, its light import, and what holds between its parts."""

import dataclasses
import json
import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from example_privacy import studied_privacy
from trivet import privacy
from trivet.audit import run_audit
from trivet.config import AuditConfig, PrivacySection
from trivet.errors import UsageError
from trivet.privacy import PlanSettings, QuerySettings, plan_queries
from trivet.record import PrivacyLeg
from trivet.study.privacy import (
    CountingSettings,
    PrivacySettings,
    SweepSettings,
    publish_privacy,
    study_plan,
)


def made(settings):
    plan = plan_queries(study_plan(settings))
    return plan, publish_privacy(settings, plan)


@pytest.fixture(scope="module")
def study():
    return studied_privacy().published


def test_the_same_settings_give_the_same_study(study):
    assert made(PrivacySettings())[1] == study


def test_the_leg_is_json_without_nan_and_back():
    adapter = TypeAdapter(PrivacyLeg)
    text = adapter.dump_json(studied_privacy())
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} in the record"))
    assert adapter.validate_json(text) == studied_privacy()


def test_curves_pass_through_the_points_that_the_study_names(study):
    curves, at = study.tail_curves, study.tail_curves.thresholds.index(505.0)
    assert curves.thresholds == tuple(float(t) for t in range(480, 521))
    assert curves.base[at] == study.counting.base.exceedance
    assert curves.sequential[at] == study.counting.sequential.exceedance
    assert curves.unbounded[at] == study.counting.unbounded.exceedance
    assert curves.planned[at] == study.correction.laplace.exceedance

    sweep = study.epsilon_sweep
    assert len(sweep.epsilon) == 50
    assert (sweep.epsilon[0], sweep.epsilon[-1]) == (0.02, 1.0)
    assert sweep.epsilon[4] == pytest.approx(0.1, rel=1e-12)
    assert sweep.scale[4] == pytest.approx(study.counting.base.scale, rel=1e-12)
    assert sweep.exceedance[4] == pytest.approx(study.counting.base.exceedance, rel=1e-12)


def test_the_corrections_say_what_the_facts_say(study):
    corrected, plan = study.correction, studied_privacy().plan
    assert dataclasses.asdict(corrected.laplace) in [dataclasses.asdict(row) for row in plan.rows]
    assert corrected.laplace.method == "pld"
    assert corrected.verdict == "within budget"
    assert plan.recommended.scale == pytest.approx(294.9, abs=0.05)
    assert corrected.laplace.scale == pytest.approx(292.9, abs=0.05)
    assert corrected.noise_ratio == pytest.approx(3.14, abs=0.005)
    assert corrected.spent_epsilon == pytest.approx(0.0282, abs=5e-5)
    assert corrected.gaussian_ratio == pytest.approx(414.2 / 294.9, abs=5e-4)
    assert corrected.group_size == study.counting.unbounded.sensitivity == 5
    assert corrected.group_epsilon == pytest.approx(0.5, rel=1e-12)
    assert corrected.group_delta == pytest.approx(7.459e-5, rel=1e-3)
    assert corrected.count_sensitivity_add_remove == corrected.count_sensitivity_replace_one == 1
    assert corrected.histogram_sensitivity_replace_one == 2
    assert corrected.discrete_exceedance < study.counting.base.exceedance


def test_other_settings_reach_the_exercises():
    settings = PrivacySettings(
        epsilon=0.5,
        delta=1e-6,
        counting=CountingSettings(queries=3, sensitivity=2.0, true_value=10, threshold=12.5),
        sweep=SweepSettings(tail_from=8, tail_to=12, epsilon_points=3),
    )
    plan, study = made(settings)
    assert study.counting.sequential.scale == pytest.approx(12.0, rel=1e-12)
    assert study.income.average.scale == 10_000
    assert study.tail_curves.thresholds == (8.0, 9.0, 10.0, 11.0, 12.0)
    assert study.epsilon_sweep.epsilon == pytest.approx((0.02, 0.51, 1.0))
    # Three queries are too few for advanced composition to pay.
    scales = {row.method: row.scale for row in plan.rows if row.mechanism == "laplace"}
    assert scales["advanced"] > scales["basic"]
    assert study.correction.advanced_pays_from > 3


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ({"epsilon": 0}, "epsilon"),
        ({"epsilon": float("inf")}, "epsilon"),
        ({"delta": 1.0}, "delta"),
        ({"counting": {"queries": 0}}, "queries"),
        ({"counting": {"change_fraction": 1.5}}, "change_fraction"),
        ({"income": {"total_true": float("nan")}}, "total_true"),
        ({"sweep": {"tail_from": 600}}, "tail_from"),
        ({"sweep": {"epsilon_from": 2.0}}, "epsilon_from"),
    ],
)
def test_settings_out_of_range_are_refused_at_the_boundary(table, place):
    with pytest.raises(ValidationError, match=place):
        TypeAdapter(PrivacySettings).validate_python(table)


def test_settings_come_from_a_table():
    settings = TypeAdapter(PrivacySettings).validate_python({"delta": 1e-6, "counting": {"queries": 5}})
    expected = CountingSettings(queries=5)
    assert settings == dataclasses.replace(PrivacySettings(), delta=1e-6, counting=expected)


def test_settings_and_results_import_nothing_heavy():
    code = (
        "import sys; from trivet.privacy import laplace; from trivet.study.privacy import PrivacySettings;"
        "print([m for m in ('numpy', 'scipy', 'dp_accounting', 'matplotlib') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_every_public_name_exists():
    for name in privacy.__all__:
        assert getattr(privacy, name) is not None


def test_a_plan_of_ones_own_is_refused_beside_the_study():
    asked = PlanSettings(epsilon=1.0, queries=(QuerySettings(kind="count"),))
    config = AuditConfig(privacy=PrivacySection(plan=asked))
    with pytest.raises(UsageError, match="study = false"):
        run_audit(config)
