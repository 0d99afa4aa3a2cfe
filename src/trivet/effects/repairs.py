"""Repairs of a network: what each does to classes, to images that were trained on, and to the trigger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from trivet.datasets.images import ImageSet
from trivet.effects.cells import outcome_of
from trivet.effects.frontier import Weighed, frontier_of
from trivet.effects.intervals import auroc_change
from trivet.effects.results import (
    Change,
    ClassChange,
    Frontier,
    FrontierAxis,
    Intervention,
    Measurement,
    unmeasured,
)
from trivet.errors import TrivetError
from trivet.estimate import Estimate
from trivet.paired import paired_difference_interval
from trivet.privacy.membership.rates import auroc, proportion
from trivet.security.adapting import guarded
from trivet.security.calls import suspected_change
from trivet.security.checkpoint import Checkpoint, ScanInput
from trivet.security.contract import InputContract, chosen_contract, contract_named
from trivet.security.device import CPU, device_of
from trivet.security.evaluation import BATCH, ONE, attack_success_rate, batches, images_at_once, pixels_at
from trivet.security.frozen import freeze
from trivet.security.networks import Classifier, Scorer
from trivet.security.repairs.methods import (
    ADVERSARIAL_PRUNING,
    FEATURE_SHIFT,
    REPAIRS,
    ROUNDS,
    UNIVERSAL,
    RepairMethod,
    repair_method,
)
from trivet.security.repairs.training import RepairInput, Search, copied_network
from trivet.security.repairs.unlearning import PATCH_SEARCH
from trivet.security.scanning.results import ScanResult
from trivet.security.scanning.scan import Scan
from trivet.security.trigger import Stamp, Trigger
from trivet.wording import first_line, one_line

__all__ = [
    "REPAIR_MEASUREMENTS",
    "STUDY_REPAIRS",
    "Backdoor",
    "RepairSubject",
    "RepairedFigures",
    "class_changes",
    "own_network",
    "repair_changes",
    "repair_interventions",
    "suspect_of",
]

DRAWS = 10_000
#: Jeffreys' prior: where no image of a class changed, that alone does not prove that none would.
PRIOR = 0.5


def class_changes(
    labels: NDArray[np.int64],
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
    *,
    classes: int,
    level: float,
    seed: int,
    names: tuple[str, ...] | None = None,
) -> tuple[Change, Change]:
    """Return the changes of the lowest accuracy of a class, and of the highest minus the lowest."""
    kinds = 2 * (~before).astype(np.int64) + ~after  # both right, only before, only after, neither
    counts = np.bincount(4 * labels + kinds, minlength=4 * classes).reshape(classes, 4)
    there = np.flatnonzero(counts.sum(axis=1))
    if len(there) < 2:  # noqa: PLR2004 - a spread is between two classes or more
        reason = f"the images are of {len(there)} class, and two or more are compared"
        return unmeasured(reason), unmeasured(reason)
    counts = counts[there]
    generator = np.random.default_rng(seed)
    drawn = np.stack([generator.dirichlet(row + PRIOR, size=DRAWS) for row in counts], axis=1)
    found = counts / counts.sum(axis=1, keepdims=True)
    called = [str(label) if names is None else one_line(names[label]) for label in there]
    worst, spread = _figures(found), _figures(drawn)
    lowest_before, lowest_after = (called[int(_accuracies(found)[time].argmin())] for time in (0, 1))
    same = lowest_before == lowest_after
    note = (
        f"It is class {lowest_before} both times."
        if same
        else f"It is class {lowest_before} without it and class {lowest_after} with it."
    )
    return (
        _change(worst[0], spread[0], level=level, note=note),
        _change(worst[1], spread[1], level=level, note=""),
    )


def _accuracies(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return accuracies without and with the remedy, shape (2, ..., classes), of shares (..., classes, 4)."""
    return np.stack([shares[..., 0] + shares[..., 1], shares[..., 0] + shares[..., 2]])


