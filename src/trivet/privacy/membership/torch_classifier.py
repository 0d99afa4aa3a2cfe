"""A PyTorch network as a scikit-learn classifier, trained the same each time."""

import copy
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import nn

from trivet.errors import DataError
from trivet.work.device import CPU, seeded

__all__ = ["TorchClassifier", "trained_network"]

#: Opacus's wrapper, by name, so that Opacus need not be there.
GRADIENTS_OF_ROWS = "GradSampleModule"
#: Rows that are scored at a time.
SCORED_ROWS = 4096


class TorchClassifier(ClassifierMixin, BaseEstimator):
    """Trains a network by Adam on the cross-entropy, and gives its class probabilities.

    Weights, order of the rows and dropout follow from `random_state`; the global generators of
    PyTorch and NumPy stay as they are.

    Parameters
    ----------
    module
        A network from shape (batch, *row) to logits of shape (batch, classes), of which a copy's layers are
        reset for each training by their ``reset_parameters``; or a function that makes one.
    epochs
        Passes over the rows.
    batch_size
        Rows in a step of the optimiser.
    learning_rate
        Of Adam.
    random_state
        Seed, in [0, 2^32).
    device
        Where the network runs, as PyTorch calls it; rows go there batch by batch.
    """

    def __init__(
        self,
        module: nn.Module | Callable[[], nn.Module],
        *,
        epochs: int = 20,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        random_state: int = 0,
        device: str = CPU,
    ) -> None:
        self.module = module
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on rows `X`, shape (rows, *row), and classes `y`, shape (rows,).

        Raises
        ------
        DataError
            If the network has no output for each class.
        """
        self.classes_, places = np.unique(np.asarray(y), return_inverse=True)
        rows = torch.from_numpy(np.array(X, dtype=np.float32))
        labels = torch.from_numpy(places.astype(np.int64))
        with seeded(self.random_state, self.device):
            self.network_ = _fresh(self.module).to(self.device)
            self.network_.train()
            optimiser = torch.optim.Adam(self.network_.parameters(), lr=self.learning_rate)
            for _ in range(self.epochs):
                for batch in torch.randperm(len(rows)).split(self.batch_size):
                    optimiser.zero_grad()
                    logits = self.network_(rows[batch].to(self.device))
                    self._require_logits(logits, len(batch))
                    nn.functional.cross_entropy(logits, labels[batch].to(self.device)).backward()
                    optimiser.step()
        self.network_.eval()
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return class probabilities, shape (rows, classes), for the classes in `classes_`."""
        rows = torch.from_numpy(np.array(X, dtype=np.float32))
        with torch.inference_mode():
            parts: list[torch.Tensor] = []
            for part in rows.split(SCORED_ROWS):
                logits = self.network_(part.to(self.device))
                self._require_logits(logits, len(part))
                parts.append(logits.to(CPU))
            logits = torch.cat(parts)
            # Outputs beyond the classes that were seen stand for classes without a row.
            shares = torch.softmax(logits[:, : len(self.classes_)].double(), dim=1)
        return shares.numpy()

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _require_logits(self, logits: Any, rows: int) -> None:
        classes = len(self.classes_)
        fits = isinstance(logits, torch.Tensor) and logits.ndim == 2 and len(logits) == rows  # noqa: PLR2004
        if not fits or logits.shape[1] < classes:
            found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise DataError(
                f"the network should return logits of shape ({rows}, {classes}) for {rows} rows and "
                f"{classes} classes, found {found}."
            )


def trained_network(module: nn.Module, classes: NDArray[Any]) -> TorchClassifier:
    """Return a copy of a trained network as a fitted classifier of `classes`, one logit each."""
    # Opacus wraps a network to take each row's gradient; what answers is the network inside.
    if type(module).__name__ == GRADIENTS_OF_ROWS:
        module = module.get_submodule("_module")
    fitted = _Trained(module)
    fitted.classes_ = classes
    fitted.network_ = copy.deepcopy(module).cpu().float().eval()
    return fitted


class _Trained(TorchClassifier):
    """A network that was trained elsewhere, which has a logit for each class and no other."""

    def _require_logits(self, logits: Any, rows: int) -> None:
        super()._require_logits(logits, rows)
        if logits.shape[1] != len(self.classes_):
            raise DataError(
                f"the target has {logits.shape[1]} logits a row, and the data {len(self.classes_)} classes; "
                "expected one logit for each class of the labels, in their order."
            )


def _fresh(module: nn.Module | Callable[[], nn.Module]) -> nn.Module:
    """Return a network with new weights from PyTorch's generator."""
    if not isinstance(module, nn.Module):
        return module()
    copied = copy.deepcopy(module)
    for layer in copied.modules():
        reset = getattr(layer, "reset_parameters", None)
        if callable(reset):
            reset()
    return copied
