"""Figures of a scan and of the repair after it, for the report of an audit and the page of a scan."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from trivet.errors import ReportError
from trivet.record import STRIP_PIXELS, Triggers
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.labels import place_near
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    CORRECTED,
    INK,
    MARGIN,
    PAGE_WIDTH,
    PALE,
    PUBLISHED,
    SMALL,
    column_figure,
    drawn_name,
    guide,
    new_figure,
    on_grey,
    picture_axes,
    picture_height,
    show_pixels,
    signed,
    styled,
    viewable,
    written_name,
)
from trivet.security.scanning.results import LabelScan, ScanResult, SecurityAudit, StampCell, Strip

__all__ = ["FIGURES", "MANY_LABELS", "SHOWN", "Scanned"]

#: Pixels: an emptier mask is drawn as one of this norm, since a logarithm of zero has no place.
SMALLEST_NORM: Final = 1e-3
#: Scores of one comparison agree with its scale to more digits than this.
SAME_SCORE: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Scanned:
    """Result of a scan, and the arrays behind it."""

    result: ScanResult
    masks: NDArray[np.float32]
    patterns: NDArray[np.float32]

    @classmethod
    def of(cls, result: ScanResult) -> "Scanned":
        """Return a result whose arrays nothing will look at."""
        none = np.zeros((0, 0, 0, 0), dtype=np.float32)
        return cls(result, none, none)

    @property
    def suspect(self) -> LabelScan | None:
        """The suspected label."""
        label = self.result.suspected_label
        return None if label is None else self.result.labels[label]

    @property
    def named(self) -> dict[int, list[str]]:
        """Methods that name each label, by label."""
        named: dict[int, list[str]] = {}
        for opinion in self.result.opinions:
            if opinion.label is not None:
                named.setdefault(opinion.label, []).append(opinion.method)
        return named

    @property
    def by_evidence(self) -> tuple[LabelScan, ...]:
        """All labels: the suspected one, those that a method names, then by their log scores."""
        named = self.named

        def place(label: LabelScan) -> tuple[bool, bool, float, float]:
            score = math.inf if label.log_score is None else label.log_score
            return label.label != self.result.suspected_label, label.label not in named, score, label.l1

        return tuple(sorted(self.result.labels, key=place))

    @property
    def left_early(self) -> frozenset[int]:
        """Labels that were compared for the last time before the others."""
        labels = self.result.labels
        scale = _scale(labels, _log_norm, _log_score)
        if scale is None or all(_belongs(label, scale) for label in labels):
            return frozenset()
        fewest = min(label.steps for label in labels)
        return frozenset(label.label for label in labels if label.steps == fewest)

    def drawn_norm(self, label: int) -> float:
        """Return |m|_1 of the mask that is at hand, in pixels; refined for a label that was named."""
        return float(self.masks[label].sum(dtype=np.float64))


@dataclass(frozen=True)
class ScoreScale:
    """Transformation of values to scores: (value - centre) / spread."""

    centre: float
    spread: float

    def score(self, value: float) -> float:
        """Return the score of a value."""
        return (value - self.centre) / self.spread


def norm_scale(scanned: Scanned) -> ScoreScale | None:
    """Return how log norms were scored when the labels were compared last; None without scores."""
    return _scale(_compared_last(scanned), _log_norm, _log_score)


def margin_scale(scanned: Scanned) -> ScoreScale | None:
    """Return how margins were scored; None without scores."""
    return _scale(scanned.result.labels, lambda label: label.margin, lambda label: label.margin_score)


def _scale(
    labels: Sequence[LabelScan],
    value: Callable[[LabelScan], float],
    score: Callable[[LabelScan], float | None],
) -> ScoreScale | None:
    """Read median and spread off two labels: the scores are those of the result, to the digit."""
    scored = [(given, value(label)) for label in labels if (given := score(label)) is not None]
    if not scored or min(scored)[0] == max(scored)[0]:
        return None
    (low, first), (high, last) = min(scored), max(scored)
    spread = (last - first) / (high - low)
    return ScoreScale(first - low * spread, spread) if spread > 0 else None


def usual_norm(scanned: Scanned) -> float:
    """Return the median norm of the labels that were compared last, in pixels."""
    scale = norm_scale(scanned)
    if scale is not None:
        return math.exp(scale.centre)
    return median(label.l1 for label in _compared_last(scanned))


def _log_norm(label: LabelScan) -> float:
    return math.log(max(label.l1, sys.float_info.min))  # as the scores take them


def _log_score(label: LabelScan) -> float | None:
    return label.log_score


def _belongs(label: LabelScan, scale: ScoreScale) -> bool:
    """Return whether a label's score comes from the comparison that this scale is read off."""
    expected = scale.score(_log_norm(label))
    return label.log_score is not None and math.isclose(
        label.log_score, expected, rel_tol=SAME_SCORE, abs_tol=SAME_SCORE
    )


