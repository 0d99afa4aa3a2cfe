import pytest
import torch
from torch import nn
from torch.nn import functional

from trivet.errors import CheckpointError
from trivet.security.adapting import adapt
from trivet.security.frozen import freeze

SHAPE, CLASSES = (3, 12, 12), 5


class Foreign(nn.Module):
    """A network as people write them, with batch norm, dropout and a view; `end` makes its output."""

    def __init__(self, end=lambda scores: scores, head=4 * 36):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.fc = nn.Linear(head, CLASSES)
        self.end = end

    def scores(self, images):
        features = functional.max_pool2d(functional.relu(self.bn(self.conv1(images))), 2)
        features = functional.dropout(self.conv2(features), training=self.training)
        return self.fc(features.view(len(images), -1))

    def forward(self, images):
        return self.end(self.scores(images))


def seeded(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build()
        network.train()(torch.rand(20, *SHAPE))  # running statistics that are not those of a batch
        return network


def images(count=7):
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(1))


def average(scores):
    return (scores.softmax(1) + scores.flip(0).softmax(1).flip(0)) / 2


ENDS = {
    "logits": (lambda scores: scores, lambda scores: scores),
    "log_softmax": (lambda scores: scores.log_softmax(1), lambda scores: scores.log_softmax(1)),
    "module": (nn.Softmax(dim=1), lambda scores: scores),
    "function": (lambda scores: functional.softmax(scores, dim=-1), lambda scores: scores),
    "method": (lambda scores: scores.softmax(1), lambda scores: scores),
    "pixels": (lambda s: s[:, :, None, None].softmax(1), lambda scores: scores),
    "temperature": (lambda scores: (scores / 3).softmax(1), lambda scores: scores / 3),
    "sigmoid": (torch.sigmoid, lambda scores: scores),
    "average": (average, lambda scores: average(scores).log()),
    "dictionary": (lambda scores: {"logits": scores, "x": scores.softmax(1)}, lambda scores: scores),
}
KINDS = {"logits": "logits", "log_softmax": "logits", "sigmoid": "sigmoid", "average": "probabilities"}
KINDS |= {"dictionary": "logits"}


@pytest.mark.parametrize("name", ENDS)
def test_optimisation_sees_logits_whatever_the_network_returns(name):
    end, logits = ENDS[name]
    network = seeded(lambda: Foreign(end))
    model = adapt(network, input_shape=SHAPE, classes=CLASSES)
    assert model.kind == KINDS.get(name, "softmax")
    assert (model.input_shape, model.classes, model.batch) == (SHAPE, CLASSES, None)
    inputs = images()
    expected = logits(network.scores(inputs))
    torch.testing.assert_close(model.logits(inputs), expected)
    torch.testing.assert_close(freeze(model).logits(inputs), expected, rtol=1e-4, atol=1e-5)


def test_logits_keep_their_gradient_where_probabilities_lose_it():
    network = seeded(lambda: Foreign(lambda scores: (scores * 1e4).softmax(1)))
    model = adapt(network, input_shape=SHAPE, classes=CLASSES)
    inputs = images().requires_grad_()
    assert network(inputs).max() == 1
    functional.cross_entropy(model.logits(inputs), torch.zeros(7, dtype=torch.int64)).backward()
    assert inputs.grad.abs().max() > 1


def test_the_network_is_frozen_in_evaluation_mode_and_keeps_its_names():
    network = seeded(Foreign)
    names = list(network.state_dict())
    model = adapt(network, input_shape=SHAPE)
    assert model.classes == CLASSES
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert list(model.weights()) == names
    assert torch.equal(model(images()), model.logits(images()))


class Peeks(Foreign):
    """Looks into its convolutions, as code that counts or rescales does."""

    def scores(self, images):
        return super().scores(images) * self.conv1.weight.shape[0] * self.conv2.out_channels


class ViewsPixels(Foreign):
    """Takes the layout of its images for granted."""

    def scores(self, images):
        return self.fc(self.conv2(self.bn(self.conv1(images))).view(len(images), -1)[:, : 4 * 36])


@pytest.mark.parametrize("kind", [Foreign, Peeks, ViewsPixels])
def test_a_frozen_copy_has_the_same_logits_and_gradients(kind):
    model = adapt(seeded(kind), input_shape=SHAPE, classes=CLASSES)
    found = []
    for each in (freeze(model), model):
        inputs = images().requires_grad_()
        logits = each.logits(inputs)
        logits.sin().sum().backward()
        found.append((logits.detach(), inputs.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-4)


def test_a_frozen_copy_folds_what_it_can():
    def folded(kind):
        frozen = freeze(adapt(seeded(kind), input_shape=SHAPE, classes=CLASSES))
        return sum(
            type(module) is not nn.Conv2d for name, module in frozen.named_modules() if name.endswith("conv1")
        )

    assert folded(Foreign) == folded(ViewsPixels) == 1
    assert folded(Peeks) == 0


class OneAtATime(nn.Module):
    """Written down for a fixed number of images, as exported networks often are."""

    def __init__(self, batch):
        super().__init__()
        self.fc = nn.Linear(3 * 144, CLASSES)
        self.batch = batch

    def forward(self, images):
        return self.fc(images.reshape(self.batch, 3 * 144))


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_network_for_a_fixed_number_of_images_gets_that_number(batch):
    network = seeded_linear(batch)
    model = adapt(network, input_shape=SHAPE, classes=CLASSES, batch=batch, bounded=True)
    assert model.batch == batch
    for count in (1, 2, 7, 10):
        inputs = images(count)
        torch.testing.assert_close(model.logits(inputs), network.fc(inputs.flatten(1)))


def seeded_linear(batch):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return OneAtATime(batch)


def test_a_network_that_takes_any_number_is_not_held_to_the_one_it_was_written_for():
    assert adapt(seeded(Foreign), input_shape=SHAPE, classes=CLASSES, batch=1).batch is None


def test_a_network_that_mixes_its_images_is_held_to_the_number_it_was_written_for():
    network = seeded(lambda: Foreign(lambda scores: scores - scores.mean(0)))
    assert adapt(network, input_shape=SHAPE, classes=CLASSES, batch=4).batch == 4


def test_two_classes_are_enough_and_one_is_not():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 144, 2))
    assert adapt(network, input_shape=SHAPE).classes == 2
    with pytest.raises(CheckpointError, match="one sigmoid output"):
        adapt(nn.Sequential(nn.Flatten(), nn.Linear(3 * 144, 1)), input_shape=SHAPE)


def test_an_error_that_only_two_images_bring_out_is_reported():
    network = nn.Sequential(nn.Flatten(start_dim=0), nn.Unflatten(0, (1, 3 * 144)), nn.Linear(3 * 144, 2))
    with pytest.raises(CheckpointError, match=r"cannot classify images of shape \(3, 12, 12\): it raises"):
        adapt(network, input_shape=SHAPE)
