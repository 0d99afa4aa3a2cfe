"""Adapter from any network to a `Classifier` with differentiable logits."""

import dataclasses
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_iter, tree_map_only

from trivet.errors import CheckpointError, TrivetError
from trivet.security.evaluation import OperatorMode
from trivet.security.networks import Classifier
from trivet.wording import describe_error, first_line

__all__ = [
    "GRADIENT",
    "AdaptedClassifier",
    "LastActivation",
    "Measured",
    "adapt",
    "all_finite",
    "are_probabilities",
    "guarded",
    "measured",
    "scores_among",
]

#: How far from 1 the probabilities of an image may sum, in single precision over a thousand classes.
SUM_TOLERANCE = 1e-3
#: Operators that turn logits into probabilities, as modules, functions, methods and graph nodes call
#: them.
SOFTMAX = frozenset({"softmax", "_softmax", "_safe_softmax", "special_softmax"})
SIGMOID = frozenset({"sigmoid", "special_expit"})


def scores_among(output: Any, images: int, classes: int | None, name: str) -> Tensor:
    """Return scores (images, classes) out of an output: itself, its ``logits``, or the only such tensor."""
    named = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    parts = [named] if isinstance(named, Tensor) else list(_parts(output))
    tensors = [_flat(part) for part in parts if isinstance(part, Tensor)]
    wanted = f"({images}, {'classes' if classes is None else classes})"
    fitting = [
        tensor
        for tensor in tensors
        if tensor.dim() == 2 and len(tensor) == images and _fits(tensor.shape[1], classes)  # noqa: PLR2004
    ]
    if len(fitting) == 1 and fitting[0].is_floating_point():
        return fitting[0]
    if len(fitting) == 1:
        raise CheckpointError(f"{name} returns whole numbers; expected scores, one for each class.")
    if len(fitting) > 1:
        raise CheckpointError(
            f"{name} returns {len(fitting)} tensors of shape {wanted}; return the scores alone, or under the "
            "name logits."
        )
    if any(tuple(tensor.shape) in {(images,), (images, 1)} for tensor in tensors):
        raise CheckpointError(
            f"{name} returns one number an image, as a network with one sigmoid output does; expected scores "
            f"of shape {wanted}. Give it an output for each class: for the two of one logit z, (0, z)."
        )
    if len(tensors) == 1 and tensors[0].dim() == 2 and len(tensors[0]) == images and classes is not None:  # noqa: PLR2004
        raise CheckpointError(
            f"{name} tells {tensors[0].shape[1]} classes apart, the images have {classes}; give images of "
            "its own classes."
        )
    found = ", ".join(str(tuple(tensor.shape)) for tensor in tensors[:4]) or f"a {type(output).__name__}"
    raise CheckpointError(
        f"{name} returns {found} for a batch of {images}; expected scores of shape {wanted}."
    )


def are_probabilities(scores: Tensor) -> bool:
    """Tell whether each row of `scores` lies in [0, 1] and sums to 1."""
    return bool((scores >= 0).all()) and bool((scores.sum(dim=1) - 1).abs().max() < SUM_TOLERANCE)


class LastActivation(TorchFunctionMode):
    """Remembers what went into the last softmax or sigmoid of what runs within, and what came out."""

    def __init__(self) -> None:
        super().__init__()
        self._kind: str | None = None
        self._input: Tensor | None = None
        self._output: Tensor | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        kind = getattr(func, "__name__", "").partition(".")[0]
        if kind in SOFTMAX or kind in SIGMOID:
            self._kind = "softmax" if kind in SOFTMAX else "sigmoid"
            self._input = args[0] if args else kwargs.get("input", kwargs.get("self"))
            self._output = result
        return result

    def before(self, scores: Tensor) -> tuple[str, Tensor] | None:
        """Return the activation whose output `scores` is, with its input; None if it is another's."""
        if self._kind is None or not isinstance(self._input, Tensor) or not isinstance(self._output, Tensor):
            return None
        same = (
            self._output.numel() == scores.numel() == self._input.numel()
            and self._output.data_ptr() == scores.data_ptr()
            and self._output.is_contiguous()
            and scores.is_contiguous()
        )
        return (self._kind, self._input.reshape(scores.shape)) if same else None


def _parts(output: Any) -> Iterable[Any]:
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, Mapping):
        return output.values()
    if isinstance(output, (tuple, list)):
        return output
    if dataclasses.is_dataclass(output):
        return vars(output).values()
    return []


def _flat(tensor: Tensor) -> Tensor:
    extra = tensor.dim() > 2 and all(size == 1 for size in tensor.shape[2:])  # noqa: PLR2004 - pixels
    return tensor.flatten(start_dim=1) if extra else tensor


