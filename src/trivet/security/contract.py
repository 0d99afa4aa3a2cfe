"""Input contract: the preprocessing that a network expects, verified by measurement."""

import errno
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from trivet.datasets.classes import class_numbers, printable
from trivet.datasets.images import ImageSet
from trivet.errors import CheckpointError, UsageError
from trivet.security.adapting import all_finite
from trivet.security.evaluation import clean_accuracy
from trivet.security.networks import Classifier, Scorer
from trivet.security.results import ContractCandidate, ContractCheck
from trivet.wording import first_line, quote
from trivet.work.bounded import read_bounded, read_toml

__all__ = [
    "CANDIDATES",
    "COLOUR_CANDIDATES",
    "PROBED",
    "SCREENED",
    "UNIT",
    "InputContract",
    "candidates_for",
    "check_contract",
    "chosen_contract",
    "contract_named",
    "in_fitting_order",
    "is_near_chance",
    "least_above_chance",
    "numbered_by",
    "parse_contract",
]

#: Contracts that are measured on all images after a first look at all of them.
FINALISTS = 2
#: A declared contract that loses more clean accuracy than this against the best one is a finding.
TOLERATED_LOSS = 0.05
#: Standard errors above chance that an accuracy needs to be more than luck.
CLEAR_OF_CHANCE = 4
#: An accuracy within these points of chance is of no use, however many images tell it from chance.
USELESS_GAIN = 0.1
COLOURS = 3


@dataclass(frozen=True)
class InputContract:
    """Transformation from pixels in [0, 1] to the network's input: ``(pixels * scale - mean) / std``.

    Attributes
    ----------
    name
        What to call it; the name of a contract in BGR order says so.
    scale
        Finite, not zero.
    mean, std
        One entry for all channels, or one a channel in the order that the network sees them; `std`
        is positive.
    bgr
        The network was trained on blue, green, red: the three channels are reversed first.

    Raises
    ------
    UsageError
        If a number is out of range.
    """

    name: str
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    bgr: bool = False

    def __post_init__(self) -> None:
        if not self.mean or not self.std:
            raise UsageError(f"the input contract {self.name!r} needs a mean and a std.")
        if not all(map(math.isfinite, (self.scale, *self.mean, *self.std))):
            raise UsageError(f"the input contract {self.name!r} has numbers that are not finite.")
        if self.scale == 0 or min(self.std) <= 0:
            raise UsageError(
                f"the input contract {self.name!r} has scale {self.scale:g} and std {_shown(self.std)}; "
                "expected a scale other than 0 and a positive std."
            )

    def __call__(self, pixels: Tensor) -> Tensor:
        """Turn pixels (n, channels, h, w) in [0, 1] into what the network expects."""
        if self.bgr:
            pixels = pixels.flip(1)
        if self.scale == 1.0 and self.mean == (0.0,) and self.std == (1.0,):
            return pixels
        mean = torch.tensor(self.mean, dtype=pixels.dtype).view(1, -1, 1, 1)
        std = torch.tensor(self.std, dtype=pixels.dtype).view(1, -1, 1, 1)
        return (pixels * self.scale - mean) / std

    def bind(self, model: Classifier) -> Scorer:
        """Return the function from pixels in [0, 1] to the model's logits.

        It raises `CheckpointError` where they are not finite numbers.
        """
        return lambda pixels: all_finite(model.logits(self(pixels)), model.name)

    def fits(self, channels: int) -> bool:
        """Return whether it can be applied to images of that many channels."""
        counts = {len(self.mean), len(self.std)}
        return counts <= {1, channels} and (channels == COLOURS or not self.bgr)

    @property
    def numbers(self) -> tuple[object, ...]:
        """Constants of the transformation, without its name; one entry where all channels share them."""
        mean, std = (values[:1] if len(set(values)) == 1 else values for values in (self.mean, self.std))
        return self.scale, mean, std, self.bgr


def _reversed(contract: InputContract) -> InputContract:
    return InputContract(
        f"{contract.name}, BGR", contract.scale, contract.mean[::-1], contract.std[::-1], bgr=True
    )


