"""What a comparison of mitigations comes to, in words that follow from the numbers."""

from collections.abc import Sequence

from trivet.fairness.auditing.fitting import BASELINE
from trivet.fairness.auditing.results import IN_BAND, ModelOutcome
from trivet.wording import one_line

__all__ = ["comparison_statement"]


def comparison_statement(models: Sequence[ModelOutcome], *, four_fifths: float) -> str:
    """Say what the baseline does, which mitigations bring it into the band, and what that costs.

    Parameters
    ----------
    models
        The baseline first.
    four_fifths
        Lower end t of the band [t, 1/t].
    """
    baseline, *others = models
    band = f"the band from {four_fifths:g} to {1 / four_fifths:g}"
    said = [_of_baseline(baseline)]
    measured = [model for model in others if not model.failed]
    inside = baseline.parity is not None and baseline.parity >= four_fifths
    reached = [model for model in measured if model.parity is not None and model.parity >= four_fifths]
    sure = [model for model in reached if model.verdict == IN_BAND]
    if inside:
        said.append(f"That is within {band}, before any mitigation.")
        left = [model for model in measured if model not in reached]
        if left:
            said.append(f"Out of it goes the model with {_listed(left)}.")
    elif measured and not reached:
        tried = (
            "The mitigation does not bring"
            if len(measured) == 1
            else f"None of {len(measured)} mitigations brings"
        )
        said.append(f"{tried} it into {band}.")
    elif len(reached) == 1:
        whole = "with" if sure else "but not with"
        only = reached[0]
        said.append(f"Only {only.title} brings it into {band}, {whole} the whole interval{_cost(only)}.")
    elif reached:
        whole = f"with the whole interval by {_listed(sure)}" if sure else "by none with the whole interval"
        cheapest = max(reached, key=_estimate)
        said.append(f"It is brought into {band} by {_listed(reached)}, {whole}.")
        said.append(f"Of these {cheapest.title} is the most accurate{_cost(cheapest)}.")
    failed = [model for model in others if model.failed]
    if failed:
        said.append(f"No model came of {_listed(failed)}.")
    return " ".join(said)


def _of_baseline(model: ModelOutcome) -> str:
    if model.group is None or model.disparate_impact is None or model.disparate_impact.estimate is None:
        return "Without mitigation the selection rates cannot be compared."
    return (
        f"Without mitigation {one_line(model.group)} is selected {model.disparate_impact.estimate:.3f} times "
        f"as often as the reference group, at an accuracy of {_estimate(model):.3f}."
    )


def _cost(model: ModelOutcome) -> str:
    """Say how the accuracy changed, and whether the test rows show it."""
    change = model.accuracy_change
    if change is None or change.estimate is None or change.low is None or change.high is None:
        return ""
    told = f": it changes accuracy by {change.estimate:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
    return told + (", which may be none" if change.low <= 0 <= change.high else "")


def _estimate(model: ModelOutcome) -> float:
    return model.accuracy.estimate or 0.0 if model.accuracy is not None else 0.0


def _listed(models: Sequence[ModelOutcome]) -> str:
    *first, last = [model.title for model in models if model.name != BASELINE]
    return f"{', '.join(first)} and {last}" if first else last
