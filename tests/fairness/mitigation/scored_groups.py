"""Small tables of labels, scores and groups, in which many scores tie."""

import numpy as np


def scored_groups(rng, *, groups=2, levels=6):
    """Labels, scores and groups of up to 8 rows a group or so; each group has rows of both labels."""
    extra = int(rng.integers(0, 6 * groups))
    codes = np.concatenate([np.repeat(np.arange(groups), 2), rng.integers(0, groups, extra)])
    scores = rng.integers(0, levels, len(codes)) / levels
    labels = (rng.random(len(codes)) < 0.15 + 0.5 * scores + 0.2 * (codes > 0)).astype(int)
    labels[: 2 * groups] = np.tile([0, 1], groups)
    order = rng.permutation(len(codes))
    return labels[order], scores[order], codes[order]


def all_cuts(labels, scores, codes):
    """For each group the threshold, rows, selected rows and right rows by label of every cut."""
    found = []
    for code in range(codes.max() + 1):
        own, truth = scores[codes == code], labels[codes == code]
        found.append(
            [
                (
                    cut,
                    len(own),
                    int((own >= cut).sum()),
                    int(((own >= cut) & (truth == 1)).sum()),
                    int(((own < cut) & (truth == 0)).sum()),
                )
                for cut in [*np.unique(own), np.inf]
            ]
        )
    return found
