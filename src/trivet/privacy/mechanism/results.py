"""Settings and results of an audit of a mechanism: frozen values, readable without any heavy import."""

from dataclasses import dataclass
from typing import Annotated, Final

from annotated_types import Interval, Le

from trivet.estimate import Known
from trivet.result import Table
from trivet.settings import Positive, Seed, Settings, Share

__all__ = ["MOST_TRIALS", "EventFinding", "MechanismAudit", "MechanismSettings"]

#: All answers are kept in memory, some hundred bytes each.
MOST_TRIALS: Final = 5_000_000


@dataclass(frozen=True, kw_only=True)
class MechanismSettings(Settings):
    """Claim of a mechanism, and how it is tested.

    Attributes
    ----------
    epsilon : The epsilon that it claims.
    delta : The delta that it claims.
    trials : Calls on each input.
    error_rate : How often a mechanism that keeps its claim may be said to violate it, at most.
    seed : Seed of the order of the calls.
    logic : Test the mechanism apart from its floating-point bits: numbers are rounded to a coarse grid, and
        the one event that showed most before is tested.
    """

    epsilon: Positive
    delta: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    trials: Annotated[int, Le(MOST_TRIALS)] = 100_000
    error_rate: Share = 0.05
    seed: Seed = 0
    logic: bool = False


@dataclass(frozen=True)
class EventFinding:
    """Ratio of one event's probabilities on the two inputs, counted on fresh answers.

    p belongs to the input on which the event was expected more often, q to the other.

    Attributes
    ----------
    family : Key of the family of events, such as ``thresholds`` or ``grid``.
    description : The event in words, a predicate of the answer: "is not a multiple of 2^-54".
    direction : ``A against B`` where p belongs to the first input, ``B against A`` where to the second.
    p_count, q_count : Answers in which the event held.
    p_trials, q_trials : Answers looked at, the same number on both sides.
    p, q : Shares in [0, 1] with a bound of Clopper and Pearson, p from below, q from above.
    epsilon_lower : ``max(0, ln((p.low - delta) / q.high))``, or the bound of Fisher's exact test on both
        counts (`test`); 0 where nothing is shown.
    test : ``Clopper-Pearson`` or ``Fisher``.
    """

    family: str
    description: str
    direction: str
    p_count: int
    p_trials: int
    p: Known
    q_count: int
    q_trials: int
    q: Known
    epsilon_lower: float
    test: str = "Clopper-Pearson"


@dataclass(frozen=True, repr=False)
class MechanismAudit(
    Table,
    head=("verdict", "name", "epsilon_lower", "reason"),
    rows="findings",
    columns=("family", "epsilon_lower", "description"),
):
    """Audit of the (epsilon, delta) that a mechanism claims, on one pair of inputs.

    Attributes
    ----------
    name : The mechanism, ``package.module:function``.
    epsilon, delta : The claim; epsilon above 0, delta in [0, 1).
    input_a, input_b : The two neighbouring inputs, as text (JSON where they are JSON).
    trials : Answers drawn on each input.
    proposing_trials, choosing_trials, testing_trials : How they were used on each input: to propose events,
        to choose among them, and to test the chosen ones. They sum to `trials`.
    error_rate : How often, at most, a mechanism that keeps its claim may be called ``violates``, in (0, 1).
    seed : Seed of the order of the calls; the noise is the mechanism's own.
    verdict : ``violates`` where `epsilon_lower` exceeds `epsilon`, else ``consistent``, which proves nothing.
    epsilon_lower : Lower bound on the true epsilon at `delta`, at least 0, at confidence 1 - `error_rate`.
    best : The event that shows it best; None where no family proposed one.
    findings : The best event of each family, strongest first.
    events_proposed : Candidates among which the tested events were chosen.
    events_tested : Number of tested events, for which the level is corrected.
    level : Level of each single Clopper-Pearson bound: `error_rate` / (2 `events_tested`).
    ceiling : The largest `epsilon_lower` of so many trials: always on one input, never on the other.
    visible_probability : The smallest frequency, in (0, 1], that violates if never seen on the other.
    examples_a, examples_b : A few answers on each input, as text.
    reason : The verdict in one sentence.
    limits : What the audit could have seen and what it cannot say.
    logic : True where the bits of floating-point numbers were left out of account.
    pairs : Pairs of neighbouring inputs that were tried; the one that showed most was tested.
    pattern : Name of the pattern of the tested pair; empty for other inputs.
    """

    name: str
    epsilon: float
    delta: float
    input_a: str
    input_b: str
    trials: int
    proposing_trials: int
    choosing_trials: int
    testing_trials: int
    error_rate: float
    seed: int
    verdict: str
    epsilon_lower: float
    best: EventFinding | None
    findings: tuple[EventFinding, ...]
    events_proposed: int
    events_tested: int
    level: float
    ceiling: float
    visible_probability: float
    examples_a: tuple[str, ...]
    examples_b: tuple[str, ...]
    reason: str
    limits: str
    logic: bool = False
    pairs: int = 1
    pattern: str = ""
