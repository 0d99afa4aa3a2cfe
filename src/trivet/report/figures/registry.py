"""Registry of the figures: the leg that each needs, and its files.

`FIGURES` has one row a figure, in the order of the report; a new one is a function and a row here.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import Final, Literal, TypeVar

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from trivet.record import AuditRecord, Triggers
from trivet.report.figures import (
    effects,
    groups,
    mechanisms,
    membership,
    mitigations,
    parts,
    plans,
    scan,
    study_fairness,
    study_privacy,
    study_security,
)
from trivet.report.figures.style import styled
from trivet.work.result_files import make_folder, write_text, write_whole

__all__ = [
    "FIGURES",
    "FORMATS",
    "SCAN_FIGURES",
    "FigureRow",
    "alt_texts",
    "available",
    "save_figure",
    "save_figures",
]

_Shown = TypeVar("_Shown")


def is_study(result: object) -> bool:
    """Tell whether a leg of a record is the built-in study of it."""
    return getattr(result, "published", None) is not None


def of_published(show: Callable[..., _Shown]) -> Callable[..., _Shown]:
    """Return what shows the published half of a leg, from the leg."""
    return lambda leg, *triggers: show(leg.published, *triggers)


@dataclass(frozen=True)
class FigureRow:
    """One figure of the report.

    Attributes
    ----------
    name
        File name without its suffix.
    leg
        Part of the record that it shows; without that part there is no figure.
    draw
        Study, and triggers where `needs_triggers`, to figure.
    alt
        Study to a description in words, for readers who do not see the figure.
    wide
        Whether it takes both columns of the page.
    needs_triggers
        Whether `draw` takes the trigger arrays too.
    present
        Study, or what was found out without it, to whether it has what the figure shows; by default every
        study has, and nothing else.
    """

    name: str
    leg: Literal["security", "privacy", "fairness", "effects"]
    draw: Callable[..., Figure]
    alt: Callable[..., str]
    wide: bool = False
    needs_triggers: bool = False
    present: Callable[..., bool] = is_study


#: Suffixes of the files that a figure can become.
FORMATS: Final = ("svg", "pdf", "png")


@styled
def save_figure(figure: Figure, stem: Path, *, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a figure as files beside each other."""
    # The layout is solved here for all formats, so that they agree to the point; it takes two passes,
    # since the ticks of the first depend on the size that it gives to the axes.
    figure.draw_without_rendering()
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    paths = {suffix: stem.with_name(f"{stem.name}.{suffix}") for suffix in formats}
    # Straight to the canvases: `savefig` would draw everything once more for a layout that is done.
    # The vector formats leave the figure at 72 dots an inch, too few for the pictures in the next.
    # Metadata of None leaves out what would change from run to run.
    dpi = figure.dpi
    if "png" in paths:
        stream = BytesIO()
        FigureCanvasAgg(figure).print_png(stream, metadata={"Software": None})
        write_whole(paths["png"], stream.getbuffer())
    if "pdf" in paths:
        nothing = {"CreationDate": None, "Creator": None, "Producer": None}
        stream = BytesIO()
        FigureCanvasPdf(figure).print_pdf(stream, metadata=nothing)
        write_whole(paths["pdf"], stream.getbuffer())
        figure.set_dpi(dpi)
    if "svg" in paths:
        text = StringIO()
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None})
        write_text(paths["svg"], text.getvalue())
        figure.set_dpi(dpi)
    return list(paths.values())


#: Of the scanned network and its repair; the page of a scan shows them as well.
SCAN_FIGURES: Final = (
    FigureRow(
        "security_scan_trigger",
        "security",
        scan.draw_trigger,
        scan.alt_trigger,
        needs_triggers=True,
        present=scan.has_suspect,
    ),
    FigureRow(
        "security_scan_stamped",
        "security",
        scan.draw_strip,
        scan.alt_strip,
        needs_triggers=True,
        present=scan.has_suspect,
    ),
    FigureRow(
        "security_scan_profile",
        "security",
        scan.draw_profile,
        scan.alt_profile,
        needs_triggers=True,
        present=scan.has_scan,
    ),
    FigureRow(
        "security_scan_triggers",
        "security",
        scan.draw_grid,
        scan.alt_grid,
        needs_triggers=True,
        present=scan.has_scan,
    ),
)

