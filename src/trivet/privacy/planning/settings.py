"""Settings of a plan: queries, budget and noise."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt, Interval, Lt

from trivet.settings import SettingError, Settings

__all__ = [
    "MECHANISMS",
    "MOST_ANSWERS",
    "AdjacencyName",
    "Answers",
    "Magnitude",
    "MechanismName",
    "PlanOptions",
    "PlanSettings",
    "QuerySettings",
]

AdjacencyName = Literal["add-remove", "replace-one"]
MechanismName = Literal["laplace", "discrete-laplace", "gaussian", "dp-sgd", "all"]
QueryKind = Literal["count", "sum", "vector"]

#: The mechanisms that "all" stands for.
MECHANISMS: tuple[MechanismName, ...] = ("laplace", "discrete-laplace", "gaussian")
#: More askings or touched cells than this are refused in one line.
MOST_ANSWERS = 1_000_000_000
#: Sensitivities, shares and scales from here on would overflow in their products.
LARGEST = 1e100
#: No epsilon above it promises anything.
LARGEST_EPSILON = 1e3

Answers = Annotated[int, Interval(ge=1, le=MOST_ANSWERS)]
Bound = Annotated[float, Gt(-LARGEST), Lt(LARGEST)]
Magnitude = Annotated[float, Gt(0), Lt(LARGEST)]
Finite = Annotated[float, Gt(-math.inf), Lt(math.inf)]


@dataclass(frozen=True, kw_only=True)
class QuerySettings(Settings):
    """One line of a plan: a number, a sum or a vector of counts, answered `count` times.

    Exactly one of three says how far one record moves it: `sensitivity`, under the plan's adjacency;
    `cells`, for a vector of counts; or ``kind = "sum"`` with `bounds`. ``kind = "count"`` has
    sensitivity 1.

    Attributes
    ----------
    name : For the table; ``query 1`` and so on where empty.
    count : Number of times that it is answered, at least 1.
    sensitivity : Largest change of the answer, in its units, above 0.
    share : Weight of the budget that each asking receives, above 0; only the ratios between lines matter.
    kind : ``count``, ``sum`` or ``vector``; may be left out where the other keys say it.
    cells, touches : Counts of a vector release, and how many of them one record touches at most (1 where left
        out).
    bounds : Least and greatest value of one record in a sum, in its units.
    selects : Of a sum: whether some records may be left out of it, by a condition or because their value is
        missing, so that they add 0. False where every record is in it, which under replace-one can need less
        noise.
    scale : Noise that each answer already has (Laplace b or sigma), for what it spends.
    """

    name: str = ""
    count: Answers = 1
    sensitivity: Magnitude | None = None
    share: Magnitude = 1.0
    kind: QueryKind | None = None
    cells: Answers | None = None
    touches: Answers | None = None
    bounds: tuple[Bound, Bound] | None = None
    selects: bool = True
    scale: Magnitude | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        said = {
            "sensitivity": self.sensitivity is not None,
            "cells": self.cells is not None or self.kind == "vector",
            "bounds": self.bounds is not None or self.kind == "sum",
            'kind = "count"': self.kind == "count",
        }
        given = [key for key, is_given in said.items() if is_given]
        if len(given) != 1:
            found = "none of them" if not given else " and ".join(given)
            raise SettingError(
                "a query needs exactly one of sensitivity, cells (of a vector), bounds (of a sum) "
                f'and kind = "count"; it has {found}.'
            )
        if self.kind == "vector" and self.cells is None:
            raise SettingError("a vector needs cells, the number of its counts.")
        if self.touches is not None and self.cells is None:
            raise SettingError("touches belongs to a vector; give cells as well.")
        if self.touches is not None and self.cells is not None and self.touches > self.cells:
            raise SettingError(f"touches is {self.touches}, more than the {self.cells} cells.")
        if self.kind == "sum" and self.bounds is None:
            raise SettingError("a sum needs bounds = [least, greatest] of one record's value.")
        if not self.selects and self.bounds is None:
            raise SettingError("selects = false is about a sum: every record is in it; give bounds as well.")
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise SettingError(
                f"bounds are [least, greatest]; {self.bounds[0]!r} is not below {self.bounds[1]!r}."
            )


@dataclass(frozen=True, kw_only=True)
class PlanOptions(Settings):
    """Options of ``trivet privacy plan``: a budget, and what is promised with it.

    Attributes
    ----------
    epsilon : Total epsilon that may be spent; with --inverse, the epsilon at which delta is computed.
    delta : Total delta, in [0, 1); with 0 only pure methods apply.
    adjacency : What neighbouring datasets are: add-remove or replace-one.
    group : Protect that many records together.
    mechanism : laplace, discrete-laplace (for integers), gaussian, or all three; or dp-sgd, private training.
    value : A true answer, for the chance that its noisy one exceeds the threshold.
    threshold : What the noisy answer is compared with.
    """

    epsilon: Annotated[float, Interval(gt=0, le=LARGEST_EPSILON)] | None = None
    delta: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    adjacency: AdjacencyName = "add-remove"
    group: Answers = 1
    mechanism: MechanismName = "all"
    value: Finite | None = None
    threshold: Finite | None = None


@dataclass(frozen=True, kw_only=True)
class PlanSettings(PlanOptions):
    """``[privacy.plan]``: a budget, and the queries that share it.

    Attributes
    ----------
    queries : At least one.
    """

    queries: tuple[QuerySettings, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mechanism == "dp-sgd":
            raise SettingError(
                "dp-sgd is training, which answers no queries; describe it in [privacy.training] "
                "(plan_training in Python)."
            )
        if not self.queries:
            raise SettingError("a plan needs at least one query; add a [[privacy.plan.queries]] table.")
        if (self.value is None) != (self.threshold is None):
            missing, there = ("value", "threshold") if self.value is None else ("threshold", "value")
            raise SettingError(f"{{{there}}} is compared with {{{missing}}}; give both, or neither.")
        names = [query.name for query in self.queries if query.name]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise SettingError("two queries are called {name!r}; each needs a name of its own.", name=twice)
