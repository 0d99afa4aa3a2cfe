"""Training recipe: trains a model anew, each time from its own seed.

The attacks compare the audited model with others that were trained in the same way, so they need
what can be trained, not weights.
"""

import hashlib
import inspect
import pickle
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from trivet.errors import DataError, TrivetError, UsageError
from trivet.wording import describe_error, one_line, quote
from trivet.work.own_code import load_callable

__all__ = ["Recipe", "class_probabilities", "is_network", "kind", "recipe_of", "train"]

#: Names of devices that need no PyTorch: the processor, and an accelerator where there is one.
CPU, AUTO = "cpu", "auto"


def is_network(made: Any) -> bool:
    """Return whether it is a torch.nn.Module, without importing PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(made, torch.nn.Module)


def is_factory(made: Any) -> bool:
    """Return whether it makes a model and is none: a function, or a class."""
    return isinstance(made, type) or (callable(made) and not is_network(made) and not hasattr(made, "fit"))


def is_torch_classifier(built: Any) -> bool:
    """Return whether it is trivet's adapter around a network, without importing PyTorch."""
    adapter = sys.modules.get("trivet.privacy.membership.torch_classifier")
    return adapter is not None and isinstance(built, adapter.TorchClassifier)


def kind(made: Any) -> str:
    """Return the name of a class or function, or of an object's class, for messages."""
    try:
        return one_line(made.__name__)
    except Exception:  # noqa: BLE001 - a user's attribute may fail in any way
        return one_line(type(made).__name__)


def described(built: Any) -> Generator[str]:
    """Yield lines that tell an unfitted estimator from others: its settings, weights and code."""
    yield f"{type(built).__module__}.{type(built).__qualname__} {_code_digest(type(built))}"
    for name, value in sorted(built.get_params(deep=True).items()):
        yield f"{name} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if is_network(value):
        weights = hashlib.sha256()
        for name, tensor in value.state_dict().items():
            weights.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
        return f"{value!r} {weights.hexdigest()}"
    if inspect.isfunction(value) or isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__} {_code_digest(value)}"
    return repr(value)


def _code_digest(code: Any) -> str:
    """Return the SHA-256 of the module that holds a class or function; empty where it has no file."""
    try:
        return hashlib.sha256(inspect.getsource(inspect.getmodule(code) or code).encode()).hexdigest()
    except (OSError, TypeError):
        return ""


#: Rows, and the numbers of each.
TABLE_AXES: Final = 2

#: Models by name: the study's regression, one that generalises, and one that learns its rows by heart.
MODELS: Final[dict[str, Callable[[], Any]]] = {
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "boosting": lambda: HistGradientBoostingClassifier(random_state=0),
    "tree": lambda: DecisionTreeClassifier(random_state=0),
}


@dataclass(frozen=True)
class Recipe:
    """Training recipe; it can be sent to another process."""

    estimator: Any
    description: str
    device: str = CPU

    def build(self, *, axes: int, seed: int) -> Any:
        """Return an unfitted classifier for rows of data with so many `axes`, seeded wherever it can be."""
        # Networks have tables standardised for them, and classifiers of tables have images laid out in one
        # row.
        built: Any = clone(_classifier(_made(self.estimator)))
        seeds = {name: seed for name in built.get_params(deep=True) if _is_seed(name)}
        places = () if self.device == CPU else _devices(built)
        built.set_params(**seeds, **dict.fromkeys(places, self.device))
        if is_torch_classifier(built):
            return make_pipeline(StandardScaler(), built) if axes == TABLE_AXES else built
        return built if axes == TABLE_AXES else make_pipeline(FunctionTransformer(_flat), built)


def recipe_of(estimator: Any, device: str = CPU) -> Recipe:
    """Return the recipe of whatever a user gives, after a look at what it makes.

    Raises
    ------
    UsageError
        If it cannot be read, or there is no such device, or it has no network to run there.
    """
    with _kept_generator():
        made = _made(estimator)
        try:
            built = _classifier(made)
            place = _placed(built, device)
            description = "\n".join(
                (repr(estimator) if isinstance(estimator, str) else "", *described(built), place)
            )
        except (TrivetError, KeyboardInterrupt):
            raise
        except BaseException as error:  # as below
            raise UsageError(f"the estimator cannot be read: {describe_error(error)}.") from error
    if not isinstance(estimator, str):
        try:
            pickle.dumps(estimator)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise UsageError(
                f"the estimator {kind(estimator)} cannot be sent to another process "
                f"({describe_error(error)}); give it as package.module:function."
            ) from error
    return Recipe(estimator, description, place)


