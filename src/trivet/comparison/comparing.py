"""Comparison of two audits."""

from collections.abc import Iterator, Sequence
from typing import Final

from trivet.audited import LEGS
from trivet.comparison.asked import is_asked, manifest_changes
from trivet.comparison.audits import ReadAudit
from trivet.comparison.estimates import belongs_to_an_estimate
from trivet.comparison.headline import headline_title, verdict_title
from trivet.comparison.judging import has_interval, judge_pair
from trivet.comparison.pairing import Pair, pairs
from trivet.comparison.results import CHANGE, CHANGED, EXACT, OUTCOMES, WORSE, Change, Compared, Comparison
from trivet.comparison.sureness import LEVEL
from trivet.comparison.telling import LIMITS, cautions, regressions, statement
from trivet.comparison.verdict_order import is_verdict, study_verdicts
from trivet.wording import one_line

__all__ = ["compare_audits"]

INTERVAL: Final = "_interval"
#: Texts that follow from other values of the record.
_TEXTS: Final = (
    "reason limits statement why finding note message law remarks group_statement repair_reason score_reason "
    "auroc_reason rate_reason reference_why title method description test"
)
WORDING: Final = frozenset(_TEXTS.split())
#: Verdicts no deeper than this are named also where they are the same.
VERDICT_DEPTH: Final = 4


def compare_audits(before: ReadAudit, after: ReadAudit) -> Comparison:
    """Compare two audits measurement by measurement.

    Parameters
    ----------
    before, after
        The audits, as `read_audit` reads them.

    Returns
    -------
    Comparison
        The same for the same two audits.

    Notes
    -----
    The measurements of the headline are judged together: each interval of a difference has the level
    1 - 0.05 / k, where k of them have an interval, so that all of them hold at once in at least 95 of 100
    pairs of audits (Bonferroni). Every other interval has the level 0.95.
    """
    asked: list[Change] = []
    verdicts: list[Change] = []
    first: list[tuple[Pair, str]] = []
    changed: list[Change] = []
    rest: list[Change] = []
    for pair in _measurements(before, after):
        title = headline_title(pair)
        if title is not None:
            first.append((pair, title))
            continue
        change = judge_pair(pair, title=verdict_title(pair) if is_verdict(pair.steps) else None)
        differs = change.outcome in CHANGED
        if is_verdict(pair.steps) and (differs or len(pair.steps) <= VERDICT_DEPTH):
            verdicts.append(change)
        elif not differs or pair.names[-1] in WORDING:
            rest.append(change)
        elif is_asked(pair.names):
            asked.append(change)
        else:
            changed.append(change)
    verdicts.sort(key=_leg_number)
    changed.sort(key=lambda change: OUTCOMES.index(change.outcome))
    asked += manifest_changes(before, after)
    headline = _judge_together(first)
    worse = _worse(verdicts, headline)
    return Comparison(
        before=_compared(before),
        after=_compared(after),
        asked=tuple(asked),
        verdicts=tuple(verdicts),
        headline=headline,
        changed=tuple(changed),
        rest=tuple(rest),
        regressions=regressions(worse),
        cautions=cautions(before, after, asked, changed),
        statement=statement(verdicts, headline, changed, worse, same=before.record == after.record),
        limits=LIMITS,
    )


def _measurements(before: ReadAudit, after: ReadAudit) -> Iterator[Pair]:
    """Yield every value once; an interval is a part of its estimate."""
    yield from study_verdicts(before.record, after.record)
    for pair in pairs(before.record, after.record):
        around = pair.before_in[-1]
        repeats = any(name.endswith(INTERVAL) for name in pair.names)
        if not repeats and not belongs_to_an_estimate(pair.names[-1], around):
            yield pair


def _leg_number(change: Change) -> int:
    leg = change.place.partition(".")[0]
    return LEGS.index(leg) if leg in LEGS else len(LEGS)


def _judge_together(pairs_and_titles: Sequence[tuple[Pair, str]]) -> tuple[Change, ...]:
    together = sum(has_interval(pair) for pair, _ in pairs_and_titles)
    level = 1 - (1 - LEVEL) / max(together, 1)
    return tuple(judge_pair(pair, title=title, level=level) for pair, title in pairs_and_titles)


def _worse(verdicts: Sequence[Change], headline: Sequence[Change]) -> list[Change]:
    """Return verdicts that got worse, and what of the headline did by more than noise."""
    measurable = [change for change in headline if change.outcome in {CHANGE, EXACT}]
    return [change for change in (*verdicts, *measurable) if change.judged == WORSE]


def _compared(audit: ReadAudit) -> Compared:
    return Compared(
        folder=one_line(audit.folder),
        title=one_line(audit.record["audit"]["title"]),
        legs=tuple(leg for leg in LEGS if audit.record[leg] is not None),
        started=audit.noted("started"),
        trivet=audit.noted("trivet"),
    )
