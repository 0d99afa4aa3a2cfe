"""Noise of PyTorch: tensors that carry what their noise was added to."""

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

import numpy as np
import torch

from trivet.privacy.code.carried.noise import Noisy, known
from trivet.privacy.code.sources.recording import Patches, active, choose, noise_of, uncovered
from trivet.privacy.code.tape import Call

__all__ = ["NoisyTensor", "put_torch"]


class NoisyTensor(torch.Tensor):
    """Stands for a tensor with noise in it; its own memory holds nothing."""

    noise: Noisy

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Follow what leaves noise what it is, and look at the value for everything else."""
        options = dict(kwargs or {})
        name = func.__name__.strip("_")
        if name == "get":  # an attribute
            name = {"data": "clone", "real": "clone", "T": "t", "mT": "t"}.get(func.__self__.__name__, "set")
        if name in _ABOUT:
            return _untouched(func, args, options)
        followed = _followed(func, name, args, options)
        if followed is not NotImplemented:
            return followed
        options = {key: _looked(value) for key, value in options.items()}
        return func(*map(_looked, args), **options)


def _followed(func: Any, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Apply a function that leaves noise what it is; NotImplemented of any other."""
    if name in _ARITHMETIC:
        if func.__name__.endswith("_") and not func.__name__.startswith("_"):
            return _in_place(_ARITHMETIC[name], args, options)
        if options.get("out") is None:
            return _result(_acted(_ARITHMETIC[name], args, options), args)
    elif name.removeprefix("i") in _ARITHMETIC:
        return _in_place(_ARITHMETIC[name.removeprefix("i")], args, options)
    elif isinstance(args[0], NoisyTensor):
        return _of_one(func, name, args, options)
    return NotImplemented


def _of_one(func: Any, name: str, args: Any, options: dict[str, Any]) -> Any:
    if name in _SAME:
        return _of(args[0].noise, _untouched(func, args, options).dtype)
    if name in _MOVING:
        return _moved(func, args, options)
    dim = args[1] if len(args) > 1 else options.get("dim")
    if name in {"sum", "mean", "argmax"} and not options.get("keepdim") and isinstance(dim, int | None):
        return _result(getattr(args[0].noise, name)(dim), args)
    return NotImplemented


def _untouched(func: Any, args: Any, options: Any) -> Any:
    with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as PyTorch documents it
        return func(*args, **options)


def _of(noise: Noisy, dtype: Any) -> NoisyTensor:
    blank = torch.full(noise.shape, torch.nan, dtype=dtype if dtype.is_floating_point else torch.float64)
    made = blank.as_subclass(NoisyTensor)
    made.noise = noise
    return made


def _dtype(tensor: Any) -> Any:
    return _untouched(getattr, (tensor, "dtype"), {})


def _value(tensor: NoisyTensor) -> torch.Tensor:
    dtype = _dtype(tensor)
    seen = np.array(tensor.noise.look("tensor"), dtype=np.float64)
    return torch.as_tensor(seen).to(dtype)


def _looked(value: Any) -> Any:
    if isinstance(value, NoisyTensor):
        return _value(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_looked, value)) if type(value) in {list, tuple} else value
    return value


def _operand(value: Any) -> Any:
    """Return noise, or plain numbers for it to be added to."""
    if isinstance(value, NoisyTensor):
        return value.noise
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().to(torch.float64).numpy()
    return value


def _result(result: Any, args: tuple[Any, ...]) -> Any:
    first = next(each for each in args if isinstance(each, NoisyTensor))
    dtype = _dtype(first)
    if isinstance(result, Noisy):
        return _of(result, dtype)
    array = np.asarray(result)
    made = torch.as_tensor(array)
    return made.to(dtype) if array.dtype.kind == "f" else made


