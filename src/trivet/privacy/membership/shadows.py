"""Signals of many models on each row, trained on processes and cached against a kill."""

import hashlib
import io
import sys
from collections.abc import Callable, Generator
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from trivet.errors import DataError, TrivetError
from trivet.privacy.membership.recipe import Recipe, class_probabilities, train
from trivet.work.result_files import hold_results, remove_result, write_whole
from trivet.work.worker_pool import WorkerPool

__all__ = [
    "CALIBRATION",
    "CLIP",
    "FOLDS",
    "POPULATION",
    "TARGET",
    "Design",
    "ShadowValues",
    "Signals",
    "design_trainings",
    "log_odds",
    "model_seed",
    "plant",
    "random_half",
    "resolution",
    "shadow_halves",
    "shadow_shares",
    "side_means",
    "signals_of",
    "train_models",
    "true_and_others",
    "unit_labels",
    "use_of",
]

#: No probability counts as smaller, so that no logit is infinite: they end at about -34.5 and 34.5.
CLIP = 1e-15

#: What is left for the other classes where a model says 1, if it says nothing but 0 and 1.
_LARGEST_CLIP = 0.25

#: Single precision, summed over some thousand classes.
SUM_TOLERANCE = 1e-3


def true_and_others(
    probabilities: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probability of each row's true class, and of all others together."""
    # The others are summed, as one minus a probability near one would lose its digits.
    p, y = _checked(probabilities, labels)
    rows = np.arange(len(y))
    true = p[..., rows, y]
    p[..., rows, y] = 0.0
    return true, p.sum(axis=-1)


def log_odds(true: NDArray[np.float64], others: NDArray[np.float64], clip: float) -> NDArray[np.float64]:
    """Return the logarithm of the ratio of two probabilities, each at least `clip`."""
    # Close to normal over retrainings, as a probability is not (Carlini et al. 2022, Section IV-C).
    return np.log(np.maximum(true, clip)) - np.log(np.maximum(others, clip))


def resolution(*probabilities: NDArray[np.float64]) -> float:
    """Return half of the least probability above 0 that any model gives: what its 0 may stand for."""
    # A forest of 30 trees that says 0 would have said 1/30 with one more vote. Half a vote it is, as for
    # counts (Haldane 1956, Anscombe 1956). With 0 and 1 only, 0 counts as 1/4. Values below `CLIP` are
    # rounding.
    least = min(float(given[given > CLIP].min(initial=2 * _LARGEST_CLIP)) for given in probabilities)
    return max(least / 2, CLIP)


def _checked(probabilities: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if p.ndim not in (2, 3) or y.shape != p.shape[-2:-1] or p.shape[-1] < 2:  # noqa: PLR2004 - two classes
        message = (
            "A membership attack needs probabilities of shape (rows, classes) with two classes or more "
            f"and one label a row; found shapes {p.shape} and {y.shape}."
        )
        raise DataError(message)
    if not np.issubdtype(y.dtype, np.integer) or (y.size and not (y.min() >= 0 and y.max() < p.shape[-1])):
        raise DataError(
            f"A label has to be the number of a class, 0 to {p.shape[-1] - 1}. Encode the labels first."
        )
    # Written so that NaN fails.
    fits = ((p >= 0) & (p <= 1 + SUM_TOLERANCE)).all() and (np.abs(p.sum(axis=-1) - 1) <= SUM_TOLERANCE).all()
    if not fits:
        raise DataError(
            "The model's probabilities have to lie in [0, 1] and to sum to 1 in each row. "
            "Give the output of predict_proba or a softmax."
        )
    return np.minimum(p, 1.0), y.astype(np.intp)


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

    def of(self, models: slice, rows: slice | NDArray[np.int64]) -> "Signals":
        """Return what some models say of some rows."""
        return Signals(**{name: getattr(self, name)[models, rows] for name in FIELDS})

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
    spare: int = 0,
    is_up: Callable[[], bool] = lambda: False,
) -> tuple[Signals, int]:
    """Train every model on its rows and let it score all rows, one thread a model.

    When `is_up` says that the time is, those of the first `spare` models that are not done are left out, and
    with them the rest of their pairs. Returns the signals, and how many of the first `spare` are among them.
    """
    # Each model has a file in `folder`, written whole or not at all, and kept when it belongs to the same
    # rows, halves, recipe, seed and versions: a run that was killed goes on and ends with the same bits.
    models, rows = training.inside.shape
    if not models:
        nothing = {name: np.empty((0, rows), dtype=bool if name == FIELDS[-1] else float) for name in FIELDS}
        return Signals(**nothing), 0
    identity = _identity(recipe, training)
    kept: dict[int, dict[str, NDArray[Any]]] = {}
    with hold_results(folder):
        for model in range(models):
            found = _read(_file(folder, model), identity, rows)
            if found is not None:
                kept[model] = found
        progress(len(kept) / models)
        # Those that cannot be spared come first.
        missing = [model for model in (*range(spare, models), *range(spare)) if model not in kept]
        needed = set(range(spare, models))
        with _shared_rows(training, folder):
            trained = _trained(recipe, training, folder, missing, workers=workers, own_process=own_process)
            with closing(trained):
                while not (is_up() and needed <= kept.keys()):
                    if (found := next(trained, None)) is None:
                        break
                    model, signals = found
                    _write(_file(folder, model), identity, signals)
                    kept[model] = signals
                    progress(len(kept) / models)
    # Models 2k and 2k + 1 are trained on the two halves of one division.
    done = next((model // 2 * 2 for model in range(spare) if model not in kept), spare)
    chosen = [*range(done), *range(spare, models)]
    return Signals(**{name: np.stack([kept[model][name] for model in chosen]) for name in FIELDS}), done


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
    true, others = true_and_others(probabilities, labels)
    return {"probability": true, "others": others, "correct": probabilities.argmax(axis=1) == labels}


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


@dataclass(frozen=True)
class ShadowValues:
    """Checked arguments of an attack."""

    target: NDArray[np.float64]
    shadows: NDArray[np.float64]
    inside: NDArray[np.bool_]

    @classmethod
    def checked(cls, target: ArrayLike, shadows: ArrayLike, inside: ArrayLike) -> "ShadowValues":
        """Return the values; raise DataError where the shapes differ or a value is not finite."""
        t, s = np.asarray(target, dtype=np.float64), np.asarray(shadows, dtype=np.float64)
        i = np.asarray(inside)
        if t.ndim != 1 or s.shape[1:] != t.shape or i.shape != s.shape or i.dtype != np.bool_:
            message = (
                "An attack needs target (rows,), shadows (models, rows) and booleans inside (models, rows); "
                f"found shapes {t.shape}, {s.shape} and {i.shape} of {i.dtype}."
            )
            raise DataError(message)
        if not (np.isfinite(t).all() and np.isfinite(s).all()):
            raise DataError(
                "A model's value for a row is not finite. Take the values with trivet's signals, "
                "which clip them."
            )
        return cls(t, s, i)

    def needs(self, least: int, *, inside: bool) -> None:
        """Raise DataError where a row has fewer than `least` shadow models on one side."""
        counts = (self.inside if inside else ~self.inside).sum(axis=0)
        if counts.size and counts.min() < least:
            side = "with" if inside else "without"
            message = (
                f"The attack needs {least} or more shadow models trained {side} each row; row "
                f"{int(counts.argmin())} has {int(counts.min())}. Train more shadow models."
            )
            raise DataError(message)


def side_means(values: ShadowValues, *, inside: bool) -> NDArray[np.float64]:
    """Return each row's mean over the shadow models on one side, shape (n,)."""
    side = values.inside if inside else ~values.inside
    return np.where(side, values.shadows, 0.0).sum(axis=0) / side.sum(axis=0)


#: Shadow models that each row is in, and that it is not in, at least: LiRA needs both.
_FEWEST_OF_ROW = 2


def random_half(labels: ArrayLike, *, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Draw half of the rows, and half of each class; of odd rows left over half are inside."""
    classes = np.asarray(labels)
    inside = np.zeros(len(classes), dtype=np.bool_)
    left: list[int] = []
    for label in np.unique(classes):
        rows = generator.permutation(np.flatnonzero(classes == label))
        inside[rows[: len(rows) // 2]] = True
        left.extend(int(row) for row in rows[len(rows) // 2 * 2 :])
    order = generator.permutation(np.array(left, dtype=np.intp))
    inside[order[: (len(order) + int(generator.integers(2))) // 2]] = True
    return inside


def shadow_halves(labels: ArrayLike, models: int, *, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Draw who trains which shadow model, so that each row trains half of them."""
    # A random half and its complement: each model has as many rows as the audited one, and each row has
    # models on either side (Carlini et al. 2022, Section IV).
    classes = np.asarray(labels)
    inside = np.empty((models, len(classes)), dtype=np.bool_)
    for first in range(0, models, 2):
        inside[first] = random_half(classes, generator=generator)
        inside[first + 1 : first + 2] = ~inside[first]
    return inside


def shadow_shares(
    labels: ArrayLike, models: int, share: float, *, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw who trains which shadow model, so that each model trains on a given share of the rows."""
    # For a share other than a half, `models` rows of a class at a time are left out by one random choice of
    # models that moves on by one model a row: each row is left out of as many models, two at least.
    out = min(max(round((1 - share) * models), _FEWEST_OF_ROW), models - _FEWEST_OF_ROW)
    if not models or abs(2 * out - models) <= models % 2:
        return shadow_halves(labels, models, generator=generator)
    classes = np.asarray(labels)
    inside = np.ones((models, len(classes)), dtype=np.bool_)
    places = np.arange(models)
    for label in np.unique(classes):
        rows = generator.permutation(np.flatnonzero(classes == label))
        for first in range(0, len(rows), models):
            block = rows[first : first + models]
            left_out = np.zeros(models, dtype=np.bool_)
            left_out[generator.choice(models, out, replace=False)] = True
            inside[:, block] = ~left_out[(places[:, np.newaxis] + places[: len(block)]) % models]
    return inside


def unit_labels(labels: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one label for each unit, the rarest of its rows' labels, to draw units of each class."""
    rarest_first = np.argsort(np.bincount(labels), kind="stable")
    places = np.argsort(rarest_first)
    found = np.full(int(units.max()) + 1, len(places))
    np.minimum.at(found, units, places[labels])
    return rarest_first[found]


def plant(
    features: Any, labels: NDArray[np.int64], canaries: int, *, classes: int, generator: np.random.Generator
) -> tuple[Any, NDArray[np.int64]]:
    """Return rows that no one would learn but by heart: real ones with a wrong label."""
    # A table's columns are drawn from other rows, each on its own; images stay, since pixels would be noise.
    rows = generator.choice(len(labels), canaries, replace=False)
    wrong = (labels[rows] + generator.integers(1, classes, canaries)) % classes
    if features.ndim != 2:  # noqa: PLR2004 - rows and columns
        return features[rows], wrong
    places = generator.integers(0, len(labels), (canaries, features.shape[1]))
    if not sparse.issparse(features):
        return np.take_along_axis(features, places, axis=0), wrong
    columns = features.tocsc()
    drawn = [columns[:, [i]][places[:, i]] for i in range(features.shape[1])]
    return sparse.hstack(drawn, format="csr"), wrong


#: One use of the seed each, so that no two draws depend on one another.
HALVES, TARGET, CANARIES, COINS, POPULATION, FOLDS, CALIBRATION = range(7)


@dataclass(frozen=True, eq=False)
class Design:
    """Models to train: shadow models, the audited one unless it exists, and perhaps one with canaries."""

    training: Training
    coins: NDArray[np.bool_] | None
    canaries: NDArray[np.int64]


def design_trainings(
    features: Any,
    labels: NDArray[np.int64],
    classes: int,
    mask: NDArray[np.bool_],
    units: NDArray[np.int64],
    *,
    share: float,
    shadows: int,
    canaries: int,
    seed: int,
    audited: bool = True,
) -> Design:
    """Draw who trains which model, and what is planted."""
    drawn = shadow_shares(unit_labels(labels, units), shadows, share, generator=use_of(seed, HALVES))
    inside = drawn[:, units]
    if audited:
        inside = np.vstack([inside, mask])
    if not canaries:
        return Design(Training(features, labels, classes, inside, seed), None, np.empty(0, dtype=np.int64))
    generator = use_of(seed, CANARIES)
    planted, wrong = plant(features, labels, canaries, classes=classes, generator=generator)
    coins = use_of(seed, COINS).random(canaries) < 0.5  # noqa: PLR2004 - a fair coin
    sizes = generator.permutation(np.bincount(units))[:canaries]
    repeated = np.repeat(np.arange(canaries), sizes)
    planted, wrong = planted[repeated], wrong[repeated]
    inside = np.hstack([inside, np.zeros((len(inside), len(repeated)), dtype=np.bool_)])
    inside = np.vstack([inside, np.concatenate([mask, coins[repeated]])])
    whole = sparse.vstack([features, planted], format="csr") if sparse.issparse(features) else None
    return Design(
        Training(
            np.concatenate([features, planted]) if whole is None else whole,
            np.concatenate([labels, wrong]),
            classes,
            inside,
            seed,
        ),
        coins,
        len(labels) + np.cumsum(sizes) - sizes,
    )


def use_of(seed: int, use: int) -> np.random.Generator:
    """Return the generator of one use of the seed."""
    # Two numbers, where a model's own seed has one: no draw is a model's.
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(use, 0)))
