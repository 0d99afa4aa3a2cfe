"""Logits of the true class, as an audit takes them of all models together."""

from trivet.privacy.membership.shadows import log_odds, resolution, true_and_others


def confidence_logits(probabilities, labels, *, clip=None):
    true, others = true_and_others(probabilities, labels)
    return log_odds(true, others, resolution(true, others) if clip is None else clip)