def _shown(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


UNIT = InputContract("[0,1]")
_HALF = InputContract("(x-0.5)/0.5", mean=(0.5,), std=(0.5,))
_MNIST = InputContract("MNIST mean and std", mean=(0.1307,), std=(0.3081,))
_FASHION = InputContract("Fashion-MNIST mean and std", mean=(0.2860,), std=(0.3530,))
_BYTES = InputContract("[0,255]", scale=255.0)
_IMAGENET = InputContract("ImageNet mean and std", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
_CIFAR = InputContract("CIFAR-10 mean and std", mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))
#: What Caffe's networks, and Keras's after them, were trained on (Jia et al. 2014).
_CAFFE = InputContract("Caffe mean, BGR", scale=255.0, mean=(103.939, 116.779, 123.68), bgr=True)

#: The usual contracts of grey images, most common first.
CANDIDATES = (UNIT, _HALF, _MNIST, _FASHION, _BYTES)
#: The usual contracts of colour images, most common first.
COLOUR_CANDIDATES = (
    *(UNIT, _HALF, _IMAGENET, _CIFAR, _BYTES, _MNIST, _FASHION),
    *map(_reversed, (UNIT, _HALF, _IMAGENET, _CIFAR, _BYTES)),
    _CAFFE,
)


def candidates_for(channels: int) -> tuple[InputContract, ...]:
    """Return the usual contracts of images with that many channels, most common first."""
    return COLOUR_CANDIDATES if channels == COLOURS else CANDIDATES


def contract_named(name: str) -> InputContract:
    """Return the candidate called `name`, of grey or colour images.

    Raises
    ------
    UsageError
        If no candidate has that name.
    """
    named = {contract.name: contract for contract in (*CANDIDATES, *COLOUR_CANDIDATES)}
    if name not in named:
        raise UsageError(
            f"no input contract is called {name!r}; expected one of: {', '.join(map(repr, named))}"
        )
    return named[name]


def check_contract(
    model: Classifier,
    images: ImageSet,
    declared: InputContract | None = UNIT,
    *,
    screened: int | None = None,
) -> ContractCheck:
    """Measure clean accuracy under the declared contract and under the usual candidates.

    A network that gets pixels on another scale than in its training seems damaged, and an audit of it
    measures that mistake.

    Parameters
    ----------
    model
        The network, in evaluation mode.
    images
        Clean images with true classes. A thousand are enough: the standard error is below 0.016.
    declared
        What the network is said to expect; None where that is unknown. Then the best candidate is taken, and
        no mismatch is reported.
    screened
        Images that all candidates are tried on first; the two best, and the declared one, are then
        measured on all. None measures each on all.

    Raises
    ------
    UsageError
        If the declared contract is for images of another number of channels.
    CheckpointError
        If the network fails under the declared contract, or under every candidate.

    Notes
    -----
    The best contract is the first, the declared one before the candidates in their order, that
    lies within two standard errors of the highest accuracy: of contracts that the images cannot distinguish,
    the most common one is taken.
    """
    channels = images.pixels.shape[1]
    contracts = candidates_for(channels)
    if declared is not None:
        if not declared.fits(channels):
            order = " and BGR order" if declared.bgr else ""
            raise UsageError(
                f"the input contract {declared.name!r} has {len(declared.mean)} means, {len(declared.std)} "
                f"stds{order}, which does not fit images of {channels} channel{'s'[: channels > 1]}. Declare "
                "another, or auto."
            )
        others = (c for c in contracts if c.name != declared.name and c.numbers != declared.numbers)
        contracts = (declared, *others)
    if screened is not None and screened < len(images):
        first = _measured(model, images.take(np.arange(screened)), contracts, declared)
        ranked = sorted(first, key=lambda candidate: -candidate.clean_accuracy)
        names = {candidate.name for candidate in ranked[:FINALISTS]}
        finalists = tuple(c for c in contracts if c.name in names or c is declared)
        judged = _measured(model, images, finalists, declared)
        known = {candidate.name: candidate for candidate in judged}
        measured = tuple(known.get(candidate.name, candidate) for candidate in first)
    else:
        judged = measured = _measured(model, images, contracts, declared)
    top = max(candidate.clean_accuracy for candidate in judged)
    noise = 2 * math.sqrt(top * (1 - top) / len(images))
    best = next(candidate for candidate in judged if candidate.clean_accuracy >= top - noise)
    if declared is None:
        return ContractCheck(best, best, measured, 0.0, TOLERATED_LOSS, mismatch=False, finding=None)
    loss = best.clean_accuracy - measured[0].clean_accuracy
    mismatch = loss > TOLERATED_LOSS
    finding = (
        f"The declared input contract {declared.name} gives clean accuracy "
        f"{measured[0].clean_accuracy:.4f}; {best.name} gives {best.clean_accuracy:.4f}. "
        "The network was very probably trained with the latter."
        if mismatch
        else None
    )
    return ContractCheck(measured[0], best, measured, loss, TOLERATED_LOSS, mismatch, finding)


def chosen_contract(check: ContractCheck, declared: InputContract | None) -> InputContract:
    """Return the contract that `check` found best; `declared` is known by its name."""
    if declared is not None and check.best.name == declared.name:
        return declared
    return contract_named(check.best.name)


#: Images that tell an accuracy from guessing, and those that show which contracts are worth them.
PROBED: Final = 500
SCREENED: Final = 100
#: With the classes in another order no network classifies so many rightly.
GOOD: Final = 0.7
AS_TEXT: Final = "classes in the order of their names as text"
AS_READ: Final = "auto"


def numbered_by(images: ImageSet, order: str) -> ImageSet:
    """Return the images with the class numbers of an order; ``auto`` leaves them to `in_fitting_order`."""
    if order == AS_READ:
        return images
    if images.class_names is None:
        raise UsageError(f"{images.name} has no names of classes to bring in order; leave out --class-order.")
    how = AS_TEXT if order == "text" else f"classes numbered by {quote(Path(order).name)}"
    return images.numbered(class_numbers(images.class_names, order), how)


def in_fitting_order(model: Classifier, images: ImageSet, declared: InputContract | None) -> ImageSet:
    """Return the images numbered as text (0, 1, 10, 2), as ImageFolder does, where only that fits."""
    if images.class_names is None:
        return images
    other = images.numbered(class_numbers(images.class_names, "text"), AS_TEXT)
    if other is images:
        return images
    probe = np.random.default_rng(0).permutation(len(images))[:PROBED]
    read = check_contract(model, images.take(probe), declared, screened=SCREENED).best.clean_accuracy
    if read >= GOOD:
        return images
    check = check_contract(model, other.take(probe), declared, screened=SCREENED)
    better = check.best.clean_accuracy > read + USELESS_GAIN
    return other if better and not is_near_chance(check, other.classes, len(probe)) else images


def is_near_chance(check: ContractCheck, classes: int, images: int) -> bool:
    """Return whether no contract brings the network clearly above guessing: an audit would measure that."""
    return check.best.clean_accuracy < least_above_chance(classes, images)


def least_above_chance(classes: int, images: int) -> float:
    """Return the accuracy from which so many images tell a network from guessing; above 1 where none can."""
    chance = 1 / classes
    luck = chance + CLEAR_OF_CHANCE * math.sqrt(chance * (1 - chance) / images)
    return max(luck, chance + min(chance, USELESS_GAIN))


def _measured(
    model: Classifier,
    images: ImageSet,
    contracts: tuple[InputContract, ...],
    declared: InputContract | None,
) -> tuple[ContractCandidate, ...]:
    """Return the accuracy under each contract; a candidate under which the network fails is left out."""
    measured: list[ContractCandidate] = []
    failure: CheckpointError | None = None
    for c in contracts:
        try:
            accuracy = clean_accuracy(c.bind(model), images)
        except CheckpointError as error:
            if c is declared:
                raise
            failure = failure or error
            continue
        measured.append(ContractCandidate(c.name, c.scale, c.mean, c.std, accuracy, len(images)))
    if failure is not None and not measured:
        raise failure
    return tuple(measured)


AUTO = "auto"
NUMBERS = re.compile(r"([-+.,\de\s]+)/([-+.,\de\s]+)", re.IGNORECASE | re.ASCII)
KEYS = ("scale", "mean", "std", "bgr", "name")
MAX_FILE_BYTES = 2**16
MAX_NAME_LETTERS = 100
#: Errors by which a text names no file.
NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP}


