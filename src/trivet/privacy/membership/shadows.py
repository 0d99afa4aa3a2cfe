"""Signals of many models on each row, trained on processes and cached against a kill."""

import hashlib
import io
import sys
from collections.abc import Callable, Generator
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from trivet.errors import TrivetError
from trivet.privacy.membership.recipe import Recipe, class_probabilities, train
from trivet.privacy.membership.signals import (
    log_odds,
    other_classes_probabilities,
    true_class_probabilities,
)
from trivet.work.result_files import hold_results, remove_result, write_whole
from trivet.work.worker_pool import WorkerPool

__all__ = ["Signals", "Training", "model_seed", "signals_of", "train_models"]

#: The parts of a sparse matrix; a dense one has the first only.
PARTS: Final = ("data", "indices", "indptr")
LABELS: Final = "labels.npy"
#: Parts of a signal file, each of shape (rows,).
FIELDS: Final = ("probability", "others", "correct")
#: What decides on the bits of a model beside trivet.
LIBRARIES: Final = ("trivet", "numpy", "scipy", "scikit-learn", "torch")


@dataclass(frozen=True, eq=False)
class Training:
    """The rows, and who is inside which model."""

    features: Any
    labels: NDArray[np.int64]
    classes: int
    inside: NDArray[np.bool_]
    seed: int


@dataclass(frozen=True, eq=False)
class Signals:
    """Signals of models on rows."""

    probability: NDArray[np.float64]
    others: NDArray[np.float64]
    correct: NDArray[np.bool_]

    def of(self, models: slice, rows: int) -> "Signals":
        """Return what some models say of the first `rows` rows."""
        return Signals(**{name: getattr(self, name)[models, :rows] for name in FIELDS})

    def logits(self, clip: float) -> NDArray[np.float64]:
        """Return the confidence logits, shape (models, rows), of probabilities of at least `clip`."""
        return log_odds(self.probability, self.others, clip)


def train_models(
    recipe: Recipe,
    training: Training,
    folder: Path,
    *,
    workers: int,
    progress: Callable[[float], object],
    own_process: bool = False,
) -> Signals:
    """Train every model on its rows and let it score all rows, one thread a model.

    Each model has a file in `folder`, written as soon as it is trained, whole or not at all. A run
    that was killed goes on where it stopped and ends with the same bits: a file is kept when it
    belongs to the same rows, halves, recipe, seed and versions. The rows themselves lie in the folder
    while models are trained, for the processes to share, and are removed in the end.
    """
    identity = _identity(recipe, training)
    models, rows = training.inside.shape
    kept: dict[int, dict[str, NDArray[Any]]] = {}
    with hold_results(folder):
        for model in range(models):
            found = _read(_file(folder, model), identity, rows)
            if found is not None:
                kept[model] = found
        progress(len(kept) / models)
        missing = [model for model in range(models) if model not in kept]
        with _shared_rows(training, folder):
            for model, signals in _trained(
                recipe, training, folder, missing, workers=workers, own_process=own_process
            ):
                _write(_file(folder, model), identity, signals)
                kept[model] = signals
                progress(len(kept) / models)
    stacked = {name: np.stack([kept[model][name] for model in range(models)]) for name in FIELDS}
    return Signals(**stacked)


def signals_of(model: Any, features: Any, labels: NDArray[np.int64], classes: int) -> Signals:
    """Return what one fitted model says of rows, shapes (1, rows)."""
    said = _signals(model, features, labels, classes)
    return Signals(**{name: said[name][np.newaxis] for name in FIELDS})


def model_seed(seed: int, model: int) -> int:
    """Return the seed of one model, in [0, 2^32), independent of those of other models."""
    return int(np.random.SeedSequence(seed, spawn_key=(model,)).generate_state(1)[0])


