"""A system of the user's, for the matrix: a network that was scanned, and a table that was audited."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from trivet.effects.matrix import Progress, System, measure_effects
from trivet.effects.results import EffectMatrix
from trivet.effects.settings import ALL, AUTO, EffectSettings
from trivet.errors import UsageError
from trivet.fairness.auditing.results import FairnessAudit
from trivet.fairness.auditing.settings import ADULT, TableSettings
from trivet.wording import one_line

__all__ = ["audit_effects", "own_system"]

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from trivet.datasets import ImageSet
    from trivet.effects.predictions import ScoredRows
    from trivet.effects.repairs import RepairSubject
    from trivet.effects.table import TableSubject
    from trivet.fairness.auditing.rows import AuditRows
    from trivet.fairness.counting.counts import GroupCounts
    from trivet.fairness.measures.registry import Measure
    from trivet.security.checkpoint import ScanInput
    from trivet.security.scanning.scan import Scan

    #: Method and weights of a repair that is done.
    Mended = tuple[str, Mapping[str, NDArray[Any]]]
    #: Counts, and the largest weight of a row.
    Weighted = tuple[GroupCounts, float]

NO_TORCH: Final = "Private training was not measured: it needs PyTorch, which the extra security installs."


def own_system(
    settings: EffectSettings,
    *,
    scanned: "tuple[ScanInput, Scan] | None" = None,
    members: "ImageSet | None" = None,
    mended: "Mended | None" = None,
    table: TableSettings | None = None,
    audit: FairnessAudit | None = None,
    seed: int = 0,
) -> System:
    """Return what of a system the remedies are measured on.

    Parameters
    ----------
    settings
        Which repairs, and whether networks are trained privately.
    scanned
        A network with its images, and its scan.
    members
        Images that the network was trained on.
    mended
        Method and weights of the repair that the audit made of it.
    table
        A table with an estimator, or with predictions.
    audit
        Of the table: the counts are taken from it.
    seed
        Of rows that are drawn, as in the audit.
    """
    repairs = None if scanned is None else _network(settings, *scanned, members=members, mended=mended)
    tabled: TableSubject | None = None
    scored: ScoredRows | None = None
    notes: tuple[str, ...] = ()
    weighted: Weighted | None = None
    if table is not None:
        if table.estimator is None:
            from trivet.effects.predictions import NO_MODEL, NO_SCORES  # noqa: PLC0415 - scikit-learn

            scored = _scored(table, settings, seed=seed)
            notes = (NO_MODEL,) if scored is not None else (NO_SCORES, NO_MODEL)
            if audit is not None and table.weight is not None:
                from trivet.fairness.auditing.table import weighted_counts  # noqa: PLC0415 - DuckDB

                weighted = weighted_counts(table)
        else:
            from trivet.fairness.auditing.table import rows_of  # noqa: PLC0415 - DuckDB

            rows, _, _ = rows_of(table, seed=seed)
            tabled = _trained(rows, table, table.estimator, settings, seed=seed)
            if audit is not None and rows.weights is not None:
                weighted = _predicted_anew(rows, table, table.estimator, seed=seed)
    return _assembled(settings, repairs, tabled, scored, audit, notes, weighted)


def audit_effects(
    table: Any = ADULT,
    *,
    estimator: Any = "logistic",
    audit: FairnessAudit | None = None,
    settings: EffectSettings = EffectSettings(),  # noqa: B008 - frozen
    seed: int = 0,
    workers: int = 1,
    progress: Progress = lambda _step, _share: None,
    **options: Any,
) -> EffectMatrix:
    """Measure what mitigations, noise and private training do to a table and the models of it.

    Parameters
    ----------
    table
        A file as of ``trivet fairness``, ``adult`` for the embedded data, or any data frame that narwhals
        knows.
    estimator
        ``logistic``, ``boosting``, ``package.module:factory``, or an unfitted scikit-learn classifier.
    audit
        What an audit of the table's predictions found, for noise in its counts; None compares first.
    settings
        How much is spent.
    seed
        From which all that is random follows.
    workers
        Processes that train models; more than one needs ``if __name__ == "__main__":`` in a script.
    progress
        Called with a step's name and its finished share, None where that is unknown.
    **options
        Of `trivet.fairness.auditing.settings.TableOptions`, such as `label`, `positive`, `sensitive`,
        `privileged`, `mitigate` and `four_fifths`.

    Returns
    -------
    EffectMatrix
        Every mitigation, noise and private training, with an interval and a sentence each.

    Raises
    ------
    UsageError, DataError
        Something that was named does not exist, or the table cannot be used.
    """
    from trivet.fairness.auditing.table import compare, rows_of  # noqa: PLC0415 - DuckDB
    from trivet.tables.opening import table_file  # noqa: PLC0415

    named: dict[str, Any] = {
        name: (each,) if isinstance(each, str) and name in _TUPLES else each for name, each in options.items()
    }
    classifier = estimator if isinstance(estimator, str) else "own:classifier"

    def measured(place: str) -> EffectMatrix:
        chosen = TableSettings(table=place, estimator=classifier, **named)
        rows, _, _ = rows_of(chosen, seed=seed)
        found = (
            audit
            or compare(
                rows,
                estimator=estimator,
                mitigate=("reweighing",),
                privileged=chosen.privileged,
                repeats=0,
                four_fifths=chosen.four_fifths,
                level=settings.level,
                seed=seed,
                workers=1,
            ).baseline
        )
        tabled = _trained(rows, chosen, estimator, settings, seed=seed)
        weighted = None if rows.weights is None else _predicted_anew(rows, chosen, estimator, seed=seed)
        system = _assembled(settings, None, tabled, None, found, weighted=weighted)
        return measure_effects(settings, system, seed=seed, workers=workers, progress=progress)

    if isinstance(table, str) and table == ADULT:
        return measured(ADULT)
    with table_file(table) as file:
        return measured(str(file))


#: Options that are lists of names.
_TUPLES: Final = frozenset({"sensitive", "ignore"})


def _assembled(
    settings: EffectSettings,
    repairs: "RepairSubject | None",
    tabled: "TableSubject | None",
    scored: "ScoredRows | None",
    audit: FairnessAudit | None,
    notes: tuple[str, ...] = (),
    weighted: "Weighted | None" = None,
) -> System:
    pairs: Any = ()
    if repairs is not None and repairs.members is None:
        from trivet.effects.repairs import NO_MEMBERS  # noqa: PLC0415 - PyTorch

        notes = (*notes, NO_MEMBERS)
    if audit is not None:
        from trivet.effects.noise import audited_pairs  # noqa: PLC0415 - SciPy

        pairs, said = audited_pairs(audit, weighted)
        notes = (*notes, *said)
    private = tabled is not None and settings.private is not False
    if private and settings.private is None and not _has_torch():
        private, notes = False, (*notes, NO_TORCH)
    return System(
        repairs=repairs,
        table=tabled,
        scored=scored,
        pairs=pairs,
        four_fifths=0.8 if audit is None else audit.four_fifths,
        private=private,
        notes=notes,
    )


def _has_torch() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415

    return find_spec("torch") is not None


def _network(
    settings: EffectSettings,
    subject: "ScanInput",
    found: "Scan",
    *,
    members: "ImageSet | None",
    mended: "Mended | None",
) -> "RepairSubject":
    from trivet.effects.repairs import own_network  # noqa: PLC0415 - PyTorch
    from trivet.security.repairs.methods import REPAIRS  # noqa: PLC0415

    named = (settings.repairs,) if isinstance(settings.repairs, str) else settings.repairs
    methods = None if named == (AUTO,) else tuple(REPAIRS) if named == (ALL,) else named
    return own_network(
        subject,
        found,
        methods,
        members=_not_shown(members, subject.images),
        mended=mended,
        unhurried=settings.budget is not None,
    )


#: With more of them among the images of the scan than this share, the two sets are not two.
TOLERATED_OVERLAP: Final = 0.1


def _not_shown(members: "ImageSet | None", images: "ImageSet") -> "ImageSet | None":
    """Return the training images that the scan's images do not have as well."""
    if members is None:
        return None
    if members.pixels.shape[1:] != images.pixels.shape[1:] or members.classes != images.classes:
        raise UsageError(
            f"the members of [effects] have {members.classes} classes of shape {members.pixels.shape[1:]}; "
            f"the images of [security.scan] have {images.classes} of shape {images.pixels.shape[1:]}. Give "
            "images of the same kind."
        )
    own = ~members.among(images)
    shared = len(own) - int(own.sum())
    if shared > TOLERATED_OVERLAP * len(own):
        raise UsageError(
            f"{shared} of the {len(own)} members of [effects] are also among the images of [security.scan], "
            "which stand for images that the network was not trained on; give two sets without common images."
        )
    return members.take(own) if shared else members