def parse_contract(text: str) -> InputContract | None:
    """Return the contract that `text` declares, a name, mean/std or a file; None stands for ``auto``."""
    stripped = text.strip()
    if stripped.casefold() == AUTO:
        return None
    for contract in (*CANDIDATES, *COLOUR_CANDIDATES):
        if _spoken(contract.name) == _spoken(stripped):
            return contract
    if match := NUMBERS.fullmatch(stripped):
        return _from_numbers(match[1], match[2], stripped)
    return _from_file(Path(stripped))


def _spoken(name: str) -> str:
    return "".join(name.casefold().replace("mean and std", "").split())


def _from_numbers(mean: str, std: str, text: str) -> InputContract:
    try:
        means, stds = (tuple(map(float, part.split(","))) for part in (mean, std))
    except ValueError as error:
        raise UsageError(
            f"the input contract {text!r} should be mean/std, such as 0.5/0.5 or "
            "0.485,0.456,0.406/0.229,0.224,0.225."
        ) from error
    if any(abs(value) > 1 for value in means):
        raise UsageError(
            f"the input contract {text!r} has a mean beyond the pixels, which lie in [0, 1]. Divide mean and "
            "std by 255, or declare a file with scale = 255."
        )
    return _known_or(InputContract(f"(x-{_group(means)})/{_group(stds)}", mean=means, std=stds))


