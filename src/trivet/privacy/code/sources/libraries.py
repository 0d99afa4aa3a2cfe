"""Noise of libraries for differential privacy: measurements of OpenDP, mechanisms of diffprivlib."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

import numpy as np

from trivet.privacy.code.carried.noise import known, make_noise
from trivet.privacy.code.carried.rows import no_rows
from trivet.privacy.code.pairs import NOT_FINITE
from trivet.privacy.code.sources.recording import Patches, active, uncovered
from trivet.privacy.code.tape import Call, Floats, Tape

__all__ = ["put_diffprivlib", "put_opendp"]

Loss = tuple[str, Any, str]


# OpenDP: the library proves what its measurement costs at a distance of the inputs; the code only decides
# what goes in.


def put_opendp(patches: Patches) -> None:
    """Record what measurements of OpenDP are given."""
    from opendp.mod import Measurement  # noqa: PLC0415 - slow, and loaded already

    for name in ("__call__", "invoke"):
        patches.put(Measurement, name, _measured(getattr(Measurement, name)))


def _measured(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def invoke(self: Any, arg: Any) -> Any:
        tape = active()
        if tape is None:
            return original(self, arg)
        arg = known(arg)
        facts: dict[str, Any] = {
            "measurement": self,
            "arg": arg,
            "loss": _opendp_loss,
            "moved": _opendp_moved,
        }
        return _library(tape, "OpenDP measurement", facts, lambda: original(self, arg))

    return invoke


def _library(
    tape: Tape,
    name: str,
    facts: dict[str, Any],
    answer: Callable[[], Any],
    sensitivity: float | None = None,
) -> Any:
    """Note an answer of a library, and let it be drawn once only."""
    with uncovered():
        call = Call(name, name.partition(" ")[0], sensitivity=sensitivity)
        column = tape.draw(call, (1,), lambda: np.zeros(1))
        facts["draw"] = len(tape.draws) - 1
        nothing: Floats = np.zeros(0)
        del column
        return tape.event("library", name, nothing, no_rows(0), lambda _: answer(), facts)


def _opendp_distance(before: Mapping[str, Any], after: Mapping[str, Any]) -> float | None:
    metric = str(before["measurement"].input_metric)
    one, two = before["arg"], after["arg"]
    if metric.startswith("AbsoluteDistance"):
        return abs(float(one) - float(two))
    if metric.startswith(("L1Distance", "L2Distance")):
        if len(one) != len(two):
            return None
        gaps = np.subtract(np.asarray(one, dtype=float), np.asarray(two, dtype=float))
        return float(np.linalg.norm(gaps, 1 if metric.startswith("L1") else 2))
    if metric.startswith(("SymmetricDistance", "InsertDeleteDistance")):
        return float(_symmetric(one, two))
    if metric.startswith(("ChangeOneDistance", "HammingDistance")) and len(one) == len(two):
        changed = (_key(a) != _key(b) for a, b in zip(one, two, strict=True))
        same_order = sum(changed)
        return float(min(same_order, _symmetric(one, two) / 2) if metric.startswith("Change") else same_order)
    return None


def _symmetric(one: Any, two: Any) -> int:
    """Rows of a multiset that the other lacks, both ways."""
    if hasattr(one, "to_numpy"):
        one, two = one.to_numpy(), two.to_numpy()
    counts: dict[str, int] = {}
    for rows, step in ((one, 1), (two, -1)):
        for row in rows:
            counts[_key(row)] = counts.get(_key(row), 0) + step
    return sum(map(abs, counts.values()))


def _key(row: Any) -> str:
    return repr(row.tolist() if hasattr(row, "tolist") else row)


def _opendp_moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> float:
    found = _opendp_distance(before, after)
    return 0.0 if found is None or not np.isfinite(found) else found


def _opendp_loss(before: Mapping[str, Any], after: Mapping[str, Any]) -> Loss:
    one, two = before["measurement"], after["measurement"]
    if repr(one) != repr(two) or _at_one(one) != _at_one(two):
        return "unlimited", 0.0, "the measurement of OpenDP is another one on the neighbour"
    distance = _opendp_distance(before, after)
    if distance == 0:
        return "pure", 0.0, ""
    if distance is None:
        return "unknown", 0.0, f"a distance of {one.input_metric} is not computed"
    if not np.isfinite(distance):
        return "unlimited", 0.0, NOT_FINITE
    whole = str(one.input_distance_type) in _WHOLE
    try:
        cost = one.map(int(np.ceil(distance)) if whole else distance)
    except Exception as error:  # noqa: BLE001 - OpenDP may refuse a distance in its own ways
        return "unknown", 0.0, f"OpenDP gives no loss at the distance {distance:g}: {type(error).__name__}"
    return _by_measure(str(one.output_measure), cost)


_WHOLE: Final = frozenset({"u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "usize"})


def _by_measure(measure: str, cost: Any) -> Loss:
    if measure.startswith("MaxDivergence"):
        return "pure", float(cost), ""
    if measure.startswith("ZeroConcentratedDivergence"):
        return "gaussian", 2 * float(cost), ""
    if measure.startswith("Approximate(MaxDivergence"):
        return "approximate", (float(cost[0]), float(cost[1])), ""
    return "unknown", 0.0, f"a loss by {measure} is not added up"


def _at_one(measurement: Any) -> str:
    try:
        return repr(measurement.map(1))
    except Exception:  # noqa: BLE001 - some need a distance of another type
        try:
            return repr(measurement.map(1.0))
        except Exception:  # noqa: BLE001
            return ""


# diffprivlib: each mechanism states the sensitivity that its noise is made for.

#: Mechanisms that add Laplace noise, and post-process the sum.
_LAPLACE: Final = frozenset({"Laplace", "LaplaceTruncated", "LaplaceFolded"})
_GEOMETRIC: Final = frozenset({"Geometric", "GeometricTruncated", "GeometricFolded"})
_GAUSSIAN: Final = frozenset({"Gaussian", "GaussianAnalytic"})


def put_diffprivlib(patches: Patches) -> None:
    """Record what mechanisms of diffprivlib are given."""
    from diffprivlib import mechanisms  # noqa: PLC0415 - loaded already
    from diffprivlib.mechanisms.base import DPMechanism  # noqa: PLC0415

    for kind in {each for each in vars(mechanisms).values() if isinstance(each, type)}:
        if issubclass(kind, DPMechanism) and "randomise" in vars(kind):
            patches.put(kind, "randomise", _randomised(vars(kind)["randomise"]))


def _randomised(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def randomise(self: Any, *args: Any, **options: Any) -> Any:
        tape = active()
        if tape is None:
            return original(self, *args, **options)
        args = tuple(map(known, args))
        name, delta = type(self).__name__, float(self.delta)
        sensitivity = getattr(self, "sensitivity", None)
        claimed = None if sensitivity is None else float(sensitivity)
        value = args[0] if args else None
        with uncovered():
            answer = original(self, *args, **options) if not tape.replays else None
        scale = _scale(name, self, claimed, delta)
        if scale is not None and value is not None and np.ndim(value) == 0:
            return _added(tape, name, value, scale, claimed, answer)
        facts: dict[str, Any] = {"value": value, "state": _state(self), "loss": _diffprivlib_loss}
        facts["epsilon"], facts["name"] = float(self.epsilon), name
        return _library(tape, f"diffprivlib {name}", facts, lambda: answer, claimed)

    return randomise


def _scale(name: str, mechanism: Any, sensitivity: float | None, delta: float) -> float | None:
    if name in _LAPLACE and sensitivity is not None:
        return sensitivity / (float(mechanism.epsilon) - float(np.log1p(-delta)))
    if name in _GEOMETRIC and sensitivity:
        return sensitivity / float(mechanism.epsilon)
    if name in _GAUSSIAN:
        return float(mechanism._scale)  # noqa: SLF001 - it has no other name for it
    return None


def _added(tape: Tape, name: str, value: Any, scale: float, claimed: float | None, answer: Any) -> Any:
    """Note the noise of a mechanism as noise that is added to its value; return its own answer."""
    family = "normal" if name in _GAUSSIAN else "laplace"
    call = Call(family, "diffprivlib", sensitivity=claimed)
    if name in _GEOMETRIC:
        call = Call("discrete_laplace", "diffprivlib", 1 / scale, claimed)
    step = 1.0 if name in _GEOMETRIC else scale
    if scale == 0:  # noise that is none
        step = 0.0
    gap = 0.0 if answer is None or not step else (float(answer) - float(value)) / step
    with uncovered():
        columns = tape.draw(call, (), lambda: np.array([gap]))
    noise = make_noise(tape, columns, loc=0.0, scale=step, shape=(), scalar=True)
    seen = (noise + float(value)).look(name)
    return (
        type(answer)(seen)
        if answer is not None and isinstance(answer, int)
        else (round(seen) if name in _GEOMETRIC else seen)
    )


def _state(mechanism: Any) -> dict[str, Any]:
    return {
        name: value.tolist() if hasattr(value, "tolist") else value
        for name, value in vars(mechanism).items()
        if name not in {"_rng", "random_state"} and not callable(value)
    }


def _diffprivlib_loss(before: Mapping[str, Any], after: Mapping[str, Any]) -> Loss:
    one, two = before["state"], after["state"]
    if before["name"] == "Exponential" and one.keys() == two.keys():
        if len(one["utility"]) != len(two["utility"]):
            return "unlimited", 0.0, "the exponential mechanism has other candidates on the neighbour"
        gap = float(np.max(np.abs(np.subtract(one["utility"], two["utility"])), initial=0.0))
        if one["sensitivity"]:
            return "pure", before["epsilon"] * gap / float(one["sensitivity"]), ""
    if repr(before["value"]) == repr(after["value"]) and repr(one) == repr(two):
        return "pure", 0.0, ""
    return "unknown", 0.0, f"the loss of diffprivlib's {before['name']} is not known"
