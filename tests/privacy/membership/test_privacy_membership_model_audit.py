"""The whole audit: models that remember are caught, others are not, and a killed run ends the same."""

import signal
import subprocess
import sys

import audited_models
import numpy as np
import pytest
from audited_models import deep_tree, noisy_rows, stumps
from confidence_logits import confidence_logits
from pydantic import TypeAdapter
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from trivet.datasets import load_adult
from trivet.datasets.adult import adult_sample
from trivet.errors import DataError, UsageError
from trivet.privacy.membership.attacks import lira_scores
from trivet.privacy.membership.audit import ATTACKS, attack_model, audit_model
from trivet.privacy.membership.likeness import Likeness
from trivet.privacy.membership.recipe import class_probabilities, recipe_of, train
from trivet.privacy.membership.results import MembershipAudit
from trivet.privacy.membership.shadows import FOLDS, model_seed, shadow_halves, use_of
from trivet.verdict import EXPOSED, NO_EVIDENCE

FEW = {"shadows": 16, "workers": 1}


def rate(result, fpr=0.01):
    """The best attack's TPR at a false positive rate."""
    best = next(attack for attack in result.attacks if attack.attack == result.best_attack)
    return next(each for each in best.rates if each.fpr == fpr)


@pytest.fixture(scope="module")
def adult():
    table = load_adult()
    sample = adult_sample(table)
    return sample.features, sample.labels, {"gender": table["gender"]}


@pytest.fixture(scope="module")
def audits(adult):
    """The study's model and one that learns by heart, on all of Adult, with 64 shadow models."""
    X, y, groups = adult
    return {model: audit_model(model, X, y, groups=groups) for model in ("logistic", "tree")}


@pytest.mark.slow
def test_a_model_that_learns_by_heart_is_found_out_and_the_study_s_is_not(audits):
    regular, overfitted = audits["logistic"], audits["tree"]
    assert regular.verdict == NO_EVIDENCE
    assert overfitted.verdict == EXPOSED
    assert overfitted.train_accuracy > 0.99
    assert overfitted.test_accuracy < 0.83
    assert rate(overfitted).tpr.value >= 5 * rate(regular).tpr.value
    assert rate(regular).tpr.low < 0.01 < rate(regular).tpr.high
    assert rate(overfitted, 0.001).tpr.low > 0.01
    best = next(each for each in regular.attacks if each.attack == regular.best_attack)
    assert best.auroc.low < 0.5 < best.auroc.high


@pytest.mark.slow
def test_the_more_exposed_group_is_named(audits):
    audit = audits["tree"]
    assert (audit.most_exposed_column, audit.most_exposed_group) == ("gender", "Male")
    by_group = {row.group: row for row in audit.groups}
    assert by_group["Male"].auroc.low > by_group["Female"].auroc.high
    assert audits["logistic"].most_exposed_group is None
    assert sum(row.members for row in audit.groups) == audit.members == 24_421


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 9))])
def test_shuffled_membership_shows_nothing(seed):
    """A tree that does remember, told to have been trained on rows that it was not; its scores tie much."""
    X, y = noisy_rows()
    generator = np.random.default_rng(seed)
    inside = generator.random(len(y)) < 0.5
    target = DecisionTreeClassifier(random_state=0).fit(X[inside], y[inside])
    shuffled = audit_model("tree", X, y, target=target, members=generator.permutation(inside), **FEW)
    for attack in shuffled.attacks:
        assert attack.auroc.low < 0.5 < attack.auroc.high
    assert shuffled.verdict == NO_EVIDENCE
    true = audit_model("tree", X, y, target=target, members=inside, **FEW)
    assert true.verdict == EXPOSED
    assert true.train_accuracy == 1.0


def test_lira_s_scores_are_those_of_models_trained_by_hand():
    """Every shadow model again, without the audit's own machinery."""
    X, y = noisy_rows(120)
    found = attack_model("logistic", X, y, shadows=8, attacks=("lira-online",), workers=1, seed=5)
    generator = np.random.default_rng(np.random.SeedSequence(5, spawn_key=(0, 0)))
    inside = shadow_halves(y, 8, generator=generator)
    recipe = recipe_of("logistic")

    def said(rows, place):
        model = train(recipe, X[rows], y[rows], seed=model_seed(5, place))
        return class_probabilities(model, X, 2)

    shadows = [said(rows, place) for place, rows in enumerate(inside)]
    logits = confidence_logits([said(found.members, 8), *shadows], y)
    likeness = Likeness.of(X, y, np.arange(120), generator=use_of(5, FOLDS))
    expected = lira_scores(logits[0], logits[1:], inside, online=True, expected=likeness.expected)
    np.testing.assert_allclose(found.scores["lira-online"], expected, rtol=1e-12)