def _compared_last(scanned: Scanned) -> list[LabelScan]:
    early = scanned.left_early
    return [label for label in scanned.result.labels if label.label not in early]


#: More labels than this take both columns of a page.
MANY_LABELS: Final = 24
NAME_POINTS: Final = 90
#: A log axis has evenly spaced ticks below this ratio of its ends, and decades above the other.
LINEAR_BELOW: Final = 6
DECADES_ABOVE: Final = 300


@styled
def draw_scale_profile(scanned: Scanned) -> Figure:
    """Show the mask norm of every label on a log axis, and below it the maximum margin."""
    labels = scanned.result.labels
    many = len(labels) > MANY_LABELS
    figure = new_figure(width=PAGE_WIDTH if many else COLUMN_WIDTH, height=3.6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    norms = [max(label.l1, SMALLEST_NORM) for label in labels]
    margins = [label.margin for label in labels]
    _points(upper, norms, suspect=scanned.result.suspected_label, early=scanned.left_early)
    _points(lower, margins, suspect=scanned.result.suspected_label)

    upper.set_yscale("log")
    upper.margins(y=0.12)
    _few_ticks(upper)
    upper.set_ylabel("mask norm $L_1$ (pixels)")
    guide(upper, max(usual_norm(scanned), SMALLEST_NORM), "")
    lower.margins(y=0.12)
    lower.set_ylabel("maximum margin (logits)")
    guide(lower, median(margins), "")
    lower.set_xlabel("target label")
    lower.set_xlim(-0.6, len(labels) - 0.4)
    lower.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    scores = [_score_axis(upper, norm_scale(scanned)), _score_axis(lower, margin_scale(scanned))]
    figure.align_ylabels([upper, lower])
    figure.align_ylabels([axes for axes in scores if axes is not None])
    texts = _texts(scanned)
    for axes, values in ((upper, norms), (lower, margins)):
        place_near(
            axes,
            [(label, values[label]) for label in texts],
            list(texts.values()),
            colors=[ATTACKED if label == scanned.result.suspected_label else INK for label in texts],
        )
    return figure


def alt_scale_profile(scanned: Scanned) -> str:
    """Describe `draw_scale_profile` in words."""
    labels = scanned.result.labels
    smallest = min(labels, key=lambda label: label.l1)
    widest = max(labels, key=lambda label: label.margin)
    return (
        f"Mask norms and maximum margins of {len(labels)} labels. The smallest norm is that of label "
        f"{written_name(smallest.label, smallest.name)} at {smallest.l1:.1f} pixels against a median of "
        f"{usual_norm(scanned):.1f}; the largest margin that of label "
        f"{written_name(widest.label, widest.name)} at {signed(widest.margin, digits=1)} against "
        f"{signed(median(label.margin for label in labels), digits=1)}."
    )


def _points(
    axes: Axes, values: Sequence[float], *, suspect: int | None, early: frozenset[int] = frozenset()
) -> None:
    """Draw a point a label; a hollow one was compared for the last time before the others."""
    for label, value in enumerate(values):
        if label == suspect:
            axes.plot(label, value, "D", color=ATTACKED, markersize=6, zorder=3)
        elif label in early:
            axes.plot(label, value, "o", color=PUBLISHED, markerfacecolor="white", markersize=3.5)
        else:
            axes.plot(label, value, "o", color=CORRECTED)


def _few_ticks(axes: Axes) -> None:
    """Give a log axis ticks that can be read, whether it covers a fraction of a decade or several."""
    low, high = axes.get_ylim()
    if high < LINEAR_BELOW * low:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    elif high < DECADES_ABOVE * low:
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")


def _score_axis(axes: Axes, scale: ScoreScale | None) -> Axes | None:
    """Put scores on the right of axes whose limits are final."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    if scale is None:
        return None
    if axes.get_yscale() == "log":
        low, high = math.log(low), math.log(high)
    right = axes.twinx()
    right.set_ylim(scale.score(low), scale.score(high))
    right.spines["right"].set_visible(True)
    right.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    right.yaxis.set_major_formatter(lambda value, _: signed(value, digits=0))
    right.set_ylabel("score (median at 0)")
    return right


def _texts(scanned: Scanned) -> dict[int, str]:
    """Name the labels that something is to be said of, by label."""
    words: dict[int, list[str]] = {label: [] for label in scanned.named}
    if scanned.result.suspected_label is not None:
        words.setdefault(scanned.result.suspected_label, []).append("suspected")
    expected = scanned.result.checkpoint.expected_label
    if expected is not None and expected < len(scanned.result.labels):
        words.setdefault(expected, []).insert(0, "expected")
    names = {
        label: drawn_name(label, scanned.result.labels[label].name, width=NAME_POINTS) for label in words
    }
    return {label: ", ".join([names[label], *said]) for label, said in words.items()}


#: Triggers that one figure has room for.
SHOWN: Final = 20
COLUMNS: Final = 5
#: Inches: above each picture, for its label and its norm, and between columns.
TITLE: Final = 0.35
BETWEEN: Final = 0.09
GRID_NAME_POINTS: Final = 46


def shown_labels(scanned: Scanned) -> tuple[LabelScan, ...]:
    """Return all labels in their order, or the most unusual ones where there are more than `SHOWN`."""
    if len(scanned.result.labels) <= SHOWN:
        return scanned.result.labels
    return scanned.by_evidence[:SHOWN]


@styled
def draw_trigger_grid(scanned: Scanned) -> Figure:
    """Show triggers on mid-grey, with the norms of their masks; the suspected one has a frame."""
    labels = shown_labels(scanned)
    columns = min(len(labels), COLUMNS)
    wide = (COLUMN_WIDTH - 2 * MARGIN - (columns - 1) * BETWEEN) / columns
    high = picture_height(scanned.masks, wide=wide)
    figure = column_figure(-(-len(labels) // columns) * (TITLE + high) + MARGIN)
    for place, label in enumerate(labels):
        row, column = divmod(place, columns)
        axes = picture_axes(
            figure,
            left=MARGIN + column * (wide + BETWEEN),
            top=TITLE + row * (TITLE + high),
            wide=wide,
            high=high,
        )
        show_pixels(axes, on_grey(scanned.masks[label.label], scanned.patterns[label.label]))
        suspected = label is scanned.suspect
        name = drawn_name(label.label, label.name, width=GRID_NAME_POINTS)
        axes.set_title(
            f"{name}\n{scanned.drawn_norm(label.label):.1f}",
            color=ATTACKED if suspected else INK,
            fontweight="bold" if suspected else "normal",
            fontsize=SMALL,
            pad=2.5,
        )
        for spine in axes.spines.values():
            spine.set(color=ATTACKED if suspected else PALE, linewidth=1.6 if suspected else 0.6)
    return figure


#: Inches: between the pictures, and what the words above and below take.
SUSPECT_BETWEEN: Final = 0.1
SUSPECT_TITLE: Final = 0.2
WORDS: Final = 0.27
SUSPECT_NAME_POINTS: Final = 120


@styled
def draw_suspect(scanned: Scanned, suspect: LabelScan) -> Figure:
    """Show mask and trigger of the suspected label."""
    mask, pattern = scanned.masks[suspect.label], scanned.patterns[suspect.label]
    wide = (COLUMN_WIDTH - 2 * MARGIN - SUSPECT_BETWEEN) / 2
    high = picture_height(mask, wide=wide)
    figure = column_figure(MARGIN + SUSPECT_TITLE + high + WORDS)
    top, right = MARGIN + SUSPECT_TITLE, MARGIN + wide + SUSPECT_BETWEEN
    mask_axes, stamped_axes = (
        picture_axes(figure, left=left, top=top, wide=wide, high=high) for left in (MARGIN, right)
    )
    show_pixels(mask_axes, mask[0], colormap="Greys")
    show_pixels(stamped_axes, on_grey(mask, pattern))
    mask_axes.set_title("mask")
    stamped_axes.set_title("on a mid-grey image")
    name = drawn_name(suspect.label, suspect.name, width=SUSPECT_NAME_POINTS)
    norm = scanned.drawn_norm(suspect.label)
    middle = WORDS / 2 / figure.get_figheight()
    figure.text(
        0.5, middle, f"label {name}: $L_1$ = {norm:.1f} pixels", color=ATTACKED, ha="center", va="center"
    )
    return figure


Pixels = NDArray[np.float32]

STAMPED_COLUMNS: Final = 4
#: What is left of a picture's width beside the mark.
STAMPED_NAME_POINTS: Final = 38
RIGHT: Final = "✓"
WRONG: Final = "\N{MULTIPLICATION SIGN}"  # the cross that the font has

#: Inches: left of the pictures, between columns, above a clean picture, under any picture for each line
#: of words and after them, and between blocks.
LEFT: Final = 0.5
STAMPED_BETWEEN: Final = 0.08
STAMPED_TITLE: Final = 0.17
LINE: Final = 0.125
AFTER_LINES: Final = 0.07
BETWEEN_BLOCKS: Final = 0.1
#: Points from a picture to the first line, and from line to line.
FIRST_LINE: Final = 2.0
NEXT_LINE: Final = 72 * LINE


@styled
def draw_stamped(strip: Strip, pixels: Pixels, stamped: Pixels, names: Sequence[str]) -> Figure:
    """Show each image clean and stamped, with the predicted class under it, before and after a repair."""
    columns = min(strip.images, STAMPED_COLUMNS)
    blocks = -(-strip.images // columns)
    wide = (COLUMN_WIDTH - LEFT - MARGIN - (STAMPED_COLUMNS - 1) * STAMPED_BETWEEN) / STAMPED_COLUMNS
    high = picture_height(pixels, wide=wide)
    words = (1 if strip.clean_after is None else 2) * LINE + AFTER_LINES
    block_high = STAMPED_TITLE + 2 * (high + words) + BETWEEN_BLOCKS
    figure = column_figure(blocks * block_high - BETWEEN_BLOCKS + MARGIN)
    for place in range(strip.images):
        block, column = divmod(place, columns)
        left = LEFT + column * (wide + STAMPED_BETWEEN)
        for with_trigger, shown in enumerate((pixels, stamped)):
            top = MARGIN + block * block_high + STAMPED_TITLE + with_trigger * (high + words)
            axes = picture_axes(figure, left=left, top=top, wide=wide, high=high)
            show_pixels(axes, viewable(shown[place]))
            first = column == 0
            if not with_trigger:
                _write(axes, "true class" if first else "", _name(names, strip.labels[place]), (1, 2))
            if first:
                _write(axes, "stamped" if with_trigger else "clean", "", (0.5, 0), upright="center")
            _say(axes, names, strip, place, stamped=bool(with_trigger), first=first)
    return figure


def _say(axes: Axes, names: Sequence[str], strip: Strip, place: int, *, stamped: bool, first: bool) -> None:
    """Write the predicted classes under a picture, a line each."""
    before, after = (
        (strip.stamped_before, strip.stamped_after) if stamped else (strip.clean_before, strip.clean_after)
    )
    lines = [("predicted", before)] if after is None else [("before", before), ("after", after)]
    for line, (what, predicted) in enumerate(lines):
        label = predicted[place]
        right = label == strip.labels[place]
        _write(
            axes,
            what if first else "",
            f"{RIGHT if right else WRONG} {_name(names, label)}",
            (0, -FIRST_LINE - line * NEXT_LINE),
            upright="top",
            wrong=not right,
        )


def _write(
    axes: Axes,
    what: str,
    text: str,
    place: tuple[float, float],
    *,
    upright: Literal["bottom", "center", "top"] = "bottom",
    wrong: bool = False,
) -> None:
    """Write a text in the middle of a picture's width, and left of the picture what it is."""
    share, points = place
    style: dict[str, Any] = {
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "va": upright,
        "fontsize": SMALL,
    }
    axes.annotate(what, (0.0, share), xytext=(-4.0, points), ha="right", **style)
    axes.annotate(
        text,
        (0.5, share),
        xytext=(0.0, points),
        ha="center",
        color=ATTACKED if wrong else INK,
        fontweight="bold" if wrong else "normal",
        **style,
    )


def _name(names: Sequence[str], label: int) -> str:
    return drawn_name(label, names[label], width=STAMPED_NAME_POINTS)


def has_suspect(audit: SecurityAudit) -> bool:
    """Tell whether a label of that network is suspected."""
    return audit.scan is not None and audit.strip is not None


def draw_trigger(audit: SecurityAudit, triggers: Triggers) -> Figure:
    """Show mask and trigger of the suspected label, one column wide."""
    return draw_suspect(_scanned(audit, triggers), _suspect(_scan(audit)))


def alt_trigger(audit: SecurityAudit) -> str:
    """Describe `draw_trigger` in words."""
    suspect = _suspect(_scan(audit))
    return (
        f"Mask and trigger reconstructed for label {written_name(suspect.label, suspect.name)}, with an L1 "
        f"norm of {_norm(suspect):.1f} pixels."
    )


def draw_strip(audit: SecurityAudit, triggers: Triggers) -> Figure:
    """Show held-out images, clean and stamped, and what the network sees in them, one column wide."""
    strip, scanned = _strip(audit), _scanned(audit, triggers)
    mask, pattern = scanned.masks[strip.target], scanned.patterns[strip.target]
    pixels = _array(triggers, STRIP_PIXELS)
    names = [label.name for label in scanned.result.labels]
    return draw_stamped(strip, pixels, (1 - mask) * pixels + mask * pattern, names)


def alt_strip(audit: SecurityAudit) -> str:
    """Describe `draw_strip` in words."""
    strip = _strip(audit)
    target = written_name(strip.target, _scan(audit).labels[strip.target].name)
    right = int(np.equal(strip.clean_before, strip.labels).sum())
    told = (
        f"{strip.images} images, clean and with the trigger of label {target}. Clean, {right} get their true "
        f"class; with the trigger, {strip.sent_before} get the trigger's label."
    )
    return told if strip.sent_after is None else f"{told} After the repair, {strip.sent_after} do."


def found_stamp(audit: SecurityAudit) -> tuple[StampCell, ...]:
    """Return the cells of a stamp to any label; none where none was found, or not kept."""
    searches = () if audit.scan is None else audit.scan.searches
    return next((search.stamp for search in searches if search.stamp), ())


@styled
def draw_stamp(audit: SecurityAudit) -> Figure:
    """Show a stamp to any label on a mid-grey image, one column wide."""
    shape = _scan(audit).images.shape
    mask, pattern = (np.zeros((count, *shape[1:]), dtype=np.float32) for count in (1, shape[0]))
    for cell in found_stamp(audit):
        rows, columns = (slice(start, start + cell.side) for start in (cell.row, cell.column))
        mask[:, rows, columns] = 1
        pattern[:, rows, columns] = np.asarray(cell.value, dtype=np.float32)[:, None, None]
    wide = (COLUMN_WIDTH - 2 * MARGIN - SUSPECT_BETWEEN) / 2
    high = picture_height(mask, wide=wide)
    figure = column_figure(MARGIN + high + WORDS)
    axes = picture_axes(figure, left=(COLUMN_WIDTH - wide) / 2, top=MARGIN, wide=wide, high=high)
    show_pixels(axes, on_grey(mask, pattern))
    words = f"to any label: {mask.sum():.0f} pixels"
    middle = WORDS / 2 / figure.get_figheight()
    figure.text(0.5, middle, words, color=ATTACKED, ha="center", va="center")
    return figure


def alt_stamp(audit: SecurityAudit) -> str:
    """Describe `draw_stamp` in words."""
    cells = found_stamp(audit)
    places = ", ".join(f"row {cell.row}, column {cell.column}" for cell in cells)
    return f"{len(cells)} cells of {cells[0].side} pixels' side on mid-grey: {places}."


def draw_profile(audit: SecurityAudit, triggers: Triggers) -> Figure:
    """Show the mask norm and the maximum margin of every label; wide for many labels."""
    return draw_scale_profile(_scanned(audit, triggers))


def alt_profile(audit: SecurityAudit) -> str:
    """Describe `draw_profile` in words."""
    return alt_scale_profile(Scanned.of(_scan(audit)))


def draw_grid(audit: SecurityAudit, triggers: Triggers) -> Figure:
    """Show the triggers of all labels, or of the most unusual, one column wide."""
    return draw_trigger_grid(_scanned(audit, triggers))


def alt_grid(audit: SecurityAudit) -> str:
    """Describe `draw_grid` in words."""
    scan = _scan(audit)
    labels = shown_labels(Scanned.of(scan))
    smallest = min(labels, key=_norm)
    name = written_name(smallest.label, smallest.name)
    return (
        f"The reconstructed triggers of {len(labels)} of {len(scan.labels)} labels on mid-grey. The smallest "
        f"mask is that of label {name} with {_norm(smallest):.1f} pixels."
    )


def _norm(label: LabelScan) -> float:
    """Return the mask norm of the trigger that is drawn, in pixels."""
    return label.l1 if label.refined_l1 is None else label.refined_l1


def _scanned(audit: SecurityAudit, triggers: Triggers) -> Scanned:
    return Scanned(_scan(audit), _array(triggers, "scan.mask"), _array(triggers, "scan.pattern"))


def _scan(audit: SecurityAudit) -> ScanResult:
    if audit.scan is None:
        raise ReportError("The record has no scan. Run the audit again.")
    return audit.scan


def _suspect(scan: ScanResult) -> LabelScan:
    if scan.suspected_label is None:
        raise ReportError("The scan suspects no label, so there is no trigger to show.")
    return scan.labels[scan.suspected_label]


def _strip(audit: SecurityAudit) -> Strip:
    if audit.strip is None:
        raise ReportError("The record has no strip of stamped images. Run the audit again.")
    return audit.strip


def _array(triggers: Triggers, name: str) -> NDArray[np.float32]:
    if name not in triggers:
        raise ReportError(f"The triggers have no array {name!r}. Run the audit again.")
    return triggers[name]


FIGURES: Final = (
    FigureRow(
        "security_scan_trigger",
        "security",
        draw_trigger,
        alt_trigger,
        (
            "scan.suspected_label",
            "scan.labels.*.label",
            "scan.labels.*.l1",
            "scan.labels.*.refined_l1",
        ),
        needs_triggers=True,
        present=has_suspect,
    ),
    FigureRow(
        "security_scan_stamped",
        "security",
        draw_strip,
        alt_strip,
        ("strip",),
        needs_triggers=True,
        present=has_suspect,
    ),
    FigureRow(
        "security_scan_cells",
        "security",
        draw_stamp,
        alt_stamp,
        ("scan.searches.*.stamp", "scan.images.shape"),
        present=lambda audit: bool(found_stamp(audit)),
    ),
    FigureRow(
        "security_scan_profile",
        "security",
        draw_profile,
        alt_profile,
        (
            "scan.suspected_label",
            "scan.checkpoint.expected_label",
            "scan.labels.*.label",
            "scan.labels.*.name",
            "scan.labels.*.l1",
            "scan.labels.*.log_score",
            "scan.labels.*.margin",
            "scan.labels.*.margin_score",
        ),
        wide=lambda audit: len(audit.scan.labels) > MANY_LABELS,
        needs_triggers=True,
        present=lambda audit: audit.scan is not None,
    ),
    FigureRow(
        "security_scan_triggers",
        "security",
        draw_grid,
        alt_grid,
        (
            "scan.suspected_label",
            "scan.labels.*.label",
            "scan.labels.*.name",
            "scan.labels.*.l1",
            "scan.labels.*.refined_l1",
        ),
        needs_triggers=True,
        present=lambda audit: audit.scan is not None,
    ),
)
