"""Generators are seeded where a network runs, and are afterwards what they were."""

import pytest
import torch

from trivet.work.device import CPU, find_device, seeded

ACCELERATOR = find_device("auto")


def test_a_seed_decides_on_what_is_drawn_and_leaves_the_generator_as_it_was():
    before = torch.random.get_rng_state()
    drawn = []
    for seed in (0, 0, 1):
        with seeded(seed):
            drawn.append(torch.rand(3))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(drawn[0], torch.rand(3, generator=torch.Generator().manual_seed(0)))
    with pytest.raises(KeyError), seeded(3):
        raise KeyError
    assert torch.equal(torch.random.get_rng_state(), before)


class Gpu:
    """The generators of two accelerators, as numbers."""

    def __init__(self):
        self.states = [10, 11]
        self.default_generators = [type("One", (), {"manual_seed": self.seeding(place)}) for place in (0, 1)]

    def seeding(self, place):
        return lambda seed: self.states.__setitem__(place, seed)

    def current_device(self):
        return 0

    def get_rng_state(self, place):
        return self.states[place]

    def set_rng_state(self, state, place):
        self.states[place] = state


@pytest.mark.parametrize(
    ("device", "within"), [("cuda", [5, 11]), ("cuda:1", [10, 5]), (CPU, [10, 11])], ids=str
)
def test_the_generator_of_the_accelerator_in_use_is_seeded_and_restored_and_no_other(
    monkeypatch, device, within
):
    gpu = Gpu()
    monkeypatch.setattr(torch, "cuda", gpu)
    with seeded(5, torch.device(device)):
        assert gpu.states == within
    assert gpu.states == [10, 11]


@pytest.mark.skipif(ACCELERATOR.type == CPU, reason="no accelerator here")
def test_the_generator_of_an_accelerator_is_seeded_and_restored():
    before = torch.rand(3, device=ACCELERATOR)
    drawn = []
    for _ in range(2):
        with seeded(5, ACCELERATOR):
            drawn.append(torch.rand(3, device=ACCELERATOR))
    assert torch.equal(drawn[0], drawn[1])
    torch.manual_seed(0)
    first = torch.rand(3, device=ACCELERATOR)
    torch.manual_seed(0)
    with seeded(5):
        pass
    with seeded(5, ACCELERATOR):
        torch.rand(7, device=ACCELERATOR)
    assert torch.equal(torch.rand(3, device=ACCELERATOR), first)
    assert not torch.equal(before, first)
