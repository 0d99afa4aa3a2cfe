"""Published violations are found, and sound code is never accused."""

import numpy as np
import published_violations
import pytest
import sound_scripts

from trivet.privacy import audit_code

#: Enough for each of them, unless it says otherwise.
QUICK = {"neighbours": 20, "runs": 1}


@pytest.mark.parametrize("name", published_violations.VIOLATIONS)
def test_a_published_violation_is_found_where_it_is(name, monkeypatch):
    each = published_violations.VIOLATIONS[name]
    monkeypatch.setattr(published_violations, "rng", np.random.default_rng(each.seed))
    found = audit_code(each.function, each.data, **each.claim, **{**QUICK, **each.options})
    assert found.verdict == "violates", each.source
    accused = [finding for finding in found.findings if finding.violates]
    assert each.kind in {finding.kind for finding in accused}
    assert any(name in finding.site for finding in accused)
    assert found.reason.startswith(found.findings[0].site)


@pytest.mark.parametrize("name", sound_scripts.SOUND)
def test_sound_code_is_not_accused(name, monkeypatch):
    each = sound_scripts.SOUND[name]
    monkeypatch.setattr(sound_scripts, "rng", np.random.default_rng(11))
    found = audit_code(each.function, each.data, **each.claim, **{**QUICK, **each.options})
    assert not [finding for finding in found.findings if finding.violates]
    assert found.verdict == each.verdict
    assert found.failed == 0
    if each.tight:
        assert found.epsilon_seen == pytest.approx(each.claim["epsilon"], rel=1e-3)


def test_there_are_more_than_were_asked_for():
    assert len(published_violations.VIOLATIONS) >= 12
    assert sum(each.verdict == "consistent" for each in sound_scripts.SOUND.values()) >= 10


@pytest.mark.parametrize(
    ("name", "shrunk"),
    [
        ("gaussian_sum", 0.99),
        ("permute_and_flip", 0.99),
        ("dp_sgd", 0.9),
        ("opendp_count", 0.999),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("laplace_count", 0.999),
                ("histogram", 0.999),
                ("mean_with_noisy_count", 0.999),
                ("randomised_response", 0.99),
                ("geometric_count", 0.999),
            )
        ),
    ],
)
def test_the_same_code_violates_a_claim_that_is_a_little_smaller(name, shrunk, monkeypatch):
    each = sound_scripts.SOUND[name]
    monkeypatch.setattr(sound_scripts, "rng", np.random.default_rng(11))
    claim = {**each.claim, "epsilon": each.claim["epsilon"] * shrunk}
    assert audit_code(each.function, each.data, **claim, **{**QUICK, **each.options}).verdict == "violates"


def test_code_without_any_noise_violates_every_claim_that_so_many_runs_can_refute():
    def mean(rows):
        return float(np.mean(rows))

    found = audit_code(mean, [1.0, 2.0, 6.0], neighbour=[1.0, 2.0], epsilon=1.0)
    assert found.verdict == "violates"
    assert audit_code(mean, [1.0, 2.0, 6.0], neighbour=[1.0, 2.0], epsilon=9.0).verdict == "unknown"