def _acted(act: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    one, two = (_operand(each) for each in (args if len(args) > 1 else (*args, options.get("other", 0))))
    if (alpha := options.get("alpha", 1)) != 1:
        two = two * alpha
    return act(one, two)


def _in_place(act: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    target, result = args[0], _acted(act, args, options)
    if isinstance(target, NoisyTensor) and isinstance(result, Noisy):
        target.noise = result
        return target
    value = torch.as_tensor(np.array(known(result), dtype=np.float64))
    with torch.no_grad():
        return _untouched(torch.Tensor.copy_, (target, value), {})


def _moved(func: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    first: NoisyTensor = args[0]
    places = torch.arange(first.noise.size).reshape(first.noise.shape)
    others = [
        _untouched(torch.Tensor.as_subclass, (each, torch.Tensor), {})
        if isinstance(each, NoisyTensor)
        else each
        for each in args[1:]
    ]
    moved = func(places, *others, **options).numpy()
    noise = first.noise
    whole = noise.reshape(-1) if noise.ndim else noise.reshape(1)
    taken = whole[moved.reshape(-1)].reshape(moved.shape) if moved.ndim else whole[int(moved)]
    dtype = _dtype(first)
    return _of(taken, dtype) if isinstance(taken, Noisy) else torch.as_tensor(np.asarray(taken)).to(dtype)


_ARITHMETIC: Final[Mapping[str, Callable[..., Any]]] = {
    "add": lambda one, two: one + two,
    "radd": lambda one, two: two + one,
    "sub": lambda one, two: one - two,
    "subtract": lambda one, two: one - two,
    "rsub": lambda one, two: two - one,
    "mul": lambda one, two: one * two,
    "multiply": lambda one, two: one * two,
    "rmul": lambda one, two: two * one,
    "div": lambda one, two: one / two,
    "truediv": lambda one, two: one / two,
    "true_divide": lambda one, two: one / two,
    "divide": lambda one, two: one / two,
    "neg": lambda one, _two: -one,
    "gt": lambda one, two: one > two,
    "lt": lambda one, two: one < two,
    "ge": lambda one, two: one >= two,
    "le": lambda one, two: one <= two,
    "copy": lambda _one, two: two,
}
_SAME: Final = frozenset(
    {"clone", "detach", "contiguous", "to", "float", "double", "half", "type_as", "cpu", "requires_grad"}
)
_MOVING: Final = frozenset(
    {
        *("reshape", "view", "view_as", "reshape_as", "flatten", "squeeze", "unsqueeze", "transpose", "t"),
        *("permute", "expand", "expand_as", "ravel", "getitem", "select", "narrow"),
    }
)
_ABOUT: Final = frozenset(
    {
        *("dim", "size", "numel", "nelement", "is_floating_point", "is_complex", "stride", "get_device"),
        *("is_contiguous", "element_size", "is_inference", "is_same_size", "ndimension", "has_names"),
        *("as_subclass", "backward_hooks", "is_shared", "hash", "set"),
    }
)


def _drawn(family: str, loc: Any, scale: Any, size: Any, sample: Callable[[Any], Any], dtype: Any) -> Any:
    tape = active()
    assert tape is not None

    def standard(shape: tuple[int, ...]) -> Any:
        return sample(shape).detach().cpu().to(torch.float64).numpy()

    call = Call(family, "torch")
    noise = noise_of(tape, call, standard, loc=_operand(loc), scale=_operand(scale), size=size)
    return _of(noise, dtype)


def _shape_of(args: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[int, ...]:
    size = options.get("size", args)
    if isinstance(size, tuple) and len(size) == 1 and isinstance(size[0], (tuple, list, torch.Size)):
        size = size[0]
    return tuple(size)


def _sized(family: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def draw(*args: Any, **options: Any) -> Any:
        if active() is None or options.get("out") is not None:
            return original(*args, **options)
        dtype = options.get("dtype") or torch.get_default_dtype()
        given = {"generator": options.get("generator")}
        return _drawn(
            family,
            0.0,
            1.0,
            _shape_of(args, options),
            lambda shape: original(shape, dtype=dtype, **given),
            dtype,
        )

    return draw


def _alike(family: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def draw(like: Any, **options: Any) -> Any:
        if active() is None:
            return original(like, **options)
        dtype = options.get("dtype") or like.dtype
        blank = torch.zeros(tuple(like.shape), dtype=dtype)
        return _drawn(family, 0.0, 1.0, tuple(like.shape), lambda _: original(blank), dtype)

    return draw


def _normal(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, **options: Any) -> Any:
        if active() is None or options.get("out") is not None:
            given = {} if size is None else {"size": size}
            return original(mean, std, **given, **options)
        tensors = [each for each in (mean, std) if isinstance(each, torch.Tensor)]
        dtype = options.get("dtype") or (tensors[0].dtype if tensors else torch.get_default_dtype())
        given = {"generator": options.get("generator")}
        shape = None if size is None else tuple(size)
        return _drawn(
            "normal",
            mean,
            std,
            shape,
            lambda wanted: original(0.0, 1.0, size=wanted, dtype=dtype, **given),
            dtype,
        )

    return normal


def _sampled(family: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def sample(self: Any, sample_shape: Any = ()) -> Any:
        if active() is None:
            return original(self, sample_shape)
        loc, scale = _LOC_SCALE[family](self)
        size = tuple(sample_shape) + tuple(self.batch_shape)
        unit = _UNIT[family]
        return _drawn(family, loc, scale, size, lambda shape: original(unit(), shape), loc.dtype)

    return sample


_LOC_SCALE: Final[Mapping[str, Callable[[Any], tuple[Any, Any]]]] = {
    "laplace": lambda own: (own.loc, own.scale),
    "normal": lambda own: (own.loc, own.scale),
    "gumbel": lambda own: (own.loc, own.scale),
    "exponential": lambda own: (torch.zeros_like(own.rate), 1 / own.rate),
    "uniform": lambda own: (own.low, own.high - own.low),
}
_UNIT: Final[Mapping[str, Callable[[], Any]]] = {
    "laplace": lambda: torch.distributions.Laplace(0.0, 1.0),
    "normal": lambda: torch.distributions.Normal(0.0, 1.0),
    "gumbel": lambda: torch.distributions.Gumbel(0.0, 1.0),
    "exponential": lambda: torch.distributions.Exponential(1.0),
    "uniform": lambda: torch.distributions.Uniform(0.0, 1.0),
}


def _ordered(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def randperm(n: int, **options: Any) -> Any:
        tape = active()
        if tape is None:
            return original(n, **options)
        return torch.as_tensor(choose(tape, "randperm", n, lambda: original(n, **options).numpy()))

    return randperm


def _filled(family: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """Fill a tensor in place: it has memory of its own, so that the noise is a plain number from here on."""

    @wraps(original)
    def fill(self: Any, *args: Any, **options: Any) -> Any:
        tape = active()
        if tape is None:
            return original(self, *args, **options)
        shape = tuple(self.shape)
        blank = torch.zeros(shape, dtype=torch.float64)
        if _starts():
            with uncovered():
                tape.draw(Call("start", "torch"), shape, lambda: original(blank, *args, **options).numpy())
            return self.copy_(torch.as_tensor(tape.drawn[-1].reshape(shape)))
        with uncovered():
            noise = noise_of(
                tape, Call(family, "torch"), lambda _: original(blank, *args, **options).numpy(), size=shape
            )
        if isinstance(self, NoisyTensor):
            self.noise = noise
            return self
        return self.copy_(torch.as_tensor(noise.look("filled in place")))

    return fill


def _starts() -> bool:
    """Tell whether a network gets its first weights, which whoever gets the network may know."""
    frame = sys._getframe(2)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    for _ in range(_NEAR):
        if "/torch/nn/" in frame.f_code.co_filename.replace("\\", "/"):
            return True
        if frame.f_back is None:
            break
        frame = frame.f_back
    return False


#: Frames between a function of torch.nn and a tensor that it fills.
_NEAR: Final = 4


def put_torch(patches: Patches) -> None:
    """Record what PyTorch draws."""
    for name, family in (("randn", "normal"), ("rand", "uniform")):
        patches.put(torch, name, _sized(family, getattr(torch, name)))
        patches.put(torch, f"{name}_like", _alike(family, getattr(torch, f"{name}_like")))
    patches.put(torch, "normal", _normal(torch.normal))
    patches.put(torch, "randperm", _ordered(torch.randperm))
    for name in ("normal_", "exponential_", "uniform_", "cauchy_"):
        patches.put(torch.Tensor, name, _filled(f"tensor.{name}", getattr(torch.Tensor, name)))
    for family, kind in (
        ("laplace", torch.distributions.Laplace),
        ("normal", torch.distributions.Normal),
        ("gumbel", torch.distributions.Gumbel),
        ("exponential", torch.distributions.Exponential),
        ("uniform", torch.distributions.Uniform),
    ):
        for name in ("sample", "rsample"):
            patches.put(kind, name, _sampled(family, getattr(kind, name)))
