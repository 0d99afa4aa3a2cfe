"""Verdict of an audit of a mechanism in words, and the limits of the test."""

from trivet.privacy.auditing.results import VIOLATES, EventFinding

__all__ = ["limits", "reason", "share"]


def reason(verdict: str, best: EventFinding | None, *, epsilon: float, inputs: tuple[str, str]) -> str:
    """Give the verdict in one sentence, with the event behind it."""
    if best is None:
        return "No answer came up twice and none has a number, so there was no event to count."
    on_a = best.direction.startswith("A")
    likelier, other = inputs if on_a else inputs[::-1]
    if verdict == VIOLATES:
        return (
            f'"{best.description}" holds for {share(best.p_frequency)} of the answers on {likelier} and '
            f"{share(best.q_frequency)} on {other}: epsilon is at least {best.epsilon_lower:.2f}, "
            f"not {epsilon:g}."
        )
    return (
        f"No event showed more than epsilon {best.epsilon_lower:.2f}, and {epsilon:g} is claimed; "
        f'the most telling was "{best.description}".'
    )


def limits(verdict: str, *, fixed: bool, ceiling: float, visible: float, error_rate: float) -> str:
    """Say what the audit could have seen, and what a verdict is not."""
    noiseless = (
        "The answers are always the same: no noise is added, or it is drawn once and used again. "
        if fixed
        else ""
    )
    if verdict == VIOLATES:
        return (
            f"{noiseless}A mechanism that keeps its claim is called this with probability "
            f"{share(error_rate)} at most. So many trials show epsilon {ceiling:.1f} at most: the true "
            "one may be larger."
        )
    seen = (
        f"What only one input yields would have shown from a frequency of {share(visible)} on, and "
        f"epsilon {ceiling:.1f} at most."
    )
    return (
        f"{noiseless}This does not prove privacy. {seen} Other inputs, rarer answers and events of other "
        "kinds were not looked at."
    )


def share(fraction: float) -> str:
    """Write a fraction as a percentage with three significant digits: 15.1 %, 0 %, 0.0042 %."""
    return f"{100 * fraction:.3g} %"
