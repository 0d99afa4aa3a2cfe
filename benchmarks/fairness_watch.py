"""Coverage of the intervals of `trivet fairness watch` at all looks together, beside intervals for one look.

Simulates streams of two groups and looks after every batch. A stream is missed where the interval of the
ratio of average rates, or that of their difference, leaves out the true one at any look. Writes the shares of
missed streams to docs/data/fairness-watch.json.

Usage: python benchmarks/fairness_watch.py [STREAMS]   (2,000 by default)
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.intervals.comparisons import difference_limits, ratio_limits
from trivet.fairness.intervals.shares import share_interval
from trivet.fairness.monitoring.sequences import Tallied, log_e_value

DATA = Path(__file__).parent.parent / "docs" / "data" / "fairness-watch.json"
LOOKS, LEVEL = 60, 0.95
Floats = NDArray[np.float64]
#: Rates of both groups at a look, shape (streams, 2), given how far the averages so far are from their means.
Rates = Callable[[int, Floats], Floats]


@dataclass(frozen=True)
class Setting:
    """Two groups: rows a look of each, and their rates."""

    name: str
    rows: tuple[int, int]
    rates: Rates


def constant(reference: float, group: float) -> Rates:
    return lambda _look, ahead: np.broadcast_to([reference, group], ahead.shape)


def drifting(_look: int, ahead: Floats) -> Floats:
    rate = 0.3 + 0.2 * np.sin(_look / 8)
    return np.broadcast_to([0.3, rate], ahead.shape)


def against(_look: int, ahead: Floats) -> Floats:
    """Rates that rise where the outcomes so far were above their means, to carry them away."""
    return np.clip(0.4 + 0.3 * np.sign(ahead), 0, 1)


SETTINGS = (
    Setting("equal rates of .3, 50 and 50 rows a look", (50, 50), constant(0.3, 0.3)),
    Setting("rates of .5 and .35, 10 and 40 rows", (10, 40), constant(0.5, 0.35)),
    Setting("rates of .02 and .03, 20 and 100 rows", (20, 100), constant(0.02, 0.03)),
    Setting("rates of .5, 2 and 2 rows", (2, 2), constant(0.5, 0.5)),
    Setting("one rate moves between .1 and .5, 30 and 30 rows", (30, 30), drifting),
    Setting("rates follow past outcomes, 20 and 20 rows", (20, 20), against),
)


@dataclass(frozen=True)
class Missed:
    """Shares of streams that intervals miss at some look, with the ends of a 95 % interval of each."""

    setting: str
    streams: int
    looks: int
    ratio: float
    difference: float
    high: float
    one_look_ratio: float
    one_look_difference: float
    seconds: float


def simulate(setting: Setting, streams: int, seed: int) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Return successes and rows up to each look, and average rates, shape (looks, streams, 2)."""
    rng = np.random.default_rng(seed)
    rows = np.asarray(setting.rows)
    x, mean = np.zeros((streams, 2)), np.zeros((streams, 2))
    successes, rates = np.empty((LOOKS, streams, 2)), np.empty((LOOKS, streams, 2))
    for look in range(LOOKS):
        rate = setting.rates(look, x - mean)
        x = x + rng.binomial(rows, rate)
        mean = mean + rows * rate
        successes[look], rates[look] = x, mean / (rows * (look + 1))
    return successes, rows * np.arange(1, LOOKS + 1)[:, None], rates


def outside(limits: tuple[Floats, Floats], true: Floats) -> Floats:
    low, high = limits
    return (np.nan_to_num(low, nan=-np.inf) > true) | (np.nan_to_num(high, nan=np.inf) < true)


def missed(setting: Setting, streams: int, seed: int) -> Missed:
    started = perf_counter()
    successes, rows, rates = simulate(setting, streams, seed)
    wrong = {name: np.zeros(streams, dtype=bool) for name in ("ratio", "difference", "one r", "one d")}
    for look in range(LOOKS):
        (x1, x0), (n1, n0) = successes[look].T, rows[look]
        p1, p0 = rates[look].T
        base, group = Tallied.of(x1, np.full(streams, n1)), Tallied.of(x0, np.full(streams, n0))
        # An interval leaves out a ratio or a difference where the evidence against it is beyond the bound.
        for name, edge in (("ratio", (p0 / p1, 0.0)), ("difference", (1.0, p0 - p1))):
            evidence = np.array(
                [
                    evidence_against(
                        base, group, place, *(np.broadcast_to(each, streams)[place] for each in edge)
                    )
                    for place in _doubtful(base, group, p1, p0)
                ]
            )
            wrong[name][_doubtful(base, group, p1, p0)] |= evidence > np.log(1 / (1 - LEVEL))
        whole = [each.astype(np.int64) for each in (x0, np.full(streams, n0), x1, np.full(streams, n1))]
        ratio, difference = ratio_limits(*whole), difference_limits(*whole)
        wrong["one r"] |= outside(ratio[:2], p0 / p1)
        wrong["one d"] |= outside(difference[:2], p1 - p0)
    worst = max(int(wrong["ratio"].sum()), int(wrong["difference"].sum()))
    return Missed(
        setting.name,
        streams,
        LOOKS,
        *(float(wrong[name].mean()) for name in ("ratio", "difference")),
        float(share_interval(worst, streams).high or 1),
        *(float(wrong[name].mean()) for name in ("one r", "one d")),
        round(perf_counter() - started, 1),
    )


def _doubtful(base: Tallied, group: Tallied, p1: Floats, p0: Floats) -> NDArray[np.intp]:
    """Return the streams whose true pair of rates is outside of the set: only these can be missed."""
    return np.flatnonzero(base.capital(p1) + group.capital(p0) > np.log(1 / (1 - LEVEL)))


def evidence_against(base: Tallied, group: Tallied, place: int, slope: float, shift: float) -> float:
    one, other = (Tallied(*(each[place : place + 1] for each in side)) for side in (base, group))
    return float(log_e_value(one, other, slope=float(slope), shift=float(shift))[0])


def main() -> None:
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    found = [missed(setting, streams, seed) for seed, setting in enumerate(SETTINGS)]
    for each in found:
        print(
            f"{each.setting}: ratio {each.ratio:.2%}, difference {each.difference:.2%} "
            f"(at most {each.high:.2%}); for one look {each.one_look_ratio:.1%}, "
            f"{each.one_look_difference:.1%}; {each.seconds} s"
        )
    DATA.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
