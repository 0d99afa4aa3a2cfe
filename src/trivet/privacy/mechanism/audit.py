"""Black-box audit of a mechanism's privacy claim."""

import contextlib
import copy
import inspect
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import numpy as np

from trivet.errors import UsageError
from trivet.privacy.mechanism.answers import Plain, plain
from trivet.privacy.mechanism.bounds import require_refutable
from trivet.privacy.mechanism.neighbours import Neighbours, pairs_of
from trivet.privacy.mechanism.refutation import judge_answers, part_of, shown_before
from trivet.privacy.mechanism.results import MechanismAudit, MechanismSettings
from trivet.wording import describe_error, one_line
from trivet.work.own_code import load_callable, name_of

__all__ = ["audit_answers", "audit_mechanism", "numpy_laplace", "opendp_laplace"]

_IMMUTABLE: Final = (int, float, bool, str, bytes, type(None))
_CALLS_A_REPORT: Final = 1000


def collect(
    mechanism: Callable[[Any], object],
    inputs: tuple[Any, Any],
    *,
    name: str,
    trials: int,
    generator: np.random.Generator,
    progress: Callable[[float], None] | None = None,
) -> tuple[list[Plain], list[Plain]]:
    """Draw `trials` answers on each input, one call an answer."""
    # The inputs take turns in random order, so that what drifts from call to call does not differ between
    # them. All calls are made in this process: a mechanism that seeds its noise when it is imported would
    # repeat it in every other.
    _require_one_input(mechanism, name)
    answers: tuple[list[Plain], list[Plain]] = ([], [])
    fresh = [(lambda v=v: v) if isinstance(v, _IMMUTABLE) else (lambda v=v: copy.deepcopy(v)) for v in inputs]
    order = generator.permutation(np.repeat([0, 1], trials)).tolist()
    with contextlib.redirect_stdout(sys.stderr):
        for call, side in enumerate(order):
            if progress is not None and call % _CALLS_A_REPORT == 0:
                progress(call / len(order))
            try:
                answer = mechanism(fresh[side]())
            except (Exception, SystemExit) as error:  # the user's code can fail in any way
                said = one_line(repr(inputs[side]), limit=40)
                raise UsageError(
                    f"the mechanism {name} failed on the input {said}: {describe_error(error)}."
                ) from error
            answers[side].append(_counted(answer, name, inputs[side]))
    if all(answer is None for side in answers for answer in side):
        raise UsageError(
            f"the mechanism {name} returned None in every call; expected an answer. Does it end in `return`?"
        )
    return answers


def _counted(answer: object, name: str, value: object) -> Plain:
    try:
        return plain(answer)
    except TypeError as error:
        said = one_line(repr(value), limit=40)
        raise UsageError(
            f"the mechanism {name} returned a {one_line(error)} on the input {said}; expected a number, a "
            "string, None, or a list, tuple, dict or array of these."
        ) from error


def _require_one_input(mechanism: Callable[[Any], object], name: str) -> None:
    try:
        signature = inspect.signature(mechanism)
    except (TypeError, ValueError):  # a builtin that does not tell: the first call will
        return
    try:
        signature.bind(object())
    except TypeError as error:
        raise UsageError(
            f"the mechanism {name} cannot be called with one input: {describe_error(error)}. Expected a "
            "function of one argument that returns one answer; wrap it in one."
        ) from error


