"""A baseline on the same rows: audits of two models on one table are paired, those of two tables are not."""

import hashlib
import json
import shutil

import numpy as np
import pytest

import trivet
from trivet.audit import run_audit, save_audit
from trivet.cli.main import main
from trivet.comparison import compare_audits, read_audit
from trivet.comparison.paired import paired_of, same_rows
from trivet.comparison.pairs import pairs
from trivet.config import load_config
from trivet.errors import DataError, RecordError
from trivet.findings import findings_of, read_baseline
from trivet.record import DECISIONS, as_json, load_record

PLACE = "fairness.audit.attributes[name=sex].groups[group=f].disparate_impact.value"
ROWS = 3000
CONFIG = """
[audit]
study = false
[fairness.table]
table = "{table}"
label = "hired"
prediction = "{prediction}"
sensitive = ["sex"]
privileged = "m"
"""


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    """An accepted audit of a table, then audits of a slightly worse model on its rows and on other ones."""
    folder = tmp_path_factory.mktemp("paired")

    def table(name, seed):
        draw = np.random.default_rng(seed)
        sex, age = draw.choice(["f", "m"], ROWS), draw.integers(18, 70, ROWS)
        label, chance = draw.integers(0, 2, ROWS), draw.random(ROWS)
        share = {"old": np.where(sex == "f", 0.33, 0.5), "new": np.where(sex == "f", 0.31, 0.5)}
        columns = [sex, age, label, *((chance < each).astype(int) for each in share.values())]
        lines = ["sex,age,hired,old,new", *(",".join(map(str, row)) for row in zip(*columns, strict=True))]
        (folder / name).write_text("\n".join(lines) + "\n")

    def audit(out, name, prediction, baseline=None):
        config = folder / f"{out}.toml"
        config.write_text(CONFIG.format(table=name, prediction=prediction))
        chosen = None if baseline is None else folder / baseline
        done = run_audit(load_config(config, {"policy": {"baseline": chosen}}))
        (folder / out).mkdir()
        save_audit(done, folder / out)
        return folder / out

    table("rows.csv", 5)
    table("others.csv", 6)
    audit("accepted", "rows.csv", "old")
    audit("same", "rows.csv", "new", "accepted")
    audit("other", "others.csv", "new", "accepted")
    return folder


def judged(folder, name, baseline="accepted"):
    record = as_json(load_record(folder / name))
    found = findings_of(record, baseline=read_baseline(folder / baseline))
    return {each.id: each for each in found}


def test_a_small_step_back_on_the_same_rows_is_seen_and_on_other_rows_is_noise(audits):
    same, other = judged(audits, "same"), judged(audits, "other")
    paired, independent = (found["fairness.disparate-impact.1"] for found in (same, other))
    assert (paired.level, paired.baseline) == ("breach", "worse")
    assert "on the same rows; it is worse" in paired.decision
    assert (independent.level, independent.baseline) == ("warning", "known")
    assert "on the same rows" not in independent.decision
    counts = as_json(load_record(audits / "same"))["fairness"]["paired"]
    said = f"Both decided on the same 3,000 rows, {counts['changed']} of them otherwise"
    assert said in same["policy.baseline"].message
    assert "take the two audits for independent samples" in other["policy.baseline"].message
    assert as_json(load_record(audits / "other"))["fairness"]["paired"] is None


def pair_of(record, before):
    return next(each for each in pairs(before, record) if each.place == PLACE)


def test_the_paired_difference_is_that_of_the_two_records(audits):
    before, after = (read_audit(audits / name) for name in ("accepted", "same"))
    pair = pair_of(after.record, before.record)
    found = paired_of(pair, before.digest, level=0.95)
    assert found.value == pytest.approx(pair.after - pair.before, abs=1e-12)
    assert found.low < found.value < found.high < 0


def test_compare_pairs_what_was_paired_and_says_so(audits):
    before = read_audit(audits / "accepted")
    for name, paired in (("same", True), ("other", False)):
        found = compare_audits(before, read_audit(audits / name))
        assert found.limits.startswith("The second audit was paired with the first") == paired
        (impact,) = [each for each in found.headline if each.place == PLACE]
        assert (impact.outcome, impact.judged) == (("change", "worse") if paired else ("noise", None))