def _trained(
    rows: "AuditRows", chosen: TableSettings, estimator: Any, settings: EffectSettings, *, seed: int
) -> "TableSubject":
    from trivet.effects.table import own_table  # noqa: PLC0415 - scikit-learn
    from trivet.fairness.auditing.fitting import ESTIMATORS, own_classifier  # noqa: PLC0415
    from trivet.fairness.auditing.groups import find_reference, named_values  # noqa: PLC0415
    from trivet.fairness.auditing.mitigations import chosen_mitigations  # noqa: PLC0415

    called = one_line(estimator if isinstance(estimator, str) else type(estimator).__name__)
    known = isinstance(estimator, str) and estimator in ESTIMATORS
    reference, _ = find_reference(
        rows.count(rows.labels, np.arange(len(rows))), named_values(rows.columns, chosen.privileged)
    )
    return own_table(
        rows,
        estimator if known else own_classifier(estimator, seed=seed),
        chosen_mitigations(chosen.mitigate),
        reference=reference,
        four_fifths=chosen.four_fifths,
        used=settings.rows,
        called=called,
        measures=_measures(settings, chosen),
        seed=seed,
    )


def _predicted_anew(rows: "AuditRows", chosen: TableSettings, estimator: Any, *, seed: int) -> "Weighted":
    """Count the test rows by the model that the audit is of, trained once more as it was."""
    from trivet.fairness.auditing.fitting import (  # noqa: PLC0415 - scikit-learn
        BASELINE,
        ESTIMATORS,
        ComparisonPlan,
        fit_and_predict,
        own_classifier,
    )
    from trivet.fairness.auditing.mitigations import divide_rows  # noqa: PLC0415

    known = isinstance(estimator, str) and estimator in ESTIMATORS
    parts = divide_rows(rows, seed=seed)
    plan = ComparisonPlan(
        rows,
        parts.train,
        parts.test,
        parts.validation,
        estimator if known else own_classifier(estimator, seed=seed),
        reference=0,
        four_fifths=chosen.four_fifths,
        seed=seed,
    )
    predictions = fit_and_predict(plan, (BASELINE,), 0)[BASELINE].predictions
    assert predictions is not None
    assert rows.weights is not None
    return rows.count(predictions, parts.test), float(rows.weights.max())


def _measures(settings: EffectSettings, table: TableSettings) -> "tuple[Measure, ...]":
    """Return the metrics of the gaps; none where only selection is looked at."""
    from trivet.fairness.measures.registry import SELECTION, measures_named  # noqa: PLC0415 - NumPy

    found = measures_named(settings.metric or table.metric)
    return () if [each.name for each in found] == [SELECTION] else found


def _scored(table: TableSettings, settings: EffectSettings, *, seed: int) -> "ScoredRows | None":
    from trivet.effects.table import scored_table  # noqa: PLC0415 - scikit-learn
    from trivet.fairness.auditing.groups import find_reference, named_values  # noqa: PLC0415
    from trivet.fairness.auditing.table import scored_of  # noqa: PLC0415 - DuckDB

    if (found := scored_of(table, seed=seed)) is None:
        return None
    predicted, cut = found
    rows = predicted.rows
    reference, _ = find_reference(
        rows.count(rows.labels, np.arange(len(rows))), named_values(rows.columns, table.privileged)
    )
    return scored_table(table, predicted, cut, reference=reference, measures=_measures(settings, table))