def _fits(columns: int, classes: int | None) -> bool:
    return columns == classes if classes is not None else columns > 1


#: Of weights and results together: with PyTorch itself it stays under 2 GiB, and the large vision
#: transformers fit.
MAX_BYTES = 13 * 2**27
#: Numbers that all operators together are given for one image; the largest vision transformers take a
#: tenth. A view costs no memory, however many numbers it stands for, but working through it takes time.
MAX_NUMBERS = 2**34
META = torch.device("meta")
CONVOLUTION = torch.ops.aten.convolution.default
#: Their result is as large as their input. On shapes alone they would make PyTorch import its compiler,
#: which takes a second.
NORMALISATIONS = frozenset(
    getattr(torch.ops.aten, name).default
    for name in ("native_batch_norm", "native_layer_norm", "native_group_norm")
)
#: The size of their result is in the numbers, so shapes do not bound it.
UNBOUNDED = frozenset({torch.ops.aten.repeat_interleave.Tensor, torch.ops.aten.bincount.default})


@dataclass
class Measured:
    """Bytes of all results of operators, and numbers that these are given; both without mere views."""

    bytes: int = 0
    numbers: int = 0


@contextmanager
def measured(name: str, *, held: int = 0) -> Generator[Measured]:
    """Measure what runs within, and stop it before it takes too much.

    Every operator runs on shapes alone first, so what does not fit is never allocated.
    """
    tally = Measured()
    with _ShapesFirst(tally, name, MAX_BYTES - held):
        yield tally


class _ShapesFirst(OperatorMode):
    def __init__(self, tally: Measured, name: str, most: int) -> None:
        super().__init__()
        self._tally, self._name, self._most = tally, name, most

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        results, workspace = _cost(func, args, kwargs)
        self._tally.bytes += results
        self._tally.numbers += 0 if func.is_view else sum(t.numel() for t in _tensors(args, kwargs))
        if self._tally.bytes + workspace > self._most or func in UNBOUNDED:
            raise CheckpointError(
                f"{self._name} was refused: with one image it takes more than {MAX_BYTES / 2**30:.1f} GiB of "
                "memory, or how much it takes cannot be foreseen."
            )
        if self._tally.numbers > MAX_NUMBERS:
            raise CheckpointError(
                f"{self._name} was refused: for one image it works through more than {MAX_NUMBERS:.0e} "
                "numbers."
            )
        return func(*args, **kwargs)


def _cost(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, int]:
    """Return the bytes of an operator's results, and of what it may need while it runs."""
    if func.is_view:
        return 0, 0
    if func in NORMALISATIONS:
        return args[0].numel() * args[0].element_size(), 0
    shapes, options = tree_map_only(Tensor, lambda tensor: tensor.detach().to(META), (args, kwargs))
    if "device" in options or not any(isinstance(leaf, Tensor) for leaf in tree_iter((args, kwargs))):
        options["device"] = META
    try:
        results = [leaf for leaf in tree_iter(func(*shapes, **options)) if isinstance(leaf, Tensor)]
    except Exception:  # noqa: BLE001 - the result depends on the numbers, as of nonzero or a mask
        largest = max((t.numel() * max(t.dim(), 1) for t in _tensors(args, kwargs)), default=0)
        return largest * torch.int64.itemsize, 0
    workspace = 0
    if func is CONVOLUTION and len(args[1]) > 0:  # the slow kernels unfold their input
        workspace = results[0].numel() // len(args[1]) * args[1][0].numel() * results[0].element_size()
    return sum(result.numel() * result.element_size() for result in results), workspace