def test_counts_of_another_baseline_are_not_used(audits):
    record = as_json(load_record(audits / "same"))
    assert same_rows(record, read_audit(audits / "other").digest) is None
    found = judged(audits, "same", "other")
    assert not any("on the same rows" in each.decision for each in found.values())


def test_damaged_counts_and_decisions_pair_nothing(audits, tmp_path):
    before = read_audit(audits / "accepted")
    record = as_json(load_record(audits / "same"))
    paired = record["fairness"]["paired"]
    for wrong in (
        {"groups": paired["groups"][:1]},
        {"groups": [[], []]},
        {"columns": []},
        {"counts": [[0] * 8] * 2},
        {"counts": [[-1] * 8] * 2},
    ):
        spoilt = {**record, "fairness": {**record["fairness"], "paired": {**paired, **wrong}}}
        assert paired_of(pair_of(spoilt, before.record), before.digest, level=0.95) is None


def changed(content):
    """The bytes with the last bit of the last row's decision turned round."""
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("wrong", [changed, lambda _: b"\xff" * 64, lambda _: b""])
@pytest.mark.parametrize("which", ["accepted", "same"])
def test_decisions_that_the_audit_did_not_write_are_refused_wherever_it_is_read(
    audits, tmp_path, capsys, which, wrong
):
    for name in ("accepted", "same"):
        shutil.copytree(audits / name, tmp_path / name)
    path = tmp_path / which / DECISIONS
    path.write_bytes(wrong(path.read_bytes()))
    accepted, same = (str(tmp_path / name) for name in ("accepted", "same"))
    for asked in (["gate", same, "--baseline", accepted], ["compare", accepted, same]):
        with pytest.raises(SystemExit) as ended:
            main(asked)
        assert ended.value.code == 3
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "is not what the audit wrote: its SHA-256 is " in printed.err
    if which == "accepted":
        config = load_config(audits / "same.toml", {"policy": {"baseline": tmp_path / "accepted"}})
        with pytest.raises(RecordError, match="is not what the audit wrote"):
            run_audit(config)


def test_a_baseline_without_its_decisions_is_held_against_as_an_independent_sample(audits, tmp_path):
    shutil.copytree(audits / "accepted", tmp_path / "accepted")
    (tmp_path / "accepted" / DECISIONS).unlink()
    chosen = {"policy": {"baseline": tmp_path / "accepted"}}
    assert run_audit(load_config(audits / "same.toml", chosen)).record.fairness.paired is None


def test_the_call_from_python_writes_the_decisions_that_the_record_names(audits, tmp_path):
    done = trivet.run(audits / "accepted.toml", out=tmp_path / "out")
    content = (tmp_path / "out" / DECISIONS).read_bytes()
    assert content == (audits / "accepted" / DECISIONS).read_bytes()
    assert done.record.decisions == hashlib.sha256(content).hexdigest()


def test_a_baseline_that_is_not_there_is_refused(audits, tmp_path):
    with pytest.raises(DataError, match=r"has no metrics\.json"):
        run_audit(load_config(audits / "same.toml", {"policy": {"baseline": tmp_path}}))


def test_figures_that_do_not_follow_from_the_counts_are_not_paired(audits):
    record = json.loads(json.dumps(as_json(load_record(audits / "same"))))
    estimate = record["fairness"]["audit"]["attributes"][0]["groups"][0]["disparate_impact"]
    estimate["value"] -= 1e-4
    found = findings_of(record, baseline=read_baseline(audits / "accepted"))
    assert not any("on the same rows" in each.decision for each in found)


def test_what_is_kept_of_rows_is_how_they_were_decided_alone(audits):
    assert (audits / "accepted" / DECISIONS).stat().st_size < ROWS / 8 + 1500


def test_the_call_from_python_leaves_no_verdict_of_an_earlier_audit_in_the_folder(audits, tmp_path):
    """Else `trivet report` and `trivet evidence` would say of this record what was found in that one."""
    shutil.copytree(audits / "accepted", tmp_path / "out")
    for name in ("findings.json", "report.html", "manifest.json"):
        (tmp_path / "out" / name).write_text("PASSED")
    trivet.run(audits / "accepted.toml", out=tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"metrics.json", DECISIONS}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html").write_text("a user's own")
    trivet.run(audits / "accepted.toml", out=tmp_path / "mine")
    assert (tmp_path / "mine" / "report.html").read_text() == "a user's own"