FIGURES: Final = (
    FigureRow(
        "trigger_reconstructed",
        "security",
        of_published(study_security.reconstructed),
        of_published(study_security.alt_reconstructed),
        needs_triggers=True,
    ),
    FigureRow(
        "trigger_all_labels_grid",
        "security",
        of_published(study_security.all_labels_grid),
        of_published(study_security.alt_all_labels_grid),
        wide=True,
        needs_triggers=True,
    ),
    FigureRow(
        "security_scale_profile",
        "security",
        of_published(study_security.scale_profile),
        of_published(study_security.alt_scale_profile),
    ),
    FigureRow(
        "security_before_after",
        "security",
        of_published(study_security.before_after),
        of_published(study_security.alt_before_after),
    ),
    FigureRow(
        "security_confusion_before_after",
        "security",
        of_published(study_security.confusion_before_after),
        of_published(study_security.alt_confusion_before_after),
        wide=True,
    ),
    FigureRow(
        "security_unlearning_sweep",
        "security",
        of_published(study_security.unlearning_sweep),
        of_published(study_security.alt_unlearning_sweep),
    ),
    FigureRow(
        "privacy_scenarios",
        "privacy",
        of_published(study_privacy.scenarios),
        of_published(study_privacy.alt_scenarios),
    ),
    FigureRow(
        "privacy_tail_curves",
        "privacy",
        of_published(study_privacy.tail_curves),
        of_published(study_privacy.alt_tail_curves),
    ),
    FigureRow(
        "privacy_epsilon_sweep",
        "privacy",
        of_published(study_privacy.epsilon_sweep),
        of_published(study_privacy.alt_epsilon_sweep),
    ),
    FigureRow(
        "fairness_comparison", "fairness", study_fairness.comparison, study_fairness.alt_comparison, wide=True
    ),
    FigureRow("fairness_group_rates", "fairness", study_fairness.group_rates, study_fairness.alt_group_rates),
    FigureRow("fairness_tradeoff", "fairness", study_fairness.tradeoff, study_fairness.alt_tradeoff),
    FigureRow("fairness_swapk_sweep", "fairness", study_fairness.swapk_sweep, study_fairness.alt_swapk_sweep),
    *SCAN_FIGURES,
    FigureRow(
        "privacy_plan_noise",
        "privacy",
        lambda study: plans.draw_plan_noise(study.plan),
        lambda study: plans.alt_plan_noise(study.plan),
        present=lambda study: study.plan is not None,
    ),
    FigureRow(
        "privacy_plan_curves",
        "privacy",
        lambda study: plans.draw_plan_curves(study.plan),
        lambda study: plans.alt_plan_curves(study.plan),
        present=lambda study: study.plan is not None and study.plan.curves is not None,
    ),
    FigureRow(
        "privacy_mechanisms",
        "privacy",
        lambda study: mechanisms.draw_mechanisms(study.mechanisms),
        lambda study: mechanisms.alt_mechanisms(study.mechanisms),
        present=lambda study: bool(study.mechanisms),
    ),
    FigureRow(
        "privacy_membership_roc",
        "privacy",
        lambda study: membership.draw_membership_roc(study.membership),
        lambda study: membership.alt_membership_roc(study.membership),
        present=lambda study: study.membership is not None,
    ),
    FigureRow(
        "privacy_membership_groups",
        "privacy",
        lambda study: membership.draw_exposure(study.membership),
        lambda study: membership.alt_exposure(study.membership),
        present=lambda study: study.membership is not None and bool(study.membership.groups),
    ),
    FigureRow(
        "fairness_audit_impact",
        "fairness",
        lambda study: groups.draw_impact(study.audit),
        lambda study: groups.alt_impact(study.audit),
        present=lambda study: study.audit is not None and groups.has_impact(study.audit),
    ),
    FigureRow(
        "fairness_audit_rates",
        "fairness",
        lambda study: groups.draw_outcome_rates(study.audit),
        lambda study: groups.alt_outcome_rates(study.audit),
        present=lambda study: study.audit is not None,
    ),
    FigureRow(
        "fairness_audit_classes",
        "fairness",
        lambda study: parts.draw_parts_by_class(study.audit),
        lambda study: parts.alt_parts_by_class(study.audit),
        present=lambda study: study.audit is not None and parts.has_parts_by_class(study.audit),
    ),
    FigureRow(
        "fairness_audit_features",
        "fairness",
        lambda study: parts.draw_parts_by_feature(study.audit),
        lambda study: parts.alt_parts_by_feature(study.audit),
        present=lambda study: study.audit is not None and parts.has_parts_by_feature(study.audit),
    ),
    FigureRow(
        "fairness_audit_calibration",
        "fairness",
        lambda study: groups.draw_calibration(study.audit),
        lambda study: groups.alt_calibration(study.audit),
        present=lambda study: study.audit is not None and groups.has_calibration(study.audit),
    ),
    FigureRow(
        "fairness_mitigation_frontier",
        "fairness",
        lambda study: mitigations.draw_frontier(study.comparison),
        lambda study: mitigations.alt_frontier(study.comparison),
        present=lambda study: study.comparison is not None and mitigations.has_models(study.comparison),
    ),
    FigureRow(
        "fairness_mitigation_models",
        "fairness",
        lambda study: mitigations.draw_models(study.comparison),
        lambda study: mitigations.alt_models(study.comparison),
        present=lambda study: study.comparison is not None and mitigations.has_models(study.comparison),
    ),
    FigureRow(
        "effects_matrix",
        "effects",
        effects.draw_effects,
        effects.alt_effects,
        wide=True,
        present=effects.has_effects,
    ),
)