def _tensors(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    return [leaf for leaf in tree_iter((args, kwargs)) if isinstance(leaf, Tensor)]


#: What a network does where its scores are differentiated.
GRADIENT: Final = "differentiate its scores"

#: What PyTorch's allocators say, in lower case; on a CPU it is a mere RuntimeError.
OUT_OF_MEMORY: Final = ("not enough memory", "can't allocate memory", "out of memory", "std::bad_alloc")


@contextmanager
def guarded(name: str, doing: str) -> Generator[None]:
    """Turn whatever is raised within, but lack of memory and an interrupt, into a `CheckpointError`."""
    try:
        yield
    except (TrivetError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if _is_memory(error):
            raise TrivetError(
                f"{name} cannot {doing} for lack of memory: {describe_error(error)}. Take fewer or smaller "
                "images (--limit), or a machine with more memory."
            ) from error
        raise CheckpointError(
            f"{name} cannot {doing}: it raises {describe_error(error)}. Check that the images, the "
            "architecture and the weights belong together."
        ) from error


def all_finite(scores: Tensor, name: str) -> Tensor:
    """Return `scores` if all are finite numbers."""
    if not bool(torch.isfinite(scores).all()):
        raise CheckpointError(
            f"{name} returns scores that are not finite numbers; such a network tells no classes apart."
        )
    return scores


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(
        words in first_line(error).lower() for words in OUT_OF_MEMORY
    )


#: What a network returns: logits (log-probabilities are such), what a softmax or a sigmoid made of
#: logits, or probabilities that came about in another way.
Kind = Literal["logits", "softmax", "sigmoid", "probabilities"]

#: Images of the second probe; with the first it shows whether an image's neighbours matter.
PROBES = 3
#: How far scores may differ when the same image stands in another batch.
RELATIVE, ABSOLUTE = 1e-3, 1e-4


class AdaptedClassifier(Classifier):
    """A network that was not written for trivet, seen as one that was; `adapt` makes it."""

    def __init__(
        self,
        network: nn.Module,
        *,
        input_shape: tuple[int, int, int],
        classes: int,
        kind: Kind,
        batch: int | None,
        name: str,
    ) -> None:
        super().__init__()
        self.network = network
        self.input_shape, self.classes = input_shape, classes
        self.kind: Kind = kind
        self.batch, self.name = batch, name

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what `logits` does."""
        return self.logits(inputs)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return scores, shape (n, classes), for inputs (n, channels, h, w), from before a softmax."""
        if self.batch is None:
            return self._logits(inputs)
        missing = -len(inputs) % self.batch
        filled = torch.cat([inputs, inputs[-1:].expand(missing, -1, -1, -1)])
        scores = torch.cat([self._logits(part) for part in filled.split(self.batch)])
        return scores[: len(inputs)]

    def weights(self) -> dict[str, Tensor]:
        """Return the network's own state dict, named as in the file that it came from."""
        return self.network.state_dict()

    def _logits(self, inputs: Tensor) -> Tensor:
        if self.kind == "logits":
            return _scores(self.network, inputs, self.classes, self.name)
        with LastActivation() as activation:
            scores = _scores(self.network, inputs, self.classes, self.name)
        found = activation.before(scores)
        return scores.clamp_min(torch.finfo(scores.dtype).tiny).log() if found is None else found[1]


def adapt(
    network: nn.Module,
    *,
    input_shape: tuple[int, int, int],
    classes: int | None = None,
    name: str = "the network",
    bounded: bool = False,
    batch: int | None = None,
) -> AdaptedClassifier:
    """Return `network` as a frozen `Classifier`, run on a few random images to see what it returns."""
    pixels = torch.rand(PROBES, *input_shape, generator=torch.Generator().manual_seed(0))
    with guarded(name, "be set up"), torch.no_grad():
        network.eval().requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature
        held = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
        with measured(name, held=held) if bounded else nullcontext(Measured()) as tally:
            one = pixels[:1].expand(batch or 1, -1, -1, -1)
            scores, kind = _examine(network, one, classes, name)
        affordable = held + PROBES * tally.bytes <= MAX_BYTES
        if batch is not None and affordable and _takes_any(network, pixels, scores[:1], name):
            batch = None
        elif batch is None and affordable:
            _, kind = _examine(network, pixels, scores.shape[1], name)
    return AdaptedClassifier(
        network, input_shape=input_shape, classes=scores.shape[1], kind=kind, batch=batch, name=name
    ).eval()


def _scores(network: nn.Module, pixels: Tensor, classes: int | None, name: str) -> Tensor:
    """Return what a user's network says of `pixels`: the only place where its forward runs."""
    with guarded(name, f"classify images of shape {tuple(pixels.shape[1:])}"):
        return scores_among(network(pixels), len(pixels), classes, name)


def _examine(network: nn.Module, pixels: Tensor, classes: int | None, name: str) -> tuple[Tensor, Kind]:
    """Return the scores of `pixels` and of what kind they are."""
    with LastActivation() as activation:
        scores = all_finite(_scores(network, pixels, classes, name), name)
    found = activation.before(scores)
    made_by = None if found is None else found[0]
    if are_probabilities(scores):
        return scores, "softmax" if made_by == "softmax" else "probabilities"
    return scores, "sigmoid" if made_by == "sigmoid" else "logits"


def _takes_any(network: nn.Module, pixels: Tensor, first: Tensor, name: str) -> bool:
    """Tell whether images may come in other numbers, and each is scored as if it were alone."""
    try:
        scores, _ = _examine(network, pixels, first.shape[1], name)
    except CheckpointError:  # whatever it is, the network's own number is left
        return False
    return torch.allclose(scores[:1], first, rtol=RELATIVE, atol=ABSOLUTE)
