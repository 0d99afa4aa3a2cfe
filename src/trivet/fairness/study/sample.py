"""Rows of a table for a classifier: features, labels and groups, split and scaled together."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

__all__ = ["Sample", "split_sample", "standardise"]


@dataclass(frozen=True)
class Sample:
    """Some rows of a table."""

    features: NDArray[np.float64]
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    sensitive: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> "Sample":
        """Return the rows with these indices, in this order."""
        return replace(
            self, features=self.features[rows], labels=self.labels[rows], sensitive=self.sensitive[rows]
        )

    def drop(self, name: str) -> "Sample":
        """Return all rows without one feature."""
        place = self.names.index(name)
        return replace(
            self,
            features=np.delete(self.features, place, axis=1),
            names=self.names[:place] + self.names[place + 1 :],
        )


def split_sample(sample: Sample, *, size: float, seed: int) -> tuple[Sample, Sample]:
    """Divide rows at random in two parts, the second with a share `size` of them."""
    rows = np.arange(len(sample))
    first, second = (np.asarray(part) for part in train_test_split(rows, test_size=size, random_state=seed))
    return sample.take(first), sample.take(second)


def standardise(fit: Sample, *others: Sample) -> tuple[Sample, ...]:
    """Scale every feature to mean 0 and variance 1 on `fit`, and the others in the same way."""
    scaler = StandardScaler().fit(fit.features)
    return tuple(replace(part, features=scaler.transform(part.features)) for part in (fit, *others))