def _trained(
    recipe: Recipe, training: Training, folder: Path, missing: list[int], *, workers: int, own_process: bool
) -> Generator[tuple[int, dict[str, NDArray[Any]]]]:
    """Yield models with their signals as they come."""
    tasks = {model: model_seed(training.seed, model) for model in missing}
    if workers == 1 and not own_process:
        for model, seed in tasks.items():
            yield model, _train_one(recipe, folder, training.inside[model], training.classes, seed)
    elif tasks:
        with WorkerPool(min(workers, len(tasks))) as pool:
            flying = {
                pool.submit(_train_one, recipe, folder, training.inside[model], training.classes, seed): model
                for model, seed in tasks.items()
            }
            for future in as_completed(flying):
                try:
                    signals = future.result()
                except BrokenProcessPool as error:
                    raise TrivetError(
                        f"a worker process was lost while {len(tasks)} models were trained: memory may have "
                        "run out, or the model ended it. Try fewer --workers or fewer --rows."
                    ) from error
                yield flying[future], signals


def _train_one(
    recipe: Recipe, folder: Path, inside: NDArray[np.bool_], classes: int, seed: int
) -> dict[str, NDArray[Any]]:
    features, labels = _load_rows(folder)
    model = train(recipe, features[inside], labels[inside], seed=seed)
    return _signals(model, features, labels, classes)


def _signals(model: Any, features: Any, labels: NDArray[np.int64], classes: int) -> dict[str, NDArray[Any]]:
    probabilities = class_probabilities(model, features, classes)
    return {
        "probability": true_class_probabilities(probabilities, labels),
        "others": other_classes_probabilities(probabilities, labels),
        "correct": probabilities.argmax(axis=1) == labels,
    }


@contextmanager
def _shared_rows(training: Training, folder: Path) -> Generator[None]:
    """Lay the rows into the folder for as long as models are trained."""
    features = training.features
    arrays = {LABELS: training.labels}
    if sparse.issparse(features):
        arrays |= {f"features-{part}.npy": getattr(features, part) for part in PARTS}
        arrays["features-shape.npy"] = np.array(features.shape)
    else:
        arrays["features-data.npy"] = features
    try:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.save(stream, array, allow_pickle=False)
            write_whole(folder / name, stream.getbuffer())
        yield
    finally:
        for name in arrays:
            remove_result(folder / name)


def _load_rows(folder: Path) -> tuple[Any, NDArray[np.int64]]:
    def load(name: str, *, whole: bool = False) -> Any:
        return np.load(folder / name, mmap_mode=None if whole else "r", allow_pickle=False)

    labels = load(LABELS, whole=True)
    if not (folder / "features-shape.npy").exists():
        return load("features-data.npy"), labels
    parts = tuple(load(f"features-{part}.npy", whole=True) for part in PARTS)
    return sparse.csr_matrix(parts, shape=tuple(load("features-shape.npy", whole=True).tolist())), labels


def _identity(recipe: Recipe, training: Training) -> str:
    """Return the digest of all that decides on the bits of the signals."""
    digest = hashlib.sha256()
    features = training.features
    parts = [getattr(features, part) for part in PARTS] if sparse.issparse(features) else [features]
    for array in (*parts, training.labels, training.inside):
        digest.update(f"{array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    said = f"{recipe.description}\n{training.seed} {training.classes}\n{sys.version}\n{versions}"
    digest.update(said.encode())
    return digest.hexdigest()


def _file(folder: Path, model: int) -> Path:
    return folder / f"model-{model:04}.npz"


def _write(path: Path, identity: str, signals: dict[str, NDArray[Any]]) -> None:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, identity=np.array(identity), **signals)
    write_whole(path, stream.getbuffer())


def _read(path: Path, identity: str, rows: int) -> dict[str, NDArray[Any]] | None:
    """Return what an earlier run wrote for the same work; None where there is no such file."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            if str(archive["identity"]) != identity:
                return None
            signals = {name: archive[name] for name in FIELDS}
    except Exception:  # noqa: BLE001 - whatever another hand did to the file, the model is trained again
        return None
    return signals if all(array.shape == (rows,) for array in signals.values()) else None