@pytest.mark.slow
def test_one_process_or_two_and_a_kept_folder_give_the_same(tmp_path):
    X, y = noisy_rows(400)
    alone = attack_model("tree", X, y, shadows=8, workers=1, canaries=40)
    pooled = attack_model("tree", X, y, shadows=8, workers=2, canaries=40, work=tmp_path)
    again = attack_model("tree", X, y, shadows=8, workers=1, canaries=40, work=tmp_path)
    assert alone.result == pooled.result == again.result
    assert len(list(tmp_path.glob("model-*.npz"))) == 10
    assert not list(tmp_path.glob("features*"))
    other = attack_model("tree", X, y, shadows=4, workers=1, canaries=40, seed=1)
    assert other.result.attacks != alone.result.attacks


@pytest.mark.parametrize(
    "models", [pytest.param(1, marks=pytest.mark.slow), 4, pytest.param(9, marks=pytest.mark.slow)]
)
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path, models):
    command = [sys.executable, audited_models.__file__, str(models), str(tmp_path)]
    killed = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=300, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("model-*.npz"))) == models
    X, y = noisy_rows(400)
    trained = []
    resumed = audit_model(
        "tree", X, y, shadows=8, workers=1, work=tmp_path, progress=lambda _step, share: trained.append(share)
    )
    adapter = TypeAdapter(MembershipAudit)
    undisturbed = audit_model("tree", X, y, shadows=8, workers=1)
    assert adapter.dump_json(resumed) == adapter.dump_json(undisturbed)
    assert adapter.validate_json(adapter.dump_json(resumed)) == resumed
    assert trained[0] == models / 9


def test_a_file_of_other_work_or_damaged_is_made_again(tmp_path):
    X, y = noisy_rows(400)
    expected = audit_model("tree", X, y, shadows=4, workers=1, work=tmp_path)
    (tmp_path / "model-0000.npz").write_bytes(b"PK\x03\x04 not an archive")
    (tmp_path / "model-0001.npz").write_bytes((tmp_path / "model-0002.npz").read_bytes()[:-7])
    assert audit_model("tree", X, y, shadows=4, workers=1, work=tmp_path) == expected
    other = audit_model("logistic", X, y, shadows=4, workers=1, work=tmp_path)
    assert other == audit_model("logistic", X, y, shadows=4, workers=1)


def test_planted_rows_bound_the_epsilon_of_a_model_that_remembers():
    X, y = noisy_rows()
    found = audit_model("tree", X, y, canaries=400, **FEW).canaries
    assert found.canaries == 400
    assert found.epsilon_lower > 1
    gaussian = audit_model("tree", X, y, canaries=400, claim="gaussian", delta=1e-5, **FEW).canaries
    assert (found.claim, gaussian.claim, gaussian.delta) == ("epsilon-delta", "gaussian", 1e-5)
    assert gaussian.included == found.included
    assert gaussian.epsilon_lower > found.epsilon_lower
    assert audit_model(stumps, X, y, canaries=400, **FEW).canaries.epsilon_lower < 0.5


def test_a_factory_a_sparse_matrix_and_classes_with_names():
    X, y = noisy_rows(600)
    names = np.array(["no", "yes"])[y]
    dense = audit_model(deep_tree, X, names, shadows=8, workers=1, canaries=20)
    assert dense.verdict == EXPOSED
    assert dense.model == "deep_tree"
    scarce = sparse.csr_matrix(np.where(X > 0.5, X, 0))
    found = audit_model("tree", scarce, names, shadows=8, workers=1, canaries=20)
    assert (found.features, found.classes) == (6, 2)
    three = audit_model("tree", X, np.where(X[:, 1] > 1, "maybe", names), shadows=8, workers=1)
    assert three.classes == 3
    target = LogisticRegression().fit(X[:300], names[:300])
    members = np.arange(600) < 300
    assert audit_model("logistic", X, names, target=target, members=members, **FEW).members == 300


