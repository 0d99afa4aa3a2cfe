import pytest
import torch

from trivet.errors import CheckpointError
from trivet.security.operators import ALLOWED, is_in_place, resolve


def test_every_operator_on_the_list_is_pytorch_s_own():
    for name in sorted(ALLOWED):
        packet = getattr(torch.ops.aten, name)
        overload = packet.overloads()[0]
        assert resolve(f"torch.ops.aten.{name}.{overload}", "x") is getattr(packet, overload)


def test_nothing_on_the_list_draws_numbers_reads_files_or_reaches_into_memory():
    forbidden = (
        "rand",
        "bernoulli",
        "multinomial",
        "normal_",
        "from_file",
        "set_",
        "resize",
        "as_strided",
        "empty",
    )
    assert not [name for name in ALLOWED for word in forbidden if word in name]


@pytest.mark.parametrize(
    "target",
    [
        "",
        "eval",
        "torch.ops.aten.relu",
        "torch.ops.aten.relu.",
        "torch.ops.aten.relu.nothing",
        "torch.ops.aten.relu.default.__class__",
        "torch.ops.aten.relu.out",
        "torch.ops.aten.sum.DimnameList_out",
        "torch.ops.aten.__class__.default",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.set_.source_Storage",
        "torch.ops.aten.as_strided.default",
        "torch.ops.aten.rand.default",
        "torch.ops.higher_order.cond",
        "torch.ops.torchvision.nms.default",
        "_operator.attrgetter",
        "_operator.pow",
        "_operator.methodcaller",
        "torch.load",
    ],
)
def test_anything_else_is_refused(target):
    with pytest.raises(CheckpointError, match="which is not on the list"):
        resolve(target, "x")


def test_arithmetic_is_that_of_sizes():
    assert resolve("_operator.floordiv", "x")(7, 2) == 3
    assert resolve("_operator.getitem", "x")((4, 5), 1) == 5
    with pytest.raises(OverflowError):
        resolve("_operator.mul", "x")(2**40, 2**40)
    for arguments in (([0], 10**9), ("x", 10**9), (torch.ones(1), 2)):
        with pytest.raises(TypeError):
            resolve("_operator.mul", "x")(*arguments)
    with pytest.raises(TypeError):
        resolve("_operator.getitem", "x")({"a": 1}, "a")


def test_which_operators_overwrite():
    assert is_in_place("torch.ops.aten.relu_.default")
    assert not is_in_place("torch.ops.aten.relu.default")
    assert not is_in_place("_operator.add")


def test_batch_norm_without_statistics_uses_those_of_the_batch():
    """PyTorch's own kernel reads what is not there when it is told otherwise."""
    images = torch.rand(4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    norm = resolve("torch.ops.aten._native_batch_norm_legit.no_stats", "x")
    found = norm(images, None, None, training=False, momentum=0.1, eps=1e-9)[0]
    torch.testing.assert_close(found.mean(dim=(0, 2, 3)), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.var(dim=(0, 2, 3), correction=0), torch.ones(2))
