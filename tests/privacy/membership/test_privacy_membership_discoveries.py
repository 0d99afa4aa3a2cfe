"""The list of exposed rows: few of it are wrong, whatever the scores, and a model that remembers has many."""

import json

import numpy as np
import pytest
from audited_models import noisy_rows

from trivet.errors import UsageError
from trivet.privacy.membership.audit import attack_model, audit_model
from trivet.privacy.membership.discoveries import conformal_p_values, discover

FEW = {"shadows": 8, "workers": 1}


def test_p_values_count_the_scores_that_are_as_high():
    found = conformal_p_values(np.array([0.0, 1.0, 2.0, 2.5, 9.0]), np.array([1.0, 2.0, 2.0, 3.0]))
    np.testing.assert_array_equal(found, np.array([5, 5, 4, 2, 1]) / 5)


@pytest.mark.parametrize("fdr", [0.1, 0.3])
def test_the_share_of_wrong_names_is_what_was_allowed(fdr):
    """Two attacks of different strength, ties, and members of whom few stand out."""
    repetitions, shares, named = 400, [], 0
    generator = np.random.default_rng(7)
    numbers = np.arange(600)
    for _ in range(repetitions):
        inside = generator.random(600) < 0.5
        strong = inside * (generator.random(600) < 0.3) * 4
        scores = {
            "strong": (generator.normal(size=600) + strong).round(1),
            "weak": generator.normal(size=600) + inside * 0.3,
        }
        found = discover(scores, inside, numbers, fdr=fdr, generator=generator)
        shares.append(found.others / max(1, found.members + found.others))
        named += found.members
        assert set(found.rows) <= set(numbers[inside].tolist())
        assert len(found.rows) == found.members
    assert np.mean(shares) <= fdr + 3 * np.std(shares) / np.sqrt(repetitions)
    assert named / repetitions > 30


def test_without_any_signal_hardly_anybody_is_named():
    generator = np.random.default_rng(1)
    wrong = []
    for _ in range(300):
        inside = generator.random(300) < 0.5
        found = discover(
            {"none": generator.normal(size=300)}, inside, np.arange(300), fdr=0.1, generator=generator
        )
        wrong.append(found.members + found.others > 0)
    # Where members and others look alike, two names of three are right by chance.
    assert np.mean(wrong) < 0.35


def test_members_of_a_model_that_remembers_are_named_by_their_numbers():
    # Of 40 labels that mean nothing a model is right about members, and about one other in 40.
    X, y = noisy_rows(1200)[0], np.random.default_rng(8).integers(0, 40, 1200)
    numbers = np.arange(1200) * 10 + 3
    found = attack_model("tree", X, y, fdr=0.2, numbers=numbers, **FEW)
    named = found.result.discoveries
    assert named.members == len(named.rows) > 500
    assert named.others <= 0.3 * (named.members + named.others)
    assert named.candidates == found.result.members + (found.result.non_members + 1) // 2
    assert named.attack in found.scores
    assert found.members[(np.array(named.rows) - 3) // 10].all()
    assert {(row.row - 3) % 10 for row in found.result.exposed_rows} == {0}
    stricter = attack_model("tree", X, y, fdr=0.01, **FEW).result.discoveries
    assert stricter.members <= named.members


def test_rows_of_a_unit_are_named_by_the_first():
    X, y = noisy_rows(600)
    unit = np.repeat(np.arange(200), 3)
    named = audit_model("tree", X, y, unit=unit, fdr=0.3, **FEW).discoveries
    assert named.candidates - 100 == 50 == 2 * named.calibrating
    assert all(row % 3 == 0 for row in named.rows)


def test_a_rate_that_is_none_is_refused():
    X, y = noisy_rows(400)
    with pytest.raises(UsageError, match="fdr is 0; expected above 0 and below 1"):
        audit_model("tree", X, y, fdr=0, **FEW)


def test_names_are_in_a_file_of_their_own(tmp_path, capsys):
    from trivet.cli.main import main  # noqa: PLC0415 - loads much

    asked = ["--model", "tree", "--rows", "800", "--shadows", "4", "--workers", "1", "--fdr", "0.3"]
    with pytest.raises(SystemExit):
        main(["privacy", "audit-model", *asked, "--out", str(tmp_path / "out")])
    said = capsys.readouterr().out
    record = json.loads((tmp_path / "out" / "membership.json").read_text(encoding="utf-8"))
    exposed = json.loads((tmp_path / "out" / "exposed-rows.json").read_text(encoding="utf-8"))
    assert record["discoveries"]["rows"] == []
    assert len(exposed["rows"]) == record["discoveries"]["members"]
    assert exposed["fdr"] == 0.3
    assert f"{len(exposed['rows'])} of 400 members can be named" in " ".join(said.split())
    # Of the table, and not of the rows that were drawn from it.
    assert max(row["row"] for row in record["exposed_rows"]) > 2000
