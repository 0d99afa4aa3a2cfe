"""Does a model give away who was in its training data: the whole audit."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import UsageError
from trivet.privacy.membership.attacks import lira_scores, rmia_scores
from trivet.privacy.membership.groups import (
    Relabelled,
    checked_groups,
    checked_members,
    checked_rows,
    checked_units,
    first_rows,
    group_exposures,
    judge,
    most_exposed,
    population_rows,
    unit_groups,
    unit_scores,
)
from trivet.privacy.membership.one_run import FEWEST_GUESSES, check_claim, one_run_audit
from trivet.privacy.membership.rates import attack_result
from trivet.privacy.membership.recipe import CPU, kind, recipe_of
from trivet.privacy.membership.results import A_ROW, BARE, Claim, ExposedRow, MembershipAudit
from trivet.privacy.membership.shadows import (
    CLIP,
    POPULATION,
    TARGET,
    Signals,
    design_trainings,
    random_half,
    resolution,
    signals_of,
    train_models,
    unit_labels,
    use_of,
)
from trivet.result import Table
from trivet.settings import Count, Seed, SettingError, require
from trivet.wording import one_line, quote

__all__ = ["ATTACKS", "AuditedModel", "Progress", "attack_model", "audit_model"]

#: Called with a step and the share of it that is done, in [0, 1]; None where that is unknown.
Progress = Callable[[str, float | None], object]

FEWEST_SHADOWS: Final = 4
MOST_SHADOWS: Final = 1024
#: Rows that RMIA compares each row with, members or not: a row is not compared with itself, and if only
#: the others could be in the population, that alone would tell them apart where scores tie.
LARGEST_POPULATION: Final = 50_000
#: Member rows that a result names.
EXPOSED_ROWS: Final = 20

LIMITS: Final = (
    "These attacks know the model's recipe and have data like the training data; what others try with more, "
    "or on rows of another kind, they do not say. No evidence does not prove privacy."
)


@dataclass(frozen=True, eq=False)
class _Evidence:
    """Signals of the audited model and the shadow models on the rows of the data."""

    target: Signals
    shadows: Signals
    inside: NDArray[np.bool_]
    population: NDArray[np.int64]
    units: NDArray[np.int64]

    def lira(self, *, online: bool) -> NDArray[np.float64]:
        """Return LiRA's scores, on logits that one clip holds apart from infinity for all models."""
        said = (self.target, self.shadows)
        clip = resolution(*(each.probability for each in said), *(each.others for each in said))
        target, shadows = (each.logits(clip) for each in said)
        return lira_scores(target[0], shadows, self.inside, online=online)

    def rmia(self) -> NDArray[np.float64]:
        """Return RMIA's scores."""
        target, shadows = self.target.probability[0], self.shadows.probability
        return rmia_scores(target, shadows, self.inside, self.population, units=self.units)


#: From what the models say to one score a row, higher where it is more surely a member.
ATTACKS: Final[Mapping[str, Callable[[_Evidence], NDArray[np.float64]]]] = {
    "lira-online": lambda e: e.lira(online=True),
    "lira-offline": lambda e: e.lira(online=False),
    "rmia": lambda e: e.rmia(),
}


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
        ``groups``, ``target``, ``members``, ``shadows``, ``attacks``, ``canaries``, ``claim``, ``delta``,
        ``workers``, ``work``, ``device``: as of `attack_model`.

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
    from trivet.privacy.membership.subject import ModelRows, load_subject  # noqa: PLC0415 - it loads DuckDB

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
        **settings,
    }
    return attack_model(
        estimator, subject.features, subject.labels, unit=subject.units, seed=seed, **given
    ).result


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
    claim: Claim = BARE,
    delta: float = 0.0,
    workers: int | None = None,
    work: str | Path | None = None,
    device: str = CPU,
    seed: int = 0,
    data: str = "",
    model: str = "",
    unit_name: str = "a unit",
    own_process: bool = False,
    progress: Progress | None = None,
) -> AuditedModel:
    """Attack a model with shadow models that were trained in the same way on other parts of the data."""
    _require_settings(shadows, attacks, canaries, workers, seed)
    if canaries:
        check_claim(canaries, delta, claim=claim)
    elif (claim, delta) != (BARE, 0.0):
        raise SettingError("a claim is tested by canaries: set {canaries}, or leave out {claim} and {delta}.")
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
    else:
        mask = random_half(unit_labels(labels, units), generator=use_of(seed, TARGET))[units]
    inside = mask[firsts]
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
        signals = train_models(
            recipe,
            design.training,
            Path(folder),
            workers=(os.cpu_count() or 1) if workers is None else workers,
            own_process=own_process,
            progress=lambda share: say("training shadow models", share),
        )
    say("attacking", None)
    audited = (
        signals.of(slice(shadows, shadows + 1), rows)
        if known is None
        else signals_of(known, features, labels, len(classes))
    )
    evidence = _Evidence(
        target=audited,
        shadows=signals.of(slice(0, shadows), rows),
        inside=design.training.inside[:shadows, :rows],
        population=population_rows(units, LARGEST_POPULATION, generator=use_of(seed, POPULATION)),
        units=units,
    )
    scores = {attack: ATTACKS[attack](evidence) for attack in attacks}
    together = {attack: unit_scores(found, units) for attack, found in scores.items()}
    results = tuple(attack_result(attack, together[attack], inside) for attack in attacks)
    best = max(results, key=lambda each: each.auroc.value)
    exposures = group_exposures(together[best.attack], inside, told) if told else ()
    named, statement = most_exposed(exposures)
    verdict, reason = judge(results)
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
        if design.coins is None
        else one_run_audit(
            signals.logits(CLIP)[-1, design.canaries], design.coins, claim=claim, delta=delta, seed=seed
        ),
        verdict=verdict,
        reason=reason,
        limits=LIMITS,
        exposed_rows=tuple(
            ExposedRow(int(firsts[place]), float(together[best.attack][place])) for place in surest
        ),
        seed=seed,
        unit=A_ROW if unit is None else unit_name,
        row_attacks=()
        if unit is None
        else tuple(attack_result(attack, scores[attack], mask, units=units) for attack in attacks),
        shadow_share=float(evidence.inside.mean()),
        device=recipe.device,
    )
    return AuditedModel(result, mask, scores)


def _require_settings(
    shadows: int, attacks: Sequence[str], canaries: int, workers: int | None, seed: int
) -> None:
    if not FEWEST_SHADOWS <= shadows <= MOST_SHADOWS:
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