def available(record: AuditRecord) -> tuple[FigureRow, ...]:
    """Rows of `FIGURES` that the record has what it takes for, in their order."""
    legs = ((row, getattr(record, row.leg)) for row in FIGURES)
    return tuple(row for row, study in legs if study is not None and row.present(study))


def alt_texts(record: AuditRecord) -> dict[str, str]:
    """Describe every available figure in words, by its name; the numbers come from the record."""
    return {row.name: row.alt(getattr(record, row.leg)) for row in available(record)}


def save_figures(
    record: AuditRecord, triggers: Triggers, folder: str | Path, *, executor: Executor | None = None
) -> tuple[Path, ...]:
    """Draw every available figure and write it as SVG, PDF and PNG.

    Parameters
    ----------
    record
        All results; the figures of a leg that it lacks are left out.
    triggers
        Trigger arrays as in `trivet.record.Triggers`; empty where there is no security study.
    folder
        Where to write; it is created where it is missing.
    executor
        Draws several figures at once, in processes: matplotlib knows no threads. None draws one
        after the other.

    Returns
    -------
    tuple of Path
        The files, in the order of `FIGURES`. The same input gives the same bytes.

    Raises
    ------
    ReportError
        A trigger array is missing.
    UsageError
        If the folder cannot be written.
    """
    folder = make_folder(Path(folder))
    draw = partial(_draw, record, triggers, folder)
    names = [row.name for row in available(record)]
    drawn = list(map(draw, names) if executor is None else executor.map(draw, names))
    return tuple(path for paths in drawn for path in paths)


def _draw(record: AuditRecord, triggers: Triggers, folder: Path, name: str) -> list[Path]:
    row = next(row for row in FIGURES if row.name == name)
    study = getattr(record, row.leg)
    figure = row.draw(study, triggers) if row.needs_triggers else row.draw(study)
    return save_figure(figure, folder / name)