def train(recipe: Recipe, features: Any, labels: NDArray[np.int64], *, seed: int) -> Any:
    """Train one model on rows, on one thread, and return it."""
    with one_thread(), _kept_generator():
        try:
            with warnings.catch_warnings():
                # A fit that has not converged is attacked all the same.
                warnings.simplefilter("ignore")
                return recipe.build(axes=features.ndim, seed=seed).fit(features, labels)
        except (TrivetError, KeyboardInterrupt):
            raise
        except BaseException as error:  # the user's code can fail in any way, and exit
            raise DataError(f"the model cannot be trained: {describe_error(error)}.") from error


def class_probabilities(model: Any, features: Any, classes: int) -> NDArray[np.float64]:
    """Return a fitted model's probabilities, shape (rows, classes), 0 for a class that it has not seen."""
    with one_thread():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = np.asarray(model.predict_proba(features), dtype=np.float64)
            seen = np.asarray(model.classes_)
            known = (
                seen.ndim == 1 and len(np.unique(seen)) == len(seen) and np.isin(seen, range(classes)).all()
            )
        except (TrivetError, KeyboardInterrupt):
            raise
        except BaseException as error:  # as above
            raise DataError(f"the model gives no class probabilities: {describe_error(error)}.") from error
    rows = features.shape[0]
    if not known or found.shape != (rows, len(seen)):
        raise DataError(
            f"the model should give probabilities of shape ({rows}, {seen.size}) for classes among 0 to "
            f"{classes - 1}, found shape {found.shape} and classes {one_line(seen.tolist())}."
        )
    whole = np.zeros((rows, classes))
    whole[:, seen.astype(np.int64)] = found
    return whole


@contextmanager
def one_thread() -> Generator[None]:
    """Keep linear algebra, OpenMP and PyTorch on one thread: sums then come out the same each time."""
    torch = sys.modules.get("torch")
    threads = None if torch is None else torch.get_num_threads()
    if torch is not None:
        torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        if torch is not None and threads is not None:
            torch.set_num_threads(threads)


@contextmanager
def _kept_generator() -> Generator[None]:
    """Keep PyTorch's global generator as it is, whatever a network's constructor draws from it."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
    else:
        with torch.random.fork_rng(devices=[]):
            yield


def _made(estimator: Any) -> Any:
    """Return the estimator that a name or a factory stands for; a factory of networks stays a factory."""
    if isinstance(estimator, str):
        factory, called = _factory(estimator), f"the factory {estimator!r}"
    elif is_factory(estimator):
        factory, called = estimator, f"the factory {kind(estimator)}"
    else:
        return estimator
    try:
        made = factory()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # as above
        raise UsageError(
            f"{called} failed when it was called without arguments: {describe_error(error)}."
        ) from error
    return factory if is_network(made) else made


def _factory(name: str) -> Callable[[], Any]:
    if name in MODELS:
        return MODELS[name]
    if ":" not in name:
        raise UsageError(
            f"no model is called {quote(name)}; expected {', '.join(MODELS)}, or package.module:function."
        )
    return load_callable(name, role="estimator")


def _classifier(made: Any) -> Any:
    """Return an unfitted scikit-learn classifier, or say why there is none."""
    if is_network(made) or is_factory(made):
        from trivet.privacy.membership.torch_classifier import TorchClassifier  # noqa: PLC0415 - PyTorch

        return TorchClassifier(made)
    if not all(callable(getattr(made, name, None)) for name in ("fit", "get_params")):
        raise UsageError(
            f"a {kind(made)} cannot be trained anew, and the attacks retrain: they need a recipe, not "
            "weights. Give an unfitted scikit-learn classifier or Pipeline, a torch.nn.Module, or a function "
            "that returns one."
        )
    if not hasattr(made, "predict_proba"):
        raise UsageError(
            f"the estimator {kind(made)} has no predict_proba, and the attacks read probabilities; expected "
            "a classifier that has it, such as CalibratedClassifierCV around this one."
        )
    return made


def _placed(built: Any, device: str) -> str:
    """Return the device for the networks in a classifier: the wanted one, or their own."""
    own = [built.get_params(deep=True)[name] for name in _devices(built)]
    if device == CPU or (device == AUTO and not own):
        return own[0] if own else CPU
    if not own:
        raise UsageError(
            f"a {kind(built)} runs on the processor; a device, here {quote(device)}, is for a "
            "torch.nn.Module. Leave it out."
        )
    from trivet.work.device import find_device  # noqa: PLC0415 - PyTorch

    return str(find_device(device))


def _devices(built: Any) -> Iterator[str]:
    """Yield the parameters of a classifier that say where a network of it runs."""
    if is_torch_classifier(built):
        yield "device"
    for name, value in built.get_params(deep=True).items():
        if is_torch_classifier(value):
            yield f"{name}__device"


def _is_seed(name: str) -> bool:
    return name == "random_state" or name.endswith("__random_state")


def _flat(features: NDArray[np.generic]) -> NDArray[np.generic]:
    return features.reshape(len(features), -1)