def audit_mechanism(
    mechanism: str | Callable[[Any], object],
    *,
    epsilon: float,
    delta: float = MechanismSettings.delta,
    inputs: tuple[Any, Any] = (0, 1),
    neighbours: Sequence[tuple[Any, Any]] | None = None,
    queries: int | None = None,
    trials: int = MechanismSettings.trials,
    error_rate: float = MechanismSettings.error_rate,
    seed: int = MechanismSettings.seed,
    logic: bool = MechanismSettings.logic,
    name: str | None = None,
    progress: Callable[[str, float | None], None] | None = None,
) -> MechanismAudit:
    """Call a mechanism on two neighbouring inputs and test its claim of (epsilon, delta)-privacy.

    Parameters
    ----------
    mechanism
        Takes an input and returns a number, string, boolean, None, or a short list, tuple, dict or array of
        these; calls have to be independent. A text names it, as ``package.module:function``.
    epsilon, delta
        The claim; above 0, and in [0, 1).
    inputs
        Two inputs that the claim calls neighbours; by default two answers of a query of sensitivity 1.
    neighbours
        Pairs of neighbours to try instead; the pair that shows most on the answers that propose and choose
        events is tested on fresh ones.
    queries
        Try patterns of so many answers of queries of sensitivity 1 instead, in lists
        (`neighbours.neighbour_patterns`).
    trials
        Calls on each input of the tested pair; another pair costs the share that proposes and chooses, half
        of them, or two fifths with `logic`.
    error_rate
        How often, at most, a mechanism that keeps its claim may be found to violate it; in (0, 1).
    seed
        Seed of the order of the calls; the noise is the mechanism's own, so two audits may differ.
    logic
        Leave floating-point bits out of account, and test the one event that showed most (Mironov 2012 is
        about mechanisms that are correct except for their bits).
    name
        What the result calls it; its own module and name where None.
    progress
        Called with a step's name and its finished share, None where that is not known.

    Returns
    -------
    MechanismAudit
        The verdict, and the event of each family that shows most.

    Raises
    ------
    UsageError
        A number is out of range, the mechanism fails, or so few trials could show no violation.
    """
    called = name or (mechanism if isinstance(mechanism, str) else name_of(mechanism))
    if isinstance(mechanism, str):
        mechanism = load_callable(mechanism, role="mechanism")
    require_refutable(epsilon=epsilon, delta=delta, error_rate=error_rate, trials=trials, logic=logic)
    MechanismSettings.require(seed=seed)
    pairs = pairs_of(inputs, neighbours, queries)
    report = progress or (lambda _step, _share: None)
    generator = np.random.default_rng(seed)
    searching = 2 * part_of(trials, logic=logic) if len(pairs) > 1 else 0
    calls, done = len(pairs) * searching + trials - searching, 0

    def draw(pair: Neighbours, number: int) -> tuple[list[Plain], list[Plain]]:
        nonlocal done
        before, done = done, done + number
        return collect(
            mechanism,
            (pair.a, pair.b),
            name=called,
            trials=number,
            generator=generator,
            progress=lambda share: report("asking the mechanism", (before + share * number) / calls),
        )

    best, shown = pairs[0], -np.inf
    on_a: list[Plain] = []
    on_b: list[Plain] = []
    for pair in pairs if searching else ():
        answers = draw(pair, searching)
        found = shown_before(*answers, pair, delta=delta, error_rate=error_rate, seed=seed, logic=logic)
        if found > shown or not on_a:
            best, shown, (on_a, on_b) = pair, found, answers
    fresh = draw(best, trials - searching)
    report("testing events", None)
    return judge_answers(
        on_a + fresh[0],
        on_b + fresh[1],
        best,
        epsilon=epsilon,
        delta=delta,
        error_rate=error_rate,
        seed=seed,
        name=called,
        logic=logic,
        pairs=len(pairs),
    )


def audit_answers(
    on_a: Sequence[object],
    on_b: Sequence[object],
    *,
    epsilon: float,
    delta: float = MechanismSettings.delta,
    inputs: tuple[Any, Any] = (0, 1),
    error_rate: float = MechanismSettings.error_rate,
    logic: bool = MechanismSettings.logic,
    name: str = "answers",
) -> MechanismAudit:
    """Test the claim of a mechanism by answers that it gave earlier.

    Parameters
    ----------
    on_a, on_b
        Independent answers on two neighbouring inputs, as many on each; lists or arrays whose first
        axis runs over the answers.
    epsilon, delta, inputs, error_rate, logic, name
        As in `audit_mechanism`.

    Returns
    -------
    MechanismAudit
        As from `audit_mechanism`, with seed 0: nothing is drawn.

    Raises
    ------
    UsageError
        As in `audit_mechanism`, or the two numbers of answers differ.
    """
    if len(on_a) != len(on_b):
        raise UsageError(
            f"there are {len(on_a)} answers on one input and {len(on_b)} on the other; expected as many."
        )
    require_refutable(epsilon=epsilon, delta=delta, error_rate=error_rate, trials=len(on_a), logic=logic)
    try:
        plain_a, plain_b = (list(map(plain, answers)) for answers in (on_a, on_b))
    except TypeError as error:
        raise UsageError(f"{name}: an answer is a {one_line(error)}, which cannot be counted.") from error
    return judge_answers(
        plain_a,
        plain_b,
        Neighbours(*inputs),
        epsilon=epsilon,
        delta=delta,
        error_rate=error_rate,
        seed=0,
        name=name,
        logic=logic,
    )


#: Not seeded: the noise of a mechanism is nobody's to know.
_generator = np.random.default_rng()


def numpy_laplace(value: float) -> float:
    """Textbook Laplace noise of scale 1; its low bits betray `value` (Mironov 2012)."""
    return float(_generator.laplace(value, 1.0))


def half_scale_laplace(value: int) -> int:
    """Integer Laplace noise of scale 1/2 by OpenDP, which spends epsilon 2 and not 1."""
    return _make_laplace(0.5, T=int)(int(value))


def opendp_laplace(value: float) -> float:
    """Laplace noise of scale 1 by OpenDP, whose doubles are rounded so that no bit tells."""
    return _make_laplace(1.0, T=float, nan=False)(float(value))


@cache
def _make_laplace(scale: float, **domain: Any) -> Any:
    # OpenDP is slow to import, and NumPy's mechanism does without.
    from opendp.domains import atom_domain  # noqa: PLC0415
    from opendp.measurements import make_laplace  # noqa: PLC0415
    from opendp.metrics import absolute_distance  # noqa: PLC0415
    from opendp.mod import enable_features  # noqa: PLC0415

    enable_features("contrib")
    return make_laplace(atom_domain(**domain), absolute_distance(T=domain["T"]), scale=scale)