def _group(values: tuple[float, ...]) -> str:
    joined = ",".join(f"{value:g}" for value in values)
    return joined if len(values) == 1 and values[0] >= 0 else f"({joined})"


def _from_file(path: Path) -> InputContract:
    content = _read(path)
    unknown = [key for key in content if key not in KEYS]
    if unknown:
        raise UsageError(
            f"the input contract {path.name!r} has the key {unknown[0]!r}; expected only {', '.join(KEYS)}."
        )
    name, bgr = content.get("name", path.stem), content.get("bgr", False)
    if (
        not isinstance(name, str)
        or not 0 < len(name.strip()) <= MAX_NAME_LETTERS
        or not isinstance(bgr, bool)
    ):
        raise UsageError(
            f"the input contract {path.name!r} should have a name of at most {MAX_NAME_LETTERS} letters, and "
            "bgr true or false."
        )
    name = printable(name.strip())
    if bgr and not name.endswith("BGR"):
        name += ", BGR"
    scale = _numbers(content.get("scale", 1.0), "scale", path)
    if len(scale) != 1:
        raise UsageError(f"the input contract {path.name!r} should have one scale for all channels.")
    return _known_or(
        InputContract(
            name,
            scale[0],
            _numbers(content.get("mean", 0.0), "mean", path),
            _numbers(content.get("std", 1.0), "std", path),
            bgr,
        )
    )


def _read(path: Path) -> Mapping[str, Any]:
    known = ", ".join(repr(contract.name) for contract in COLOUR_CANDIDATES)
    try:
        if path.suffix.lower() == ".toml":
            return read_toml(path, most=MAX_FILE_BYTES)
        parsed = json.loads(read_bounded(path, MAX_FILE_BYTES).decode("utf-8"))
    except OSError as error:
        if error.errno in NO_FILE:
            raise UsageError(
                f"{quote(str(path))} declares no input contract: expected auto, mean/std such as 0.5/0.5, "
                f"a .json or .toml file that exists, or one of: {known}."
            ) from error
        raise UsageError(
            f"the input contract {quote(path.name)} cannot be read: {error.strerror}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"the input contract {quote(path.name)} cannot be read ({first_line(error)}); expected JSON, or "
            "TOML in a .toml file."
        ) from error
    if not isinstance(parsed, dict):
        raise UsageError(
            f"the input contract {path.name!r} should be a table with the keys {', '.join(KEYS)}."
        )
    return parsed


def _numbers(value: Any, key: str, path: Path) -> tuple[float, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in listed):
        raise UsageError(
            f"the input contract {path.name!r} should have a number or a list of numbers as {key}."
        )
    try:
        return tuple(map(float, listed))
    except OverflowError:
        return (math.inf,)  # which the contract itself refuses


def _known_or(contract: InputContract) -> InputContract:
    """Return the candidate that computes the same, or `contract`, whose name must be its own."""
    candidates = (*CANDIDATES, *COLOUR_CANDIDATES)
    for candidate in candidates:
        if candidate.numbers == contract.numbers:
            return candidate
    if any(candidate.name == contract.name for candidate in candidates):
        raise UsageError(
            f"the name {contract.name!r} belongs to an input contract with other numbers; give yours another."
        )
    return contract
