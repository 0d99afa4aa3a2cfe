"""DP-SGD of a softmax regression on random features, right and with mistakes that are made in practice."""

import logging
import math
from functools import cache

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

#: What is wrong with a training: nothing; no noise; the mean gradient of a batch is clipped, not each row's;
#: every row is in each batch, where the accountant assumes a random share; noise is scaled by that share.
MISTAKES = ("none", "no noise", "clipped by batch", "no sampling", "noise scaled by share")
FEATURES = 2000
#: Of the features of a row, so that a gradient is clipped.
NORM = 10.0
BANDWIDTH = 0.25


@cache
def noise_multiplier(epsilon, delta, share, steps):
    """Noise over clipping norm of a Poisson-sampled Gaussian mechanism, by the accountant of Google."""
    import dp_accounting  # noqa: PLC0415 - takes its time
    from dp_accounting.rdp import RdpAccountant  # noqa: PLC0415

    def event(noise):
        sampled = dp_accounting.PoissonSampledDpEvent(share, dp_accounting.GaussianDpEvent(noise))
        return dp_accounting.SelfComposedDpEvent(sampled, steps)

    logging.getLogger("absl").setLevel(logging.ERROR)
    bracket = dp_accounting.ExplicitBracketInterval(0.5, 50)
    return dp_accounting.calibrate_dp_mechanism(RdpAccountant, event, epsilon, delta, bracket, tol=1e-3)


def random_features(X):
    """Map rows to cosines of random directions, which are the same for all data (Rahimi and Recht 2007)."""
    generator = np.random.default_rng(12345)
    rows = np.asarray(X, dtype=np.float32).reshape(len(X), -1)
    directions = generator.normal(size=(rows.shape[1], FEATURES)).astype(np.float32) * BANDWIDTH
    phases = generator.uniform(0, 2 * math.pi, FEATURES).astype(np.float32)
    return NORM * math.sqrt(2 / FEATURES) * np.cos(rows @ directions + phases)


class PrivateRegression(ClassifierMixin, BaseEstimator):
    """Softmax regression by DP-SGD, (epsilon, delta)-private where there is no mistake."""

    def __init__(
        self,
        mistake="none",
        *,
        epsilon=3.0,
        delta=1e-5,
        steps=200,
        share=0.1,
        clip=1.0,
        rate=0.8,
        random_state=0,
    ):
        self.mistake = mistake
        self.epsilon = epsilon
        self.delta = delta
        self.steps = steps
        self.share = share
        self.clip = clip
        self.rate = rate
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_, places = np.unique(y, return_inverse=True)
        rows, wanted = random_features(X), np.eye(len(self.classes_))[places]
        generator = np.random.default_rng(self.random_state)
        noise = self.clip * noise_multiplier(self.epsilon, self.delta, self.share, self.steps)
        noise *= {"no noise": 0.0, "noise scaled by share": self.share}.get(self.mistake, 1.0)
        everyone = self.mistake == "no sampling"
        batch = len(rows) * (1.0 if everyone else self.share)
        self.weights_ = np.zeros((rows.shape[1], len(self.classes_)))
        for _ in range(self.steps):
            drawn = generator.random(len(rows)) < (1.0 if everyone else self.share)
            gradient = self._gradient(rows[drawn], wanted[drawn], batch)
            gradient += noise * generator.normal(size=gradient.shape)
            self.weights_ -= self.rate / batch * gradient
        return self

    def _gradient(self, rows, wanted, batch):
        """Return the sum of the clipped gradients of rows."""
        residuals = _softmax(rows @ self.weights_) - wanted
        if self.mistake == "clipped by batch":
            mean = rows.T @ residuals / batch
            return batch * mean * min(1.0, self.clip / max(np.linalg.norm(mean), 1e-12))
        norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(residuals, axis=1)
        return rows.T @ (residuals * np.minimum(1.0, self.clip / np.maximum(norms, 1e-12))[:, np.newaxis])

    def predict_proba(self, X):
        return _softmax(random_features(X) @ self.weights_)


def _softmax(logits):
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


class OpacusRegression(ClassifierMixin, BaseEstimator):
    """The same model, trained by Opacus to the epsilon that it claims; or with its noise taken away."""

    def __init__(
        self, *, noisy=True, epsilon=3.0, delta=1e-5, epochs=20, share=0.1, rate=0.8, random_state=0
    ):
        self.noisy = noisy
        self.epsilon = epsilon
        self.delta = delta
        self.epochs = epochs
        self.share = share
        self.rate = rate
        self.random_state = random_state

    def fit(self, X, y):
        import torch  # noqa: PLC0415 - as Opacus
        from opacus import PrivacyEngine  # noqa: PLC0415

        self.classes_, places = np.unique(y, return_inverse=True)
        torch.manual_seed(self.random_state)
        rows = torch.from_numpy(random_features(X).astype(np.float32))
        network = torch.nn.Linear(rows.shape[1], len(self.classes_), bias=False)
        torch.nn.init.zeros_(network.weight)
        optimiser = torch.optim.SGD(network.parameters(), lr=self.rate)
        data = torch.utils.data.TensorDataset(rows, torch.from_numpy(places))
        loader = torch.utils.data.DataLoader(data, batch_size=max(1, round(self.share * len(rows))))
        network, optimiser, loader = PrivacyEngine(accountant="rdp").make_private_with_epsilon(
            module=network,
            optimizer=optimiser,
            data_loader=loader,
            target_epsilon=self.epsilon,
            target_delta=self.delta,
            epochs=self.epochs,
            max_grad_norm=1.0,
        )
        if not self.noisy:
            optimiser.noise_multiplier = 0.0
        for _ in range(self.epochs):
            for batch, labels in loader:
                optimiser.zero_grad()
                if len(batch):
                    torch.nn.functional.cross_entropy(network(batch), labels).backward()
                    optimiser.step()
        self.weights_ = network.get_submodule("_module").weight.detach().numpy().T.astype(np.float64)
        return self

    predict_proba = PrivateRegression.predict_proba
