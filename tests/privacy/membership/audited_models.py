"""Small data to audit models on, models that remember and that do not, and runs that can be killed."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from trivet.privacy.membership.audit import attack_model

ROWS = 1200


def noisy_rows(rows=ROWS, seed=0, features=6):
    """Rows of which a model can learn half of the label, and only remember the rest."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(rows, features))
    y = (X[:, 0] + generator.normal(size=rows) > 0).astype(int)
    return X, y


def deep_tree():
    """A factory, as a user writes one."""
    return DecisionTreeClassifier()


def stumps():
    return DecisionTreeClassifier(max_depth=1)


def killed_after(models, folder):
    """Audit in this process, which is killed as soon as so many models are trained."""

    def kill(step, share):
        if step == "training shadow models" and share is not None and share * 9 >= models - 1e-9:
            os.kill(os.getpid(), signal.SIGKILL)

    X, y = noisy_rows(400)
    attack_model("tree", X, y, shadows=8, workers=1, work=Path(folder), progress=kill)


if __name__ == "__main__":
    killed_after(int(sys.argv[1]), sys.argv[2])
