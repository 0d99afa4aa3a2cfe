"""Settings and results of an audit of code: frozen values, readable without any heavy import."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from trivet.privacy.adjacency import Adjacency
from trivet.result import Table
from trivet.settings import Count, Positive, Seed, Settings

__all__ = ["CodeAudit", "CodeFinding", "CodeSettings", "NoiseCall"]


@dataclass(frozen=True, kw_only=True)
class CodeSettings(Settings):
    """Claim of code that adds noise, and how far it is tested.

    Attributes
    ----------
    epsilon : The epsilon that the whole answer claims.
    delta : The delta that it claims.
    adjacency : Neighbouring data sets: one row comes or goes, or one row is replaced.
    neighbours : Neighbours to replay each run on, those with extreme rows first.
    runs : Runs to record, each with noise of its own; every one is a path through the code.
    seconds : Time after which no further neighbour is tried.
    seed : Seed of the order of the neighbours; the noise is the code's own.
    """

    epsilon: Positive
    delta: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    adjacency: Adjacency = Adjacency.ADD_REMOVE
    neighbours: Count = 60
    runs: Count = 3
    seconds: Positive = 120.0
    seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class NoiseCall:
    """A place in the code that draws noise.

    Attributes
    ----------
    site : ``file:line, function``.
    family : Distribution, such as ``laplace`` or ``normal``; of a library's mechanism its name.
    draws : Single numbers drawn there in the first run.
    scale : Scale of the noise in the units of what it is added to, above 0: the Laplace b, or sigma; the
        smallest where there are several. None where it was added to nothing, or is not known.
    seen : How far one record moved what one call's noise was added to, at most: in L2 norm of Gaussian
        noise, in L1 of any other. None where it was not followed.
    spent : `seen` / `scale`: the epsilon of Laplace noise, the shift of a Gaussian in standard deviations.
    claimed : The sensitivity that the library or `claims` states, the smallest; None without one.
    neighbour : The neighbour that showed `seen`, in words; empty where nothing moved.
    """

    site: str
    family: str
    draws: int
    scale: float | None
    seen: float | None
    spent: float | None
    claimed: float | None
    neighbour: str


@dataclass(frozen=True, kw_only=True)
class CodeFinding:
    """Contradiction to a claim, or something that keeps the audit from judging it.

    Attributes
    ----------
    kind : ``sensitivity`` where more moves than a call claims; ``loss`` where the path spends more than is
        claimed; ``answer`` where the answer depends on the data without noise; ``structure`` where noise is
        drawn or used otherwise on the neighbour; ``input`` where a record that is not finite gets through.
    violates : Whether it refutes the claim; what does not is a caution.
    site : ``file:line, function``.
    message : What was found, in a sentence.
    claimed, seen : The claimed figure and the one that was seen; None where there is none, or no bound.
    neighbour : The neighbour that showed it, in words.
    """

    kind: str
    violates: bool
    site: str
    message: str
    claimed: float | None
    seen: float | None
    neighbour: str


@dataclass(frozen=True, repr=False, kw_only=True)
class CodeAudit(
    Table,
    head=("verdict", "name", "epsilon_seen", "reason"),
    rows="calls",
    columns=("site", "family", "scale", "seen", "claimed"),
):
    """Audit of the (epsilon, delta) that code claims, along the paths that it took.

    Attributes
    ----------
    name : The function, ``package.module:function`` or ``script.py:function``.
    epsilon, delta : The claim; epsilon above 0, delta in [0, 1).
    adjacency : ``add-remove`` or ``replace-one``; empty where two inputs were given.
    data : The data in words.
    rows : Its number of rows; None where two inputs were given.
    runs : Runs that were recorded.
    neighbours : Neighbours that the runs were replayed on.
    failed : Replays that ended with an error of the code.
    seed : Seed of the order of the neighbours.
    verdict : ``violates`` where a finding refutes the claim; ``unknown`` where something essential was not
        followed; else ``consistent``, which proves nothing about other paths and other data.
    epsilon_seen : What the worst path needs at `delta` at most; None where nothing bounds it, or it is not
        known.
    calls : The places that draw noise, in the order in which the code comes to them.
    findings : What contradicts the claim, then cautions.
    not_followed : Uses of noise whose effect is not known, each in words.
    notes : Remarks that change no verdict, such as on floating-point noise.
    reason : The verdict in one sentence.
    limits : What the audit looked at and what it cannot say.
    """

    name: str
    epsilon: float
    delta: float
    adjacency: str
    data: str
    rows: int | None
    runs: int
    neighbours: int
    failed: int
    seed: int
    verdict: str
    epsilon_seen: float | None
    calls: tuple[NoiseCall, ...]
    findings: tuple[CodeFinding, ...]
    not_followed: tuple[str, ...]
    notes: tuple[str, ...]
    reason: str
    limits: str
