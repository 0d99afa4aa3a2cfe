"""Does a model give away who was in its training data: the whole audit."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import UsageError
from trivet.privacy.membership.attacks import ATTACKS, WITHOUT_SHADOWS, Evidence
from trivet.privacy.membership.claims import CANARIES, Tossed, judge_claim, require_refutable, testable
from trivet.privacy.membership.discoveries import discover
from trivet.privacy.membership.groups import (
    Relabelled,
    checked_groups,
    checked_members,
    checked_rows,
    checked_tossed,
    checked_units,
    first_rows,
    group_exposures,
    judge,
    most_exposed,
    population_rows,
    unit_groups,
    unit_scores,
)
from trivet.privacy.membership.likeness import Likeness
from trivet.privacy.membership.one_run import FEWEST_GUESSES, check_claim, one_run_audit
from trivet.privacy.membership.rates import attack_result
from trivet.privacy.membership.recipe import CPU, kind, recipe_of
from trivet.privacy.membership.results import A_ROW, BARE, Claim, ExposedRow, MembershipAudit
from trivet.privacy.membership.shadows import (
    CALIBRATION,
    FOLDS,
    POPULATION,
    TARGET,
    Design,
    Signals,
    design_trainings,
    random_half,
    signals_of,
    train_models,
    unit_labels,
    use_of,
)
from trivet.result import Table
from trivet.settings import Count, Seed, SettingError, Share, require
from trivet.wording import one_line, quote

if TYPE_CHECKING:
    from trivet.privacy.membership.settings import ModelOptions
    from trivet.privacy.membership.subject import MembershipData

__all__ = ["ATTACKS", "AuditedModel", "Progress", "attack_model", "attack_subject", "audit_model"]

#: Called with a step and the share of it that is done, in [0, 1]; None where that is unknown.
Progress = Callable[[str, float | None], object]

FEWEST_SHADOWS: Final = 4
MOST_SHADOWS: Final = 1024
#: Rows that RMIA compares each row with, members or not: a row is not compared with itself, and if only
#: the others could be in the population, that alone would tell them apart where scores tie.
LARGEST_POPULATION: Final = 50_000
#: Of a unit to be a member, where a claim is tested.
FAIR: Final = 0.5
#: Member rows that a result names.
EXPOSED_ROWS: Final = 20

LIMITS: Final = (
    "These attacks know the model's recipe and have data like the training data; what others try with more, "
    "or on rows of another kind, they do not say. No evidence does not prove privacy."
)


@dataclass(frozen=True, eq=False, repr=False)
class AuditedModel(Table, of="result"):
    """A finished audit, and the scores that it rests on."""

    result: MembershipAudit
    members: NDArray[np.bool_]
    scores: Mapping[str, NDArray[np.float64]]


def audit_model(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    label: str | None = None,
    positive: str | None = None,
    group: str | Sequence[str] = (),
    unit: Any = None,
    ignore: Sequence[str] = (),
    rows: int | None = None,
    seed: int = 0,
    **settings: Any,
) -> MembershipAudit:
    """Measure how well membership in a model's training data can be inferred.

    Parameters
    ----------
    estimator
        An unfitted classifier or network, ``package.module:factory``, or ``logistic``, ``tree`` and the like.
    X
        Features, shape (rows, ...); or with `label` a .csv or .parquet file, FILE.duckdb:TABLE, or a data
        frame.
    y
        Classes, shape (rows,), where X are features.
    label, positive, group, ignore, rows
        Of a table, as ``trivet privacy audit-model`` has them.
    unit
        Whose row each is, shape (rows,), or the name of a table's column: all rows of a unit are inside or
        outside together.
    seed
        Of everything random, from 0 to 2^32 - 1.
    **settings
        ``groups``, ``target``, ``members``, ``tossed``, ``shadows``, ``attacks``, ``canaries``, ``epsilon``,
        ``delta``, ``claim``, ``fdr``, ``workers``, ``work``, ``device``, ``budget``: as of `attack_model`.

    Returns
    -------
    MembershipAudit
        What was found, without the scores of single rows.

    Raises
    ------
    UsageError, DataError
        If something named does not exist, the rows cannot be used, or a number is out of range.
    """
    if label is None:
        if y is None or positive or group or ignore or rows is not None:
            raise UsageError("give features X and classes y, or a table and the name of its label.")
        return attack_model(estimator, X, y, unit=unit, seed=seed, **settings).result
    from trivet.privacy.membership.settings import ModelRows  # noqa: PLC0415
    from trivet.privacy.membership.subject import load_subject  # noqa: PLC0415 - it loads DuckDB

    if y is not None:
        raise UsageError("a table has its label; leave out y.")
    chosen = ModelRows(
        label=label,
        positive=positive,
        group=(group,) if isinstance(group, str) else tuple(group),
        unit=unit,
        ignore=tuple(ignore),
        rows=rows,
    )
    subject = load_subject(X, chosen, seed=seed)
    given: dict[str, Any] = {
        "groups": subject.groups,
        "data": one_line(subject.name),
        "unit_name": unit or "a unit",
        "numbers": subject.numbers,
        **settings,
    }
    return attack_model(
        estimator, subject.features, subject.labels, unit=subject.units, seed=seed, **given
    ).result


def attack_subject(
    subject: "MembershipData",
    settings: "ModelOptions",
    *,
    seed: int,
    estimator: Any = None,
    workers: int | None = None,
    work: str | Path | None = None,
    progress: Progress | None = None,
) -> AuditedModel:
    """Train the model of some settings with its shadow models on rows, and attack it; see `attack_model`."""
    return attack_model(
        settings.model if estimator is None else estimator,
        subject.features,
        subject.labels,
        groups=subject.groups,
        unit=subject.units,
        shadows=settings.shadows,
        attacks=tuple(ATTACKS) if settings.attack == "all" else (settings.attack,),
        canaries=settings.canaries,
        epsilon=settings.epsilon,
        delta=settings.delta,
        claim=settings.claim,
        fdr=settings.fdr,
        workers=workers,
        work=work,
        device=settings.device,
        seed=seed,
        data=one_line(subject.name),
        model=settings.model,
        unit_name=settings.unit or "a unit",
        numbers=subject.numbers,
        own_process=":" in settings.model,  # the user's code may exit
        budget=settings.budget,
        progress=progress,
    )


def attack_model(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: Mapping[str, ArrayLike] | None = None,
    unit: ArrayLike | None = None,
    target: Any = None,
    members: ArrayLike | None = None,
    shadows: int = 64,
    attacks: Sequence[str] = tuple(ATTACKS),
    canaries: int = 0,
    epsilon: float | None = None,
    delta: float = 0.0,
    claim: Claim = BARE,
    tossed: ArrayLike | None = None,
    fdr: float = 0.05,
    workers: int | None = None,
    work: str | Path | None = None,
    device: str = CPU,
    seed: int = 0,
    data: str = "",
    model: str = "",
    unit_name: str = "a unit",
    numbers: ArrayLike | None = None,
    own_process: bool = False,
    budget: float | None = None,
    progress: Progress | None = None,
) -> AuditedModel:
    """Attack a model with shadow models that were trained in the same way on other parts of the data."""
    # With `epsilon` the claim is tested: by `canaries`, which are planted in a training of their own, and by
    # the units that a fair coin each put into the audited model's training. These are all units where trivet
    # trains it, and otherwise those that `tossed`, shape (rows,), marks. `fdr` is the false discovery rate of
    # the list of members; `numbers` are those of the rows in a larger table, their places where None. Shadow
    # models that `budget` seconds leave no time for are left out.
    _require_settings(shadows, attacks, canaries, workers, seed)
    _require_claim(canaries, epsilon, delta, claim)
    require(Share, fdr=fdr)
    recipe = recipe_of(estimator, device)
    features, labels, classes = checked_rows(X, y)
    rows = len(labels)
    units = np.arange(rows) if unit is None else checked_units(unit, labels)
    firsts = first_rows(units)
    told = unit_groups(checked_groups(groups or {}, rows), units)
    if canaries > len(firsts):
        raise UsageError(
            f"{canaries} canaries are more than the {len(firsts)} {'rows' if unit is None else 'units'}; "
            "expected at most as many."
        )
    if members is not None:
        mask = checked_members(members, units)
    elif target is not None:
        raise UsageError("a model that is trained already needs members: which rows it was trained on.")
    elif epsilon is not None:
        mask = checked_members((use_of(seed, TARGET).random(len(firsts)) < FAIR)[units], units)
    else:
        mask = random_half(unit_labels(labels, units), generator=use_of(seed, TARGET))[units]
    inside = mask[firsts]
    tossing = checked_tossed(tossed, units, all_of_them=members is None)
    # The quantile attack learns from known non-members. A coin that it knows is none that it can guess.
    reference = ~mask if tossing.all() or epsilon is None else ~mask & ~tossing
    guessing = [attack for attack in attacks if not (tossing.all() and attack in WITHOUT_SHADOWS)]
    coin = tossing[firsts]
    if epsilon is not None:
        sizes = [testable(int(coin.sum()), delta, claim)] * len(guessing) if coin.any() else []
        require_refutable(epsilon, delta, claim, [*sizes, *[canaries][: bool(canaries)]])
    known = None if target is None else Relabelled.of(target, classes)
    say: Progress = progress or (lambda _step, _share: None)

    design = design_trainings(
        features,
        labels,
        len(classes),
        mask,
        units,
        share=0.5 if members is None else float(inside.mean()),
        shadows=shadows,
        canaries=canaries,
        seed=seed,
        audited=known is None,
    )
    with TemporaryDirectory(prefix="trivet-") if work is None else nullcontext(work) as folder:
        signals, done = train_models(
            recipe,
            design.training,
            Path(folder),
            workers=(os.cpu_count() or 1) if workers is None else workers,
            own_process=own_process,
            spare=shadows,
            is_up=_clock(budget),
            progress=lambda share: say("training shadow models", share),
        )
    shadows = _enough(done, shadows, budget)
    say("attacking", None)
    audited = (
        signals.of(slice(shadows, shadows + 1), slice(rows))
        if known is None
        else signals_of(known, features, labels, len(classes))
    )
    evidence = Evidence(
        target=audited,
        shadows=signals.of(slice(0, shadows), slice(rows)),
        inside=design.training.inside[:shadows, :rows],
        population=population_rows(units, LARGEST_POPULATION, generator=use_of(seed, POPULATION)),
        units=units,
        likeness=Likeness.of(features, labels, units, generator=use_of(seed, FOLDS)),
        reference=reference,
    )
    scores = {attack: ATTACKS[attack](evidence) for attack in attacks}
    together = {attack: unit_scores(found, units) for attack, found in scores.items()}
    results = tuple(attack_result(attack, together[attack], inside) for attack in attacks)
    best = max(results, key=lambda each: each.auroc.value)
    exposures = group_exposures(together[best.attack], inside, told) if told else ()
    named, statement = most_exposed(exposures)
    verdict, reason = judge(results)
    planted = _planted(evidence, signals, design, shadows)
    by_attack = [Tossed(attack, together[attack][coin], inside[coin]) for attack in guessing if coin.any()]
    places = (np.arange(rows) if numbers is None else np.asarray(numbers))[firsts]
    surest = np.flatnonzero(inside)
    surest = surest[np.argsort(-together[best.attack][surest], kind="stable")[:EXPOSED_ROWS]]
    result = MembershipAudit(
        data=data,
        rows=rows,
        features=int(np.prod(features.shape[1:])),
        classes=len(classes),
        model=model or (estimator if isinstance(estimator, str) else kind(estimator)),
        shadows=shadows,
        members=int(mask.sum()),
        non_members=int(rows - mask.sum()),
        train_accuracy=float(audited.correct[0][mask].mean()),
        test_accuracy=float(audited.correct[0][~mask].mean()),
        attacks=results,
        best_attack=best.attack,
        groups=exposures,
        most_exposed_column=None if named is None else named[0],
        most_exposed_group=None if named is None else named[1],
        group_statement=statement,
        canaries=None
        if planted is None
        else one_run_audit(planted.scores, planted.coins, claim=claim, delta=delta, seed=seed),
        verdict=verdict,
        reason=reason,
        limits=LIMITS,
        exposed_rows=tuple(
            ExposedRow(int(places[place]), float(together[best.attack][place])) for place in surest
        ),
        seed=seed,
        unit=A_ROW if unit is None else unit_name,
        row_attacks=()
        if unit is None
        else tuple(attack_result(attack, scores[attack], mask, units=units) for attack in attacks),
        shadow_share=float(evidence.inside.mean()) if shadows else 0.0,
        device=recipe.device,
        claim=None
        if epsilon is None
        else judge_claim(
            epsilon,
            delta,
            claim,
            [*by_attack, *([] if planted is None else [planted])],
            seed=seed,
            of_model=bool(by_attack),
        ),
        discoveries=discover(together, inside, places, fdr=fdr, generator=use_of(seed, CALIBRATION)),
    )
    return AuditedModel(result, mask, scores)


def _clock(budget: float | None) -> Callable[[], bool]:
    """Return what says that so many seconds are over, from now on; never where None."""
    ends = math.inf if budget is None else monotonic() + budget
    return lambda: monotonic() >= ends


def _enough(done: int, wanted: int, budget: float | None) -> int:
    """Return how many shadow models there are; raise UsageError where they are too few."""
    if done < min(FEWEST_SHADOWS, wanted):
        raise UsageError(
            f"the budget of {budget:g} s was used when {done} of {wanted} shadow models were trained, and "
            f"the attacks need {FEWEST_SHADOWS} or more. Give a larger budget, or fewer rows."
        )
    return done


def _planted(evidence: Evidence, signals: Signals, design: Design, shadows: int) -> Tossed | None:
    """Return the planted rows with their scores by the last model and the shadow models; None without any."""
    if design.coins is None:
        return None
    said = [signals.of(models, design.canaries) for models in (slice(-1, None), slice(0, shadows))]
    unseen = np.zeros((shadows, len(design.coins)), dtype=np.bool_)
    of_planted = replace(evidence, target=said[0], shadows=said[1], inside=unseen)
    return Tossed(CANARIES, of_planted.planted(), design.coins)


def _require_claim(canaries: int, epsilon: float | None, delta: float, claim: Claim) -> None:
    if canaries or epsilon is not None:
        check_claim(canaries, delta, claim=claim)
    elif (claim, delta) != (BARE, 0.0):
        raise SettingError(
            "a claim is tested at an {epsilon} or by canaries: set one, or leave out {claim} and {delta}."
        )


def _require_settings(
    shadows: int, attacks: Sequence[str], canaries: int, workers: int | None, seed: int
) -> None:
    needing = [attack for attack in attacks if attack not in WITHOUT_SHADOWS]
    if shadows == 0 and needing and needing[0] in ATTACKS:
        raise UsageError(
            f"the attack {needing[0]} compares with shadow models; without any there is only: "
            f"{', '.join(sorted(WITHOUT_SHADOWS))}."
        )
    if shadows != 0 and not FEWEST_SHADOWS <= shadows <= MOST_SHADOWS:
        raise UsageError(
            f"{shadows} shadow models; expected {FEWEST_SHADOWS} to {MOST_SHADOWS}, since every row needs "
            "models on either side."
        )
    unknown = [attack for attack in attacks if attack not in ATTACKS]
    if unknown or not attacks:
        found = quote(unknown[0]) if unknown else "none"
        raise UsageError(f"no attack is called {found}; there are: {', '.join(ATTACKS)}.")
    if canaries != 0 and canaries < FEWEST_GUESSES:
        raise UsageError(f"{canaries} canaries prove nothing; expected {FEWEST_GUESSES} or more, or 0.")
    require(Count, workers=workers)
    require(Seed, seed=seed)
