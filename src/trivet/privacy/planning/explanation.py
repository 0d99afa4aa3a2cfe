"""Explanation of a plan: why one row is best, and what may surprise in the others."""

from collections.abc import Sequence

from trivet.privacy.composition import advanced_pays_from
from trivet.privacy.planning.lines import Line
from trivet.privacy.planning.methods import LABELS
from trivet.privacy.planning.results import PlannedRow, SpentRow
from trivet.privacy.planning.settings import PlanSettings

__all__ = ["remarks_on", "spoken", "why_best"]

#: Standard deviations closer than this, relatively, are the same for every purpose.
_SAME = 1e-3

#: Of what was computed in a different order.
_ROUNDING = 1e-9

#: Theorems whose name in the table is not what one says.
_SPOKEN = {
    "basic": "basic composition",
    "advanced": "advanced composition",
    "zcdp": "zCDP",
    "optimal_bound": "the closed-form bound on optimal composition",
    "rdp": "Renyi privacy (RDP)",
    "optimal_exact": "exact optimal composition",
    "pld": "the privacy loss distribution (PLD)",
}

#: Why a theorem is tighter than those before it.
_MERITS = {
    "basic": "pure epsilons simply add up",
    "advanced": "the epsilons of many answers mostly cancel",
    "zcdp": "the epsilons of many answers mostly cancel",
    "optimal_bound": "the epsilons of many answers mostly cancel",
    "rdp": "the moments of the loss bound its sum closely",
    "optimal_exact": "no composition of pure mechanisms can be tighter",
    "pld": "it follows the loss of this very noise and not a bound on it",
    "gaussian": "its whole loss is known exactly and grows with the square root of the answers only",
}


def why_best(rows: Sequence[PlannedRow], best: int, lines: tuple[Line, ...], *, delta: float) -> str:
    """Say in one sentence why row `best` needs the least noise."""
    chosen = rows[best]
    deviation = _deviation(chosen)
    subject = f"{_capital(LABELS[chosen.mechanism])}, accounted for {_spoken_by(chosen)},"
    measure = "standard deviation" if len(lines) == 1 else "typical standard deviation"
    rivals = [row for row in rows if row.typical_deviation is not None and row is not chosen]
    others = [row for row in rivals if row.mechanism != chosen.mechanism]
    compared = min(others or rivals, key=_deviation, default=None)
    if compared is None:
        return f"{subject} is all that can be used here; its {measure} is {_figure(deviation)}."
    merit = _MERITS[chosen.method]
    if delta == 0:
        merit = "without a delta epsilons simply add up, whatever the theorem"
    elif compared.mechanism == "gaussian":
        merit = "the answers are too few for the square root in the Gaussian's loss to pay"
    rival = f"{LABELS[compared.mechanism]} needs" if others else f"{spoken(compared)} asks for"
    close = ", which is hardly more" if _deviation(compared) <= deviation * (1 + _SAME) else ""
    return (
        f"{subject} has the least {measure}, {_figure(deviation)}, "
        f"where {rival} {_figure(_deviation(compared))}{close}: {merit}."
    )


def spoken(row: PlannedRow | SpentRow) -> str:
    """Return a theorem as it stands in a sentence."""
    return _SPOKEN.get(row.method, row.name)


def _spoken_by(row: PlannedRow) -> str:
    """Return how a row is accounted for."""
    return "exactly" if row.mechanism == "gaussian" else f"by {spoken(row)}"


def remarks_on(
    rows: Sequence[PlannedRow], best: int, lines: tuple[Line, ...], settings: PlanSettings, *, epsilon: float
) -> tuple[str, ...]:
    """Say what is surprising: a clever theorem that loses to the crudest, and what a vector costs."""
    remarks: list[str] = []
    # Theorems on pure mechanisms give the same scale for both kinds of Laplace noise: the first is described.
    first = [row for row in rows if row.mechanism == rows[0].mechanism and row.applicable]
    basic = next((row for row in first if row.method == "basic"), None)
    if basic is not None:
        losing = [row for row in first if _deviation(row) > _deviation(basic) * (1 + _ROUNDING)]
        if losing:
            remarks.append(_beaten(losing, lines, settings, epsilon=epsilon))
    remarks.extend(_by_mean_error(rows, rows[best]))
    if rows[best].mechanism == "discrete-laplace":
        remarks.append("Integer noise is for answers that are whole numbers; others take Laplace noise.")
    remarks.extend(f"{line.asked.name}: {line.asked.note}." for line in lines if line.asked.note)
    if settings.group > 1:
        remarks.append(
            f"Sensitivities are {settings.group:,} times those of one record: tight for additive noise."
        )
    return tuple(remarks)


def _by_mean_error(rows: Sequence[PlannedRow], best: PlannedRow) -> list[str]:
    """Tell where Laplace noise has the larger deviation, by its longer tails, but the smaller mean error."""
    here = best.mean_absolute_error
    if best.mechanism != "gaussian" or here is None:
        return []
    error, mechanism = min(
        (row.mean_absolute_error, row.mechanism) for row in rows if row.mean_absolute_error is not None
    )
    if error >= here * (1 - _SAME):
        return []
    said = f"By mean absolute error {LABELS[mechanism]} is better here"
    return [f"{said}: {_figure(error)} against {_figure(here)}; its tails are longer."]


def _beaten(
    losing: Sequence[PlannedRow], lines: tuple[Line, ...], settings: PlanSettings, *, epsilon: float
) -> str:
    names = [spoken(row) for row in losing]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    said = f"{_capital(listed)} {'asks' if len(names) == 1 else 'ask'} for more noise than basic here"
    if len(lines) == 1 and lines[0].touched == 1 and any(row.method == "advanced" for row in losing):
        pays = advanced_pays_from(epsilon=epsilon, delta=settings.delta)
        return f"{said}: advanced composition pays from k = {pays:,} on."
    return f"{said}: there are too few answers for that to pay."


def _deviation(row: PlannedRow) -> float:
    assert row.typical_deviation is not None
    return row.typical_deviation


def _figure(value: float) -> str:
    """Four digits, or all before the point."""
    return f"{value:,.0f}" if 1e4 <= value < 1e9 else f"{value:,.4g}"  # noqa: PLR2004 - widths of a figure


def _capital(text: str) -> str:
    """Begin a sentence with a word; a name such as zCDP stays as it is written."""
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]
