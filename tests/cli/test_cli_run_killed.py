"""A run that was killed goes on where it was, and ends with the same record."""

import pytest
from killed_runs import kill_after

from trivet.work.result_files import hold_results

AUDIT = """
[audit]
study = false
[privacy.plan]
epsilon = 1.0
delta = 1e-6
[[privacy.plan.queries]]
name = "counts"
cells = 10
touches = 1
[fairness.table]
table = "rows.csv"
label = "good"
prediction = "approved"
sensitive = ["group"]
"""
ROWS = "group,good,approved\n" + "a,1,1\na,0,1\nb,1,0\nb,0,0\n" * 100
STUDY = '[audit]\nlegs = ["privacy", "fairness"]\n'
PARTS = {"study": ("privacy-plan.part", "fairness.part"), "own": ("privacy-plan.part", "fairness-table.part")}

#: Group b is never approved, which is disparate; the study only warns.
CODES = {"study": 0, "own": 1}


@pytest.fixture(scope="module", params=[pytest.param("study", marks=pytest.mark.slow), "own"])
def undisturbed(request, tmp_path_factory, trivet):
    folder = tmp_path_factory.mktemp(request.param)
    config = folder / "audit.toml"
    (folder / "rows.csv").write_text(ROWS, encoding="utf-8")
    config.write_text(STUDY if request.param == "study" else AUDIT, encoding="utf-8")
    done = trivet("run", config, "--out", folder / "out", drawn=False)
    assert done.code == CODES[request.param], done.err
    assert not list((folder / "out").glob(".*"))
    return config, (folder / "out" / "metrics.json").read_bytes(), PARTS[request.param], done.code


def test_a_killed_run_goes_on_and_ends_with_the_same_record(undisturbed, trivet, tmp_path):
    config, metrics, parts, code = undisturbed
    # In the second run of the loop the first part is taken over; in the short one, by the last run alone.
    for part in parts if code == CODES["study"] else parts[1:]:
        assert kill_after(part, config, tmp_path)
        assert (tmp_path / ".parts" / part).is_file()
    done = trivet("run", config, "--out", tmp_path, drawn=False)
    assert done.code == code, done.err
    assert done.err.count("taken over from a run that did not end") == len(parts)
    assert (tmp_path / "metrics.json").read_bytes() == metrics
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_damaged_parts_and_parts_of_other_settings_are_made_again(undisturbed, trivet, tmp_path):
    config, metrics, parts, code = undisturbed
    assert kill_after(parts[1], config, tmp_path)
    first, second = (tmp_path / ".parts" / part for part in parts)
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    done = trivet("run", config, "--out", tmp_path, "--seed", "1")
    assert done.code == code, done.err
    assert "taken over" not in done.err
    assert (tmp_path / "metrics.json").read_bytes() != metrics
    assert not second.exists()


def test_a_second_run_is_kept_out(undisturbed, trivet, tmp_path):
    with hold_results(tmp_path / ".parts"):
        done = trivet("run", undisturbed[0], "--out", tmp_path)
    assert done.code == 2
    assert "another run writes to" in done.err
    assert len(done.err.strip().splitlines()) == 1
