"""Statements on a comparison of mitigations, derived from its numbers."""

from collections.abc import Sequence

from trivet.fairness.auditing.fitting import BASELINE
from trivet.fairness.auditing.results import IN_BAND, REFERENCE, GroupOutcome, ModelOutcome
from trivet.fairness.metrics.comparisons import ROUNDING
from trivet.wording import one_line

__all__ = ["comparison_statement"]


def comparison_statement(models: Sequence[ModelOutcome], *, four_fifths: float) -> str:
    """Say what the baseline does, which mitigations bring it into the band, and what that costs.

    A model is in the band where its verdict is: with the whole interval of every group that counts.
    """
    baseline, *others = models
    band = f"the band from {four_fifths:g} to {1 / four_fifths:g}"
    measured = [model for model in others if not model.failed]
    inside = [model for model in measured if model.verdict == IN_BAND]
    near = [model for model in measured if model not in inside and _estimates_inside(model, four_fifths)]
    blind = [model for model in measured if _selects_nobody(model)]
    said = [_of_baseline(baseline)]
    if baseline.verdict == IN_BAND:
        said.append(f"That is within {band}, before any mitigation.")
        left = [model for model in measured if model not in (*inside, *near, *blind)]
        if left:
            said.append(f"It is left by {_listed(left)}.")
    else:
        if _estimates_inside(baseline, four_fifths):
            said.append(
                f"That is within {band}, but not with the whole interval: these rows do not settle it."
            )
        said += _reached([model for model in measured if model not in blind], inside, near, band)
    if blind:
        said.append(f"By {_listed(blind)} nobody is selected, so that nothing is known of parity.")
    failed = [model for model in others if model.failed]
    if failed:
        said.append(f"No model came of {_listed(failed)}.")
    aside = [each for each in baseline.groups if each.rows and not each.counts and each.verdict != REFERENCE]
    if aside:
        said.append(_of_small(aside))
    return " ".join(said)


def _reached(
    measured: Sequence[ModelOutcome], inside: Sequence[ModelOutcome], near: Sequence[ModelOutcome], band: str
) -> list[str]:
    """Say which mitigations reach the band with every group, and which only by estimates."""
    said: list[str] = []
    if len(inside) == 1:
        only = inside[0]
        said.append(
            f"Only {only.title} brings every group into {band}, with the whole interval{_cost(only)}."
        )
    elif inside:
        cheapest = max(inside, key=_estimate)
        said.append(f"Every group is brought into {band}, with the whole interval, by {_listed(inside)}.")
        said.append(f"Of these {cheapest.title} is the most accurate{_cost(cheapest)}.")
    elif len(measured) == 1:
        said.append(
            f"{_capital(measured[0].title)} does not bring every group into {band} with the interval."
        )
    elif measured:
        said.append(
            f"None of {len(measured)} mitigations brings every group into {band} with the whole interval."
        )
    if near:
        cheapest = max(near, key=_estimate)
        cost = _cost(cheapest) if len(near) == 1 and not inside else ""
        said.append(
            f"By {_listed(near)} the estimates of all groups come to lie in it, which these rows do not "
            f"settle{cost}."
        )
    return said


def _estimates_inside(model: ModelOutcome, four_fifths: float) -> bool:
    return model.parity is not None and model.parity >= four_fifths * (1 - ROUNDING)


def _selects_nobody(model: ModelOutcome) -> bool:
    return model.selection_rate is not None and model.selection_rate.estimate == 0


def _of_baseline(model: ModelOutcome) -> str:
    if _selects_nobody(model):
        return (
            f"Without mitigation nobody is selected, at an accuracy of {_estimate(model):.3f}, so that "
            "selection rates cannot be compared."
        )
    if model.group is None or model.disparate_impact is None or model.disparate_impact.estimate is None:
        return "Without mitigation the selection rates cannot be compared."
    farthest = ", the group farthest from parity," if _many(model) else ""
    return (
        f"Without mitigation {one_line(model.group)}{farthest} is selected "
        f"{model.disparate_impact.estimate:.3f} times as often as the reference group, at an accuracy of "
        f"{_estimate(model):.3f}."
    )


def _many(model: ModelOutcome) -> bool:
    """Return True if more than one group is compared with the reference group."""
    return sum(each.disparate_impact is not None for each in model.groups) > 1


def _of_small(aside: Sequence[GroupOutcome]) -> str:
    few = sorted(aside, key=lambda group: -group.rows)
    named = ", ".join(f"{one_line(group.group)} ({group.rows:,})" for group in few[:3])
    more = f" and {len(few) - 3} more" if len(few) > 3 else ""  # noqa: PLR2004 - those named
    return f"Left aside are groups with less than two percent of the test rows: {named}{more}."


def _cost(model: ModelOutcome) -> str:
    """Say how the accuracy changed, and whether the test rows show it."""
    change = model.accuracy_change
    if change is None or change.estimate is None or change.low is None or change.high is None:
        return ""
    told = f": it changes accuracy by {change.estimate:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
    return told + (", which may be none" if change.low <= 0 <= change.high else "")


def _estimate(model: ModelOutcome) -> float:
    return model.accuracy.estimate or 0.0 if model.accuracy is not None else 0.0


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]


def _listed(models: Sequence[ModelOutcome]) -> str:
    *first, last = [model.title for model in models if model.name != BASELINE]
    return f"{', '.join(first)} and {last}" if first else last
