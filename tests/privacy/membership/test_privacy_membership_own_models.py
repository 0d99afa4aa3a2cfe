"""Models of a user's that fail: whatever they raise, or however they exit, is one error in one line."""

# ruff: noqa: ARG002 - the arguments are those of scikit-learn

import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from trivet.errors import DataError, TrivetError, UsageError
from trivet.privacy.membership.audit import audit_model
from trivet.privacy.membership.groups import Relabelled

torch = pytest.importorskip("torch")

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 2)), np.arange(60) % 2
FEW = {"shadows": 4, "workers": 1}


class Coin(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


class Unheard(BaseException):
    pass


class Mute(Exception):  # noqa: N818
    def __str__(self):
        raise ValueError


class FailsToFit(Coin):
    def __init__(self, error=ValueError):
        self.error = error

    def fit(self, X, y):
        raise self.error


class FailsToAnswer(FailsToFit):
    fit = Coin.fit

    def predict_proba(self, X):
        raise self.error


class Answers(Coin):
    def __init__(self, answer=None, classes=(0, 1)):
        self.answer = answer
        self.classes = classes

    def fit(self, X, y):
        self.classes_ = self.classes if self.classes is None else np.array(self.classes)
        return self

    def predict_proba(self, X):
        return np.resize(np.array(self.answer), (len(X), 2)) if np.shape(self.answer) == (2,) else self.answer


class Forgets(Coin):
    def fit(self, X, y):
        """Return nothing, where the model is expected."""


class Hides(Coin):
    def get_params(self, deep=True):  # noqa: FBT002
        raise RuntimeError("no parameters here")


class Network(torch.nn.Module):
    def __init__(self, change):
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)
        self.change = change

    def forward(self, rows):
        return self.change(self.linear(rows))


def leave(_):
    sys.exit(0)


def not_a_number(logits):
    return logits * float("nan")


def one_column(logits):
    return logits[:, :1]


def one_row(logits):
    return logits[:1]


def a_pair(logits):
    return logits, logits


@pytest.mark.parametrize(
    "error",
    [ValueError("as\nit goes"), SystemExit(0), SystemExit(1), SystemExit, Unheard, GeneratorExit, Mute],
)
@pytest.mark.parametrize("model", [FailsToFit, FailsToAnswer])
def test_what_a_model_raises_is_one_error(model, error):
    with pytest.raises(DataError, match=r"cannot be trained|gives no class probabilities") as caught:
        audit_model(model(error), X, y, **FEW)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    with pytest.raises(DataError, match="gives no class probabilities"):
        audit_model(Coin(), X, y, target=FailsToAnswer(error).fit(X, y), members=y == 1, **FEW)


def test_the_interrupt_key_stays_what_it_is():
    with pytest.raises(KeyboardInterrupt):
        audit_model(FailsToFit(KeyboardInterrupt), X, y, **FEW)


@pytest.mark.parametrize(
    "model",
    [
        Answers((np.nan, np.nan)),
        Answers((1.5, -0.5)),
        Answers((0.7, 0.7)),
        Answers(np.ones((60, 1))),
        Answers("yes"),
        Answers(None),
        Answers((0.5, 0.5), classes=(0, 0)),
        Answers((0.5, 0.5), classes=(0, 2)),
        Answers((0.5, 0.5), classes=3),
        Answers((0.5, 0.5), classes=None),
        Forgets(),
        *map(Network, (leave, not_a_number, one_column, one_row, a_pair)),
    ],
)
def test_what_is_no_probability_is_one_error(model):
    with pytest.raises(DataError) as caught:
        audit_model(model, X, y, **FEW)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_read_is_one_error():
    with pytest.raises(UsageError, match="cannot be read: RuntimeError: no parameters here"):
        audit_model(Hides(), X, y, **FEW)


@pytest.mark.slow
def test_a_model_that_ends_its_process_ends_no_other(tmp_path, monkeypatch):
    """With one worker too, where the command says so."""
    (tmp_path / "ends_at_once.py").write_text(
        "import os\nfrom sklearn.linear_model import LogisticRegression\n"
        "class Ends(LogisticRegression):\n    def fit(self, X, y): os._exit(0)\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrivetError, match=r"a worker process was lost.*or the model ended it"):
        audit_model("ends_at_once:Ends", X, y, own_process=True, **FEW)


def test_a_network_that_is_trained_already_is_asked_as_it_stands():
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(2, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 2)
    ).double()
    names = np.array(["no", "yes"])[y]
    found = audit_model("logistic", X, names, target=network, members=np.arange(60) < 30, **FEW)
    assert network.training
    assert next(network.parameters()).dtype == torch.float64
    with torch.no_grad():
        right = network.eval()(torch.from_numpy(X)).argmax(dim=1).numpy() == y
    assert (found.train_accuracy, found.test_accuracy) == (right[:30].mean(), right[30:].mean())
    asked = Relabelled.of(network, np.array(["no", "yes"])).predict_proba(X)
    assert asked.shape == (60, 2)


def test_a_network_that_opacus_wrapped_is_asked_as_the_one_inside():
    grad_sample = pytest.importorskip("opacus").GradSampleModule
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    asked = {"members": np.arange(60) < 30, "tossed": np.arange(60) < 60, "epsilon": 0.5, **FEW}
    plain, wrapped = (
        audit_model("logistic", X, y, target=each, **asked) for each in (network, grad_sample(network))
    )
    assert wrapped == plain
    assert wrapped.claim.verdict == "consistent"


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_network_with_other_logits_than_classes_is_refused(outputs):
    network = torch.nn.Linear(2, outputs)
    with pytest.raises(DataError, match="logits"):
        audit_model("logistic", X, y, target=network, members=y == 1, **FEW)


def test_a_folder_may_be_a_text(tmp_path):
    audit_model("logistic", X, y, work=str(tmp_path), **FEW)
    assert len(list(tmp_path.glob("model-*.npz"))) == 5