def test_a_network_is_audited_like_any_other():
    torch = pytest.importorskip("torch")
    X, y = noisy_rows(200)
    network = torch.nn.Sequential(torch.nn.Linear(6, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2))
    before = torch.random.get_rng_state()
    found = audit_model(network, X, y, shadows=6, workers=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert audit_model(network, X, y, shadows=6, workers=1) == found
    assert found.model == "Sequential"
    images = np.random.default_rng(0).random((80, 1, 6, 6))
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 2))
    assert audit_model(flat, images, y[:80], shadows=4, workers=1).features == 36


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"shadows": 3}, UsageError, "3 shadow models; expected 4 to 1024"),
        ({"attacks": ("lira",)}, UsageError, "no attack is called 'lira'; there are: lira-online"),
        ({"attacks": ()}, UsageError, "no attack is called none"),
        ({"canaries": 5}, UsageError, "5 canaries prove nothing; expected 10 or more"),
        ({"canaries": 40, "claim": "gaussian"}, UsageError, "delta is 0.0; a gaussian claim is tested"),
        ({"canaries": 40, "delta": 0.1}, UsageError, "delta is 0.1; with so many canaries"),
        ({"canaries": 40, "claim": "pure"}, UsageError, "claim is 'pure'; expected one of"),
        ({"claim": "gaussian", "delta": 0.1}, UsageError, "a claim is tested at an epsilon or by canaries"),
        ({"canaries": 500}, UsageError, "500 canaries are more than the 400 rows"),
        ({"workers": 0}, UsageError, "workers is 0; expected 1 or more"),
        ({"seed": -1}, UsageError, "seed is -1; expected 0 to"),
        ({"target": LogisticRegression()}, UsageError, "needs members"),
        ({"target": LogisticRegression(), "members": np.arange(400) < 200}, DataError, "a fitted classifier"),
        ({"members": np.ones(400, dtype=bool)}, DataError, "there are 0 of one kind"),
        ({"members": np.ones(400)}, DataError, "one boolean for each of the 400 rows"),
        ({"groups": {"a": ["x"]}}, DataError, "the groups 'a' should have one entry for each of the 400"),
        ({"estimator": "forest"}, UsageError, "no model is called 'forest'; expected logistic, boosting"),
        ({"estimator": LinearSVC()}, UsageError, "LinearSVC has no predict_proba"),
        ({"estimator": 3}, UsageError, "cannot be trained anew, and the attacks retrain"),
        ({"estimator": "no_such_module:make"}, UsageError, "the estimator 'no_such_module:make' cannot be"),
        ({"estimator": lambda: LogisticRegression(C=2)}, UsageError, "cannot be sent to another process"),
        ({"estimator": LogisticRegression(penalty="?")}, DataError, "the model cannot be trained"),
        ({"X": np.full((400, 2), np.nan)}, DataError, "should be finite numbers"),
        ({"X": [["a"]] * 400}, DataError, "should be finite numbers, found other values; encode"),
        ({"X": np.zeros(400)}, DataError, "expected features of shape"),
        ({"X": np.zeros((3, 2))}, DataError, "expected features of shape"),
        ({"y": np.zeros(400)}, DataError, "all labels are 0.0; expected two classes"),
        ({"y": np.arange(400) < 5}, DataError, "the class True has 5 rows; expected 10 or more"),
        ({"y": np.arange(400) // 2}, DataError, "the class 0 has 2 rows; .* There are 200 classes: if"),
        ({"X": np.zeros((30, 2)), "y": np.arange(30) % 2}, DataError, "there are 30 rows; expected 40"),
    ],
)
def test_what_cannot_be_audited_is_said_in_one_line(change, error, message):
    X, y = noisy_rows(400)
    asked = {"estimator": "logistic", "X": X, "y": y, "shadows": 4, "workers": 1, **change}
    with pytest.raises(error, match=message) as caught:
        audit_model(asked.pop("estimator"), asked.pop("X"), asked.pop("y"), **asked)
    assert "\n" not in str(caught.value)


def test_a_target_with_other_classes_is_refused():
    X, y = noisy_rows(400)
    target = LogisticRegression().fit(X, y + 1)
    with pytest.raises(DataError, match="the target knows the classes"):
        audit_model("logistic", X, y, target=target, members=np.arange(400) < 200, shadows=4, workers=1)


def test_every_attack_has_a_score_for_each_row():
    X, y = noisy_rows(200)
    found = attack_model("logistic", X, y, shadows=4, workers=1)
    assert list(found.scores) == list(ATTACKS)
    assert all(np.isfinite(scores).all() and scores.shape == (200,) for scores in found.scores.values())
    surest = found.result.exposed_rows[0]
    assert found.members[surest.row]
    assert surest.score == found.scores[found.result.best_attack][found.members].max()


def test_a_model_that_is_there_is_not_trained_again(tmp_path):
    X, y = noisy_rows(200)
    members = np.arange(200) < 100
    target = LogisticRegression().fit(X[members], y[members])
    asked = {"target": target, "members": members, "shadows": 4, "workers": 1, "work": tmp_path}
    audit_model("logistic", X, y, **asked)
    assert len(list(tmp_path.glob("model-*.npz"))) == 4
