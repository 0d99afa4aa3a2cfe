"""The calls that users make: what they are called, what they take, what they return."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import trivet
from trivet import fairness, privacy, security
from trivet.comparison.results import Comparison
from trivet.datasets import load_images
from trivet.errors import UsageError
from trivet.record import save_record


def doubled(x):
    return 2 * x


def people(rows=400, seed=3):
    random = np.random.default_rng(seed)
    hired = random.integers(0, 2, rows)
    return pd.DataFrame(
        {
            "sex": random.choice(["f", "m"], rows),
            "hired": hired,
            "guess": np.where(random.random(rows) < 0.8, hired, 1 - hired),
        }
    )


def test_the_package_names_its_calls_and_legs():
    assert set(dir(trivet)) >= {"run", "load_audit", "compare", "security", "privacy", "fairness"}
    assert trivet.__version__


def test_a_run_is_loaded_and_compared(tmp_path):
    config = tmp_path / "audit.toml"
    config.write_text(
        "[audit]\nstudy = false\n[privacy.plan]\nepsilon = 1.0\n[[privacy.plan.queries]]\ncells = 3\n"
    )
    done = trivet.run(str(config), out=tmp_path / "one")
    assert trivet.load_audit(str(tmp_path / "one")) == done.record
    assert done.to_dict() == done.record.to_dict()
    assert repr(done.record).splitlines()[0] == f"AuditRecord: {done.record.audit.title}"
    save_record(done.record, {}, tmp_path)
    found = trivet.compare(str(tmp_path / "one"), tmp_path)
    assert isinstance(found, Comparison)
    assert not found.regressions


def test_a_plan_takes_a_number_of_queries_or_a_description():
    plain = privacy.plan(92, epsilon=0.1, delta=1e-5)
    described = privacy.plan([privacy.QuerySettings(count=92, sensitivity=1)], epsilon=0.1, delta=1e-5)
    assert plain == described
    assert list(plain.to_frame()["name"]) == [row.name for row in plain.rows]
    with pytest.raises(UsageError):
        privacy.plan(92, epsilon=0.1, value=1.0)


def test_a_release_takes_a_path_as_text(tmp_path):
    people().to_csv(tmp_path / "people.csv", index=False)
    privacy.create_ledger(tmp_path / "ledger.db", epsilon="1")
    found = privacy.release(
        str(tmp_path / "people.csv"), query="count", ledger=str(tmp_path / "ledger.db"), epsilon="0.5"
    )
    assert repr(found).startswith(f"Release: {found.value}")
    assert found.to_dict()["receipt"]["epsilon"] == "0.5"


def test_a_mechanism_is_named_or_given(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    given = privacy.audit_mechanism(doubled, epsilon=1, trials=2_000)
    named = privacy.audit_mechanism("test_calls:doubled", epsilon=1, trials=2_000)
    assert given.verdict == named.verdict
    assert named.name == "test_calls:doubled"


def test_a_file_a_frame_and_arrays_give_the_same_figures(tmp_path):
    table = people()
    table.to_csv(tmp_path / "people.csv", index=False)
    asked = {"label": "hired", "prediction": "guess", "sensitive": "sex"}
    of_file = fairness.audit(tmp_path / "people.csv", counts_only=True, **asked)
    of_frame = fairness.audit(table, **asked)
    of_arrays = fairness.audit(
        None, label=table["hired"], prediction=table["guess"], sensitive={"sex": table["sex"]}
    )
    figures = [each.attributes[0].groups for each in (of_file, of_frame, of_arrays)]
    assert figures[0] == figures[1] == figures[2]
    with pytest.raises(UsageError):
        fairness.audit(table, label="hired", sensitive="sex")


def test_mitigations_are_compared_on_a_file(tmp_path):
    people().to_csv(tmp_path / "people.csv", index=False)
    found = fairness.compare(
        tmp_path / "people.csv",
        label="hired",
        sensitive="sex",
        mitigate=["reweighing"],
        repeats=0,
        workers=1,
    )
    assert [model.name for model in found.models][1:] == ["reweighing"]
    assert list(found.to_frame()["name"]) == [model.name for model in found.models]


def test_images_are_a_name_a_set_or_arrays():
    images = load_images("mnist", limit=200)
    checkpoint = security.load_demo_checkpoint()
    of_set = security.scan(checkpoint, images, profile="quick")
    of_arrays = security.scan(checkpoint, (images.pixels, images.labels), profile="quick")
    assert of_set.result.labels == of_arrays.result.labels
    assert of_set.to_frame()["label"].tolist() == list(range(10))
    for wrong in (
        3,
        (images.pixels,),
        (images.pixels, images.labels[:3]),
        (images.pixels * 9, images.labels),
    ):
        with pytest.raises(UsageError):
            security.scan(checkpoint, wrong)
    with pytest.raises(UsageError):
        security.scan(3, images)


@pytest.fixture(scope="module")
def workers():
    random = np.random.default_rng(0)
    age, merit = random.integers(20, 60, 400), random.normal(size=400).round(3)
    good = (merit + random.normal(size=400) > 0).astype(int)
    return {"age": age, "sex": random.choice(["f", "m"], 400), "merit": merit, "good": good}


def compared_and_audited(table):
    return (
        fairness.compare(table, label="good", sensitive="sex", mitigate="massaging", repeats=0, workers=1),
        privacy.audit_model("logistic", table, label="good", group="sex", shadows=4, workers=1),
    )


@pytest.fixture(scope="module")
def of_file(tmp_path_factory, workers):
    path = tmp_path_factory.mktemp("frames") / "people.parquet"
    pl.DataFrame(workers).write_parquet(path)
    return compared_and_audited(path)


@pytest.mark.parametrize(
    "make", [pl.DataFrame, pl.LazyFrame, pd.DataFrame, pa.table], ids=lambda f: f.__module__
)
def test_a_frame_is_taken_as_its_file_is(of_file, workers, make):
    compared, audited = compared_and_audited(make(workers))
    assert compared.models == of_file[0].models
    assert audited.attacks == of_file[1].attacks
    assert {each.column for each in audited.groups} == {"sex"}


def test_what_is_no_table_is_named(workers):
    with pytest.raises(UsageError, match="path of a file or a data frame; found 'dict'"):
        fairness.compare(workers, label="good", sensitive="sex")
    with pytest.raises(
        UsageError, match="give features X and classes y, or a table and the name of its label"
    ):
        privacy.audit_model("logistic", workers["merit"][:, None])
