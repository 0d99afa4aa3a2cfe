"""Results of a comparison of two audits: frozen values only, readable without any heavy import."""

from dataclasses import dataclass

from trivet.result import Table

__all__ = [
    "ADDED",
    "BETTER",
    "CHANGE",
    "CHANGED",
    "DIFFERS",
    "EXACT",
    "NOISE",
    "OUTCOMES",
    "REMOVED",
    "SAME",
    "WITHIN",
    "WORSE",
    "Change",
    "Compared",
    "Comparison",
    "Headline",
    "Plain",
]

#: A value of a record, as it stands in JSON.
Plain = int | float | str | bool | None

CHANGE = "change"
NOISE = "noise"
EXACT = "exact change"
DIFFERS = "differs"
WITHIN = "within tolerance"
SAME = "same"
ADDED = "added"
REMOVED = "removed"
OUTCOMES = (CHANGE, NOISE, EXACT, DIFFERS, WITHIN, SAME, ADDED, REMOVED)
#: Outcomes that a reader is shown without asking for all.
CHANGED = (CHANGE, EXACT, DIFFERS, ADDED, REMOVED)

BETTER = "better"
WORSE = "worse"


@dataclass(frozen=True)
class Headline:
    """A measurement of one record that people ask for first.

    Attributes
    ----------
    title
        What it is, in words.
    place
        Where it stands: names joined by dots, an item of a list by its identifying fields.
    value, low, high
        The measurement and its interval; None where the record has none, or no bound on that side.
    """

    title: str
    place: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Change:
    """One place of the record in both audits.

    Attributes
    ----------
    place
        Where it stands: names joined by dots, an item of a list by its identifying fields.
    title
        What it is, in words; the place where it has no other name.
    before, after
        The value; None where there is none.
    before_low, before_high, after_low, after_high
        Its interval of sampling; None where the record has none, or no bound on that side.
    difference, difference_low, difference_high
        After minus before, with the interval that treats the two audits as independent; None where a
        side is not a number, and the ends also where no interval is known.
    level
        Confidence level of `difference_low` and `difference_high`, in (0, 1); None without them.
    outcome
        ``change`` where the whole interval of the difference lies beyond the tolerance, which is 0 unless
        one is given; ``within tolerance`` where all of it lies within; ``noise`` where it reaches across;
        ``exact change`` of what has no error; ``differs`` where an error is to be expected and the
        record does not say how large; ``same``; ``added`` and ``removed`` where one audit has no value.
    judged
        ``better`` or ``worse``; None where neither is known, and for ``noise``, ``within tolerance`` and
        ``same``.
    detail
        What the values do not say: of a list, how many of its entries differ and by how much.
    """

    place: str
    title: str
    before: Plain
    after: Plain
    outcome: str
    before_low: float | None = None
    before_high: float | None = None
    after_low: float | None = None
    after_high: float | None = None
    difference: int | float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    level: float | None = None
    judged: str | None = None
    detail: str = ""

    @property
    def measurably_worse(self) -> bool:
        """Worse by more than its interval and tolerance explain; a verdict, by its order."""
        return self.judged == WORSE and self.outcome in {CHANGE, EXACT}


@dataclass(frozen=True)
class Compared:
    """One of the two compared audits.

    Attributes
    ----------
    folder, title
        Name of the output folder, and the audit's title.
    legs
        The legs that were audited.
    started, trivet
        When, as the manifest has it, and by which version; None where there is no manifest.
    """

    folder: str
    title: str
    legs: tuple[str, ...]
    started: str | None
    trivet: str | None


@dataclass(frozen=True, repr=False)
class Comparison(
    Table, head=("statement",), rows="headline", columns=("title", "before", "after", "outcome")
):
    """Changes between two audits.

    Attributes
    ----------
    before, after
        The two audits.
    asked
        Where data, checkpoints, settings or versions differ: read these first.
    verdicts
        Every verdict that either audit has.
    headline
        The measurements that people ask for first, changed or not.
    changed
        Every other value that differs, but for noise: changes, what has no known error, and what one audit
        has not; of each the worse first, then the better. A figure that stands in several places of the
        record is listed once.
    rest
        What is the same, what is noise, and texts that are worded otherwise.
    regressions
        A sentence for each verdict that got worse and each measurement of the headline that got
        measurably worse; empty where there is none.
    cautions
        What keeps the two from being compared like with like, a sentence each; none for equal records.
    statement
        What it comes to, in one sentence.
    limits
        How differences were judged, and what that does not show; empty for equal records.
    tolerances
        As they were given; empty where every difference counts.
    """

    before: Compared
    after: Compared
    asked: tuple[Change, ...]
    verdicts: tuple[Change, ...]
    headline: tuple[Change, ...]
    changed: tuple[Change, ...]
    rest: tuple[Change, ...]
    regressions: tuple[str, ...]
    cautions: tuple[str, ...]
    statement: str
    limits: str
    tolerances: tuple[str, ...] = ()

    @property
    def is_of_something(self) -> bool:
        """False where neither a verdict nor a measurement of the headline is in both audits."""
        equal = not self.limits
        return equal or any(each.outcome not in {ADDED, REMOVED} for each in (*self.verdicts, *self.headline))

    @property
    def lacks_a_leg(self) -> bool:
        """True where the later audit lacks a leg of the earlier one, so that nothing of it was compared."""
        return not set(self.before.legs) <= set(self.after.legs)