def _figures(shares: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest accuracy and the spread, each of shape (2, ...)."""
    accuracies = _accuracies(shares)
    lowest = accuracies.min(axis=-1)
    return lowest, accuracies.max(axis=-1) - lowest


def _change(found: NDArray[np.float64], drawn: NDArray[np.float64], *, level: float, note: str) -> Change:
    before, after = found.tolist()
    low, high = np.quantile(drawn[1] - drawn[0], [(1 - level) / 2, (1 + level) / 2]).tolist()
    change = after - before
    return Change(before, after, change, min(low, change), max(high, change), note=note)


#: What a method is called in a sentence, and what it does.
_CALLED: Final[Mapping[str, tuple[str, str]]] = {
    "clp": (
        "pruning by Lipschitz bounds (clp)",
        "Channels that react most strongly to any change are pruned.",
    ),
    "fst": ("feature shift tuning (fst)", "The network is trained on from a new last layer."),
    "i-bau": ("universal unlearning (i-bau)", "The perturbation that does most harm is unlearned."),
    "anp": ("adversarial pruning (anp)", "Channels are pruned by masks that are trained under noise."),
    "unlearn": (
        "unlearning",
        "The network is trained on images with the reconstructed trigger and their true labels.",
    ),
    "fine-tune": ("fine-tuning", "The network is trained on with clean images."),
    "fine-prune": ("fine-pruning", "Idle channels are pruned, and the network is trained on."),
    "ft-sam": ("fine-tuning towards a flat minimum (ft-sam)", "The network is trained on by SAM."),
}
#: Methods that work with the trigger of a suspected label.
NEED_TRIGGER: Final = frozenset({"unlearn"})
#: The study's repair.
STUDY_REPAIRS: Final = ("unlearn",)


def repair_interventions(methods: Sequence[str]) -> tuple[Intervention, ...]:
    """Return the rows of repairs."""
    return tuple(
        Intervention(name=name, title=title, short=name, leg="security", note=note)
        for method in methods
        for name in ["unlearning" if method == "unlearn" else method]
        for title, note in [_CALLED.get(method, (method, "A repair of the user's."))]
    )


_CLASSES: Final = "posterior draws under Jeffreys' prior, class by class"
_SHARE: Final = "share of held-out images, from 0 to 1"
_AREA: Final = "AUROC of an attack by the loss, from 0 to 1; 0.5 is guessing"
_DELONG: Final = "DeLong, paired by image"
_NEWCOMBE: Final = "Newcombe's, paired by image"


def _measured(
    name: str, title: str, short: str, unit: str, interval: str, better: Literal["higher", "lower"] = "higher"
) -> Measurement:
    leg = "privacy" if unit == _AREA else "fairness"
    return Measurement(name, title, short, leg, unit, "accuracy", better, interval)


#: The columns of repairs, in their order; the first three are the study's.
REPAIR_MEASUREMENTS: Final = (
    _measured(
        "worst-class-accuracy", "accuracy of the worst class", "worst class,\naccuracy", _SHARE, _CLASSES
    ),
    _measured(
        "class-spread",
        "spread of accuracy between classes",
        "best minus worst\nclass, accuracy",
        "difference of shares, from 0 to 1",
        _CLASSES,
        "lower",
    ),
    _measured(
        "repair-exposure",
        "membership exposure of the images that the repair used",
        "repair's images,\nAUROC",
        _AREA,
        _DELONG,
        "lower",
    ),
    _measured("accuracy", "accuracy on all images", "all images,\naccuracy", _SHARE, _NEWCOMBE),
    _measured(
        "class-loss",
        "accuracy of the class that loses most",
        "class that loses\nmost, accuracy",
        "share of held-out images of the class, from 0 to 1",
        f"{_NEWCOMBE}, for all classes at once",
    ),
    _measured(
        "member-exposure",
        "membership exposure of the network's training images",
        "training images,\nAUROC",
        _AREA,
        _DELONG,
        "lower",
    ),
)
STUDY_MEASUREMENTS: Final = REPAIR_MEASUREMENTS[:3]
NO_MEMBERS: Final = (
    "Exposure of the training images was not measured: none are known; name some as members in [effects]."
)
NOBODY: Final = "no label is suspected, so nothing was repaired"


@dataclass(frozen=True, eq=False)
class Backdoor:
    """A suspected label, and the trigger that leads to it."""

    trigger: Stamp
    target: int
    source: int | None = None
    search: Search = PATCH_SEARCH


@dataclass(frozen=True, eq=False)
class RepairSubject:
    """A network that repairs are measured on.

    Attributes
    ----------
    name
        Of its file.
    model, contract
        The network, and what it expects of its inputs.
    images
        Clean images: half of them for the repair, and half to measure it by.
    backdoor
        What is suspected; None where nothing is.
    methods
        The repairs.
    measurements
        The columns, where members are known.
    members
        Images that the network was trained on; None where they are not known.
    finished
        Networks that were repaired before, of the same images and seed, by the name of the method.
    left_out
        Why a method is not tried, by its name.
    shown
        Images of each kind that networks are measured on at most; None is all.
    """

    name: str
    model: Classifier
    contract: InputContract
    images: ImageSet
    backdoor: Backdoor | None
    methods: tuple[RepairMethod, ...]
    measurements: tuple[Measurement, ...] = REPAIR_MEASUREMENTS
    members: ImageSet | None = None
    finished: Mapping[str, Classifier] = field(default_factory=dict[str, Classifier])
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    shown: int | None = None

    @property
    def columns(self) -> tuple[Measurement, ...]:
        """The columns that something is known of."""
        known = self.members is not None
        return tuple(each for each in self.measurements if known or each.name != "member-exposure")

    def divided(self, *, seed: int) -> tuple[ImageSet, ImageSet]:
        """Return the images of the repair, and those that networks are measured on."""
        used, held_out = self.images.split(0.5, seed=seed)
        return used, _drawn(held_out, self.shown, seed=seed)


@dataclass(frozen=True)
class RepairedFigures:
    """Changes by repair and figure, accuracy by class, and the repairs in all figures at once."""

    changes: dict[tuple[str, str], Change]
    classes: tuple[ClassChange, ...]
    frontiers: tuple[Frontier, ...]
    repaired: bool


def suspect_of(
    checkpoint: Checkpoint,
    found: ScanResult,
    images: ImageSet,
    *,
    masks: NDArray[np.float32],
    patterns: NDArray[np.float32],
    declared: str,
) -> RepairSubject:
    """Return the study's subject: the network with what the audit's repair works on."""
    label = found.suspected_label
    return RepairSubject(
        checkpoint.info.name,
        checkpoint.model,
        chosen_contract(found.contract, contract_named(declared)),
        images,
        None if label is None else Backdoor(Trigger(masks[label], patterns[label]), label),
        tuple(REPAIRS[name] for name in STUDY_REPAIRS),
        STUDY_MEASUREMENTS,
    )


def own_network(
    subject: ScanInput,
    found: Scan,
    methods: Sequence[str] | None,
    *,
    members: ImageSet | None,
    mended: tuple[str, Mapping[str, NDArray[np.generic]]] | None = None,
    unhurried: bool = False,
) -> RepairSubject:
    """Return what repairs of the user's network are measured on.

    `methods` are names; None is those that take least, as far as they fit into `WORK`, or all of them where
    it is `unhurried`. `mended` is the method of a repair that is done, and its weights.
    """
    model, backdoor = subject.checkpoint.model, None
    if (label := found.result.suspected_label) is not None:
        change = suspected_change(subject, found)
        backdoor = Backdoor(change.trigger, label, change.source, change.search)
    names = (*CHEAP, *(() if backdoor is None else ("unlearn",))) if methods is None else tuple(methods)
    finished: dict[str, Classifier] = {}
    if mended is not None and mended[0] in names and (network := _with_weights(model, mended[1])) is not None:
        finished[mended[0]] = network
    forward = _multiplications(model, found.contract, subject.images)
    left_out: dict[str, str] = {}
    if methods is None and not unhurried and device_of(model) == CPU:
        left_out = _left_out([name for name in names if name not in finished], forward, backdoor)
    shown = None
    if forward:
        networks = 1 + len(names) - len(left_out)
        shown = max(FEWEST_SHOWN, round(WORK * SHARE_SHOWN / (forward * networks * KINDS_SHOWN)))
    return RepairSubject(
        subject.checkpoint.info.name,
        model,
        found.contract,
        subject.images,
        backdoor,
        tuple(repair_method(name) for name in names),
        members=members,
        finished=finished,
        left_out=left_out,
        shown=shown,
    )


#: The repairs that take least; none of them needs a trigger.
CHEAP: Final = ("clp", "fst", "i-bau", "anp")
#: Multiplications that the repairs of a network may take where nothing else is said: on two cores of 2024
#: five to ten minutes. Counted rather than timed, so that what is measured does not depend on the machine.
WORK: Final = 3e13
#: Of that for measuring, on images of so many kinds, and the images of a kind that tell something.
SHARE_SHOWN, KINDS_SHOWN, FEWEST_SHOWN = 0.25, 3, 1_000
#: Multiplications forward and back, by those forward alone.
BACK_TOO: Final = 3


def _multiplications(model: Classifier, contract: InputContract, images: ImageSet) -> float:
    """Count the multiplications of a network for one image; 0 where they cannot be counted."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.logits(contract(pixels_at(images, ONE)))
    return counter.get_total_flops() / 2  # it counts additions too


def _left_out(names: Sequence[str], forward: float, backdoor: Backdoor | None) -> dict[str, str]:
    """Say of each method that does not fit into `WORK` beside those before it what it would take."""
    search = PATCH_SEARCH if backdoor is None else backdoor.search
    steps = {
        "fst": (FEATURE_SHIFT.steps or 0) * FEATURE_SHIFT.batch_size,
        "i-bau": UNIVERSAL.image_steps,
        "anp": ADVERSARIAL_PRUNING.image_steps,
        "unlearn": sum((each.steps or 0) * each.batch_size for each in ROUNDS)
        + (len(ROUNDS) - 1) * search.image_steps,
    }
    left, found = WORK * (1 - SHARE_SHOWN), dict[str, str]()
    for name in names:
        takes = BACK_TOO * forward * steps.get(name, 0)
        if takes > left:
            found[name] = (
                f"it takes about {takes / 1e12:.0f} trillion multiplications, and {left / 1e12:.0f} trillion "
                "were left to it; name it in repairs of [effects], or give a budget of seconds"
            )
        else:
            left -= takes
    return found


def _with_weights(model: Classifier, weights: Mapping[str, NDArray[np.generic]]) -> Classifier | None:
    """Return a copy with other weights; None where they are not of this network."""
    copy = copied_network(model)
    own = copy.weights()
    if own.keys() != weights.keys() or any(own[name].shape != weights[name].shape for name in own):
        return None
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(torch.from_numpy(np.array(weights[name])))
    return copy


def _drawn(images: ImageSet, most: int | None, *, seed: int) -> ImageSet:
    if most is None or len(images) <= most:
        return images
    return images.take(np.sort(np.random.default_rng([seed, 9]).permutation(len(images))[:most]))


def repair_changes(
    subject: RepairSubject,
    *,
    level: float,
    seed: int,
    is_up: Callable[[], bool] = lambda: False,
    late: str = "",
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> RepairedFigures:
    """Repair a network by every method as the audit's repair does, and measure it on other images."""
    used, held_out = subject.divided(seed=seed)
    members = None if subject.members is None else _drawn(subject.members, subject.shown, seed=seed)
    seen = _drawn(used, subject.shown, seed=seed)
    look = _Look(held_out, seen, members, subject.backdoor, subject.contract)
    before: _Seen | None = None
    changes: dict[tuple[str, str], Change] = {}
    classes: list[ClassChange] = []
    weighed: list[Weighed] = []
    rows = repair_interventions([method.name for method in subject.methods])
    repaired = False
    for method, row in zip(subject.methods, rows, strict=True):
        reason = _untried(method.name, subject, late if is_up() else "")
        if reason is None:
            before = look.at(subject.model) if before is None else before
            said = _repaired(method, subject, used, seed=seed, is_up=is_up, late=late, progress=progress)
            if isinstance(said, str):
                reason = said
            else:
                after, repaired = look.at(said), True
                found, by_class = _compared(look, before, after, row, level=level, seed=seed)
                changes |= {(row.name, name): change for name, change in found.items()}
                classes += by_class
                weighed.append(Weighed(row.name, row.title, "security", after.figures(look, level=level)))
        if reason is not None:
            changes |= {(row.name, each.name): unmeasured(reason) for each in subject.columns}
    frontiers: tuple[Frontier, ...] = ()
    if before is not None and weighed:
        first = Weighed("none", "the network as it is", None, before.figures(look, level=level))
        frontiers = frontier_of("network", _axes(look), [first, *weighed])
    return RepairedFigures(changes, tuple(classes), frontiers, repaired)


def _untried(method: str, subject: RepairSubject, late: str) -> str | None:
    """Say why a repair is not tried; None where it is."""
    if subject.backdoor is None and method in NEED_TRIGGER:
        return NOBODY
    return subject.left_out.get(method) or late or None


def _repaired(
    method: RepairMethod,
    subject: RepairSubject,
    used: ImageSet,
    *,
    seed: int,
    is_up: Callable[[], bool],
    late: str,
    progress: Callable[[str, float], None],
) -> Classifier | str:
    """Return the repaired network, or why there is none."""
    if (known := subject.finished.get(method.name)) is not None:
        return known

    def tell(share: float) -> None:
        if is_up():
            raise TrivetError(late)
        progress(method.name, share)

    progress(method.name, 0.0)
    backdoor = subject.backdoor or _none_of(used)
    case = RepairInput(
        subject.model, subject.contract, used, backdoor.trigger, backdoor.target, backdoor.search
    )
    try:
        with guarded(subject.name, f"be repaired by {method.name}"):
            return method.run(case, seed=seed, progress=tell).model
    except TrivetError as error:
        return first_line(error).rstrip(".")


def _none_of(images: ImageSet) -> Backdoor:
    """Return a trigger that changes nothing, for repairs that look at none."""
    _, channels, height, width = images.pixels.shape
    mask = np.zeros((1, height, width), dtype=np.float32)
    return Backdoor(Trigger(mask, np.zeros((channels, height, width), dtype=np.float32)), 0)


@dataclass(frozen=True, eq=False)
class _Look:
    """Images that a network is shown."""

    held_out: ImageSet
    used: ImageSet
    members: ImageSet | None
    backdoor: Backdoor | None
    contract: InputContract

    def at(self, model: Classifier) -> "_Seen":
        """Show a network everything."""
        score = self.contract.bind(freeze(model))
        (used, _), (sure, right) = (_told(score, part) for part in (self.used, self.held_out))
        members = None if self.members is None else _told(score, self.members)[0]
        asr = None
        if (backdoor := self.backdoor) is not None and (others := self.attacked) is not None:
            asr = attack_success_rate(score, others, backdoor.trigger, backdoor.target)
        return _Seen(used, sure, right, members, asr)

    @property
    def attacked(self) -> ImageSet | None:
        """Held-out images that the trigger is tried on; None where there are none."""
        backdoor = self.backdoor
        if backdoor is None:
            return None
        labels = self.held_out.labels
        chosen = labels != backdoor.target if backdoor.source is None else labels == backdoor.source
        return self.held_out.take(chosen) if chosen.any() else None


@dataclass(frozen=True, eq=False)
class _Seen:
    """Answers of a network: sureness of images of three kinds, which held-out ones are right, and the ASR."""

    used: NDArray[np.float64]
    held_out: NDArray[np.float64]
    right: NDArray[np.bool_]
    members: NDArray[np.float64] | None
    asr: float | None

    def figures(self, look: _Look, *, level: float) -> tuple[Estimate, ...]:
        """Return the figures of the frontier, in the order of `_axes`."""
        labels = look.held_out.labels
        there = np.unique(labels)
        worst = min(there.tolist(), key=lambda label: float(self.right[labels == label].mean()))
        chosen = self.right[labels == worst]
        attacked = look.attacked
        known = self.used if self.members is None else self.members
        asr = Estimate(None, None, None, level, "", "no label is suspected")
        if self.asr is not None and attacked is not None:
            asr = proportion(round(self.asr * len(attacked)), len(attacked), level=level)
        return (
            proportion(int(self.right.sum()), len(self.right), level=level),
            proportion(int(chosen.sum()), len(chosen), level=level),
            auroc(known, self.held_out, level=level),
            asr,
        )


def _axes(look: _Look) -> tuple[FrontierAxis, ...]:
    whose = "the repair's images" if look.members is None else "training images"
    return (
        FrontierAxis("accuracy", "accuracy", "accuracy", None, "higher"),
        FrontierAxis(
            "worst-class", "accuracy of the worst class", "worst class,\naccuracy", "fairness", "higher"
        ),
        FrontierAxis("exposure", f"membership exposure of {whose}", f"{whose},\nAUROC", "privacy", "lower"),
        FrontierAxis("asr", "attack success rate", "trigger,\nASR", "security", "lower"),
    )


def _compared(
    look: _Look, before: _Seen, after: _Seen, row: Intervention, *, level: float, seed: int
) -> tuple[dict[str, Change], list[ClassChange]]:
    """Return the change of every figure, and of every class."""
    held_out = look.held_out
    worst, spread = class_changes(
        held_out.labels,
        before.right,
        after.right,
        classes=held_out.classes,
        level=level,
        seed=seed,
        names=held_out.class_names,
    )
    by_class = _by_class(held_out, before.right, after.right, row, level=level)
    found = {
        "worst-class-accuracy": worst,
        "class-spread": spread,
        "repair-exposure": _exposure(before.used, after.used, before.held_out, after.held_out, level=level),
        "accuracy": _paired(before.right, after.right, level=level),
        "class-loss": _largest_loss(by_class),
    }
    if before.members is not None and after.members is not None:
        found["member-exposure"] = _exposure(
            before.members, after.members, before.held_out, after.held_out, level=level
        )
    return found, by_class


def _exposure(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    others_before: NDArray[np.float64],
    others_after: NDArray[np.float64],
    *,
    level: float,
) -> Change:
    inside = np.repeat([True, False], [len(before), len(others_before)])
    return auroc_change(
        np.concatenate([before, others_before]), np.concatenate([after, others_after]), inside, level=level
    )


def _paired(before: NDArray[np.bool_], after: NDArray[np.bool_], *, level: float) -> Change:
    """Return the change of a share of the same images; Newcombe 1998, method 10."""
    cells = (after & before, after & ~before, ~after & before, ~after & ~before)
    change = paired_difference_interval(*(int(cell.sum()) for cell in cells), level=level)
    return Change(float(before.mean()), float(after.mean()), change.value, change.low, change.high)


def _by_class(
    images: ImageSet,
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
    row: Intervention,
    *,
    level: float,
) -> list[ClassChange]:
    """Return the change of each class that has images, with intervals that hold at once (Bonferroni)."""
    there = np.unique(images.labels).tolist()
    each_level = 1 - (1 - level) / len(there)
    accuracy = next(each for each in REPAIR_MEASUREMENTS if each.name == "accuracy")
    found: list[ClassChange] = []
    for label in there:
        rows = images.labels == label
        change = _paired(before[rows], after[rows], level=each_level)
        assert change.before is not None
        assert change.after is not None
        assert change.change is not None
        assert change.low is not None
        assert change.high is not None
        found.append(
            ClassChange(
                intervention=row.name,
                row=row.short,
                label=label,
                name=str(label) if images.class_names is None else one_line(images.class_names[label]),
                images=int(rows.sum()),
                before=change.before,
                after=change.after,
                change=change.change,
                low=change.low,
                high=change.high,
                outcome=outcome_of(accuracy, change),
            )
        )
    return found


def _largest_loss(classes: Sequence[ClassChange]) -> Change:
    worst = min(classes, key=lambda each: each.change)
    worse = sum(each.outcome == "worse" for each in classes)
    lose = "none loses" if not worse else "1 class loses" if worse == 1 else f"{worse} classes lose"
    note = (
        f"It is class {worst.name}; the intervals of all {len(classes)} classes hold at once, and {lose} "
        "measurably."
    )
    return Change(worst.before, worst.after, worst.change, worst.low, worst.high, note=note)


def _told(score: Scorer, images: ImageSet) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return minus the loss of each image, and whether the network is right about it."""
    losses: list[torch.Tensor] = []
    right: list[torch.Tensor] = []
    labels = torch.from_numpy(images.labels)
    batch = images_at_once(score, pixels_at(images, ONE), at_most=BATCH)
    with torch.inference_mode():
        for rows in batches(len(images), batch):
            logits, truth = score(pixels_at(images, rows)).double(), labels[rows]
            losses.append(torch.nn.functional.cross_entropy(logits, truth, reduction="none"))
            right.append(logits.argmax(dim=1) == truth)
    return -torch.cat(losses).numpy(), torch.cat(right).numpy()
