"""Release of answers: checked, charged together, read, covered with noise, and receipted."""

import contextlib
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from trivet.errors import DataError, UsageError
from trivet.privacy.releases.amounts import (
    Amount,
    as_text,
    require_delta,
    require_epsilon,
    require_rho,
    written,
)
from trivet.privacy.releases.answers import (
    CONFIDENCE,
    Answer,
    Cost,
    answer_from,
    error_of,
    measurements_of,
    rank_error,
    threshold_of,
)
from trivet.privacy.releases.charges import Budget, Charge, spent_of
from trivet.privacy.releases.checking import require_read
from trivet.privacy.releases.ledger import Asked, Ledger, charge_of, open_ledger, table_of
from trivet.privacy.releases.noise import (
    EXPONENTIAL,
    GAUSSIAN,
    LIBRARY,
    MECHANISM,
    Measurement,
    library_version,
)
from trivet.privacy.releases.pricing import prices_of
from trivet.privacy.releases.question import Prepared, prepare, read_exact, require_answerable
from trivet.privacy.releases.results import Noise, PlannedAnswer, Receipt, Release, Releases
from trivet.privacy.releases.settings import Question, ReleaseSettings
from trivet.tables.opening import Table, fingerprint, open_table
from trivet.tables.settings import AS_USUAL, Reading
from trivet.wording import one_line

__all__ = ["Priced", "release", "release_all", "release_plan"]


@dataclass(frozen=True)
class Priced:
    """A question, and what its answer may cost, decimal text: an epsilon, with a delta perhaps, or a rho."""

    question: Question
    epsilon: Amount | None = None
    delta: Amount | None = None
    rho: Amount | None = None

    @property
    def cost(self) -> Cost:
        """The amounts as fractions."""
        if (self.epsilon is None) == (self.rho is None):
            raise UsageError("an answer costs an epsilon or a rho; give --epsilon or --rho.")
        delta = Fraction(0) if self.delta is None else require_delta(self.delta)
        if self.rho is not None:
            return Cost(rho=require_rho(self.rho), delta=delta)
        assert self.epsilon is not None, "one of both is given"
        return Cost(epsilon=require_epsilon(self.epsilon), delta=delta)


def release(
    table: str | Path,
    *,
    query: str,
    ledger: str | Path | Ledger,
    epsilon: Amount | None = None,
    delta: Amount | None = None,
    rho: Amount | None = None,
    column: str | None = None,
    bounds: tuple[float, float] | None = None,
    bounds_of: Literal["row", "unit"] = "row",
    categories: Sequence[str] = (),
    missing: str | float | None = None,
    where: str | None = None,
    of: str | None = None,
    at: float | Sequence[float] = (),
    by: str | None = None,
    keys: Sequence[str] = (),
    private_keys: bool = False,
    max_rows: int | None = None,
    max_groups: int | None = None,
    unit: str | None = None,
    within: str | None = None,
    non_negative: bool = False,
    reading: Reading | None = None,
    check: bool = False,
) -> Release:
    """Answer a question about a table with noise, after a ledger was charged for it.

    Every error that is raised before the charge depends on the question, the schema and the ledger
    alone. After it there is one: that the rows cannot be read.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE.
    query
        ``count`` of rows or ``units``; ``sum``, ``mean``, ``variance``, ``median`` or ``quantile`` of a
        column of numbers; ``proportion`` of rows that a condition holds for; or ``histogram`` of a column of
        categories.
    ledger
        The ledger, or its file. Its unit is that of the guarantee.
    epsilon
        What the answer may cost, above 0, for Laplace noise; decimal text is kept as it is written.
    delta
        With an epsilon and `private_keys`, above 0: the probability that a group of one unit is shown.
    rho
        In place of an epsilon: what the answer may cost by zero-concentrated privacy, for Gaussian noise. The
        ledger's accounting is ``pld`` or ``zcdp``.
    column
        Of a sum, mean, variance, median, quantile or histogram. With `bounds_of` ``unit`` it may be left out:
        the number is then how many rows a unit has.
    bounds
        Of numbers: (lower, upper), to which values are clamped; they must not come from the data.
    bounds_of
        ``row``, or ``unit``: the rows of a unit are added up first, and clamped then.
    categories
        Of a histogram: its keys; they must not come from the data.
    missing
        What a missing value (NULL, NaN, a CSV cell that is not a number) counts as: ``drop``,
        or a value within the bounds, or a category. Numbers need it.
    where, of
        Conditions on rows, as in `trivet.privacy.releases.where`. A comparison with a missing
        value is false. `of` is what a proportion is of.
    at
        Of a quantile: which one or ones, 0 to 1, four digits.
    by, keys
        Column whose groups are answered one by one, and its keys, which must not come from the data. All
        groups together cost as much as one answer, since a row is in one of them.
    private_keys
        Take the keys from the data: those whose noisy number of units is above a threshold.
    max_rows, max_groups
        Where the ledger has a unit: how many of its rows count, or in how many groups it counts where all its
        rows in a group are one record (`bounds_of` ``unit``, and ``units``).
    unit
        Column that says whose row each is, where it is not called as in the ledger.
    within
        Part of the table that the query is of, of a ledger that was made with ``parted_by``.
    non_negative
        Make noisy counts whole numbers of at least 0 afterwards, those of groups with their sum kept.
    reading
        How the cells of a CSV file are read; None reads decimal points, UTF-8 and ISO dates.
    check
        Look first, as `check_table` does, and refuse before the charge where lines or cells of the
        question may not be read as they are meant. That it refuses depends on the rows: it is for their
        owner alone, and must not be seen by whoever asks.

    Returns
    -------
    Release
        The answer and its receipt.

    Raises
    ------
    UsageError
        If the question cannot be answered or the ledger refuses it; nothing was charged.
    DataError
        If the ledger or the table cannot be used, or a check finds something.

    Notes
    -----
    Noise is the discrete Laplace of Ghosh, Roughgarden and Sundararajan 2009 or the discrete Gaussian of
    Canonne, Kamath and Steinke 2020, and quantiles are chosen by the exponential mechanism of McSherry and
    Talwar 2007, all drawn by OpenDP. The time that an answer takes is not protected.
    """
    question = Question(
        query=query,  # pyright: ignore[reportArgumentType] - it says so itself
        column=column,
        bounds=bounds,
        bounds_of=bounds_of,
        categories=tuple(categories),
        missing=None if missing is None else str(missing),
        where=where,
        of=of,
        at=(at,) if isinstance(at, int | float) else tuple(at),
        by=by,
        keys=tuple(keys),
        private_keys=private_keys,
        max_rows=max_rows,
        max_groups=max_groups,
        unit=unit,
        within=within,
        non_negative=non_negative,
    )
    priced = Priced(question, epsilon=epsilon, delta=delta, rho=rho)
    (answered,) = release_all(table, (priced,), ledger=ledger, reading=reading, check=check)
    return answered


@dataclass(frozen=True)
class _Ready:
    """A question that needs nothing more but a charge."""

    priced: Priced
    cost: Cost
    prepared: Prepared
    measurements: tuple[Measurement, ...]
    noise: tuple[Noise, ...]


def release_all(
    table: str | Path,
    asked: Iterable[Priced],
    *,
    ledger: str | Path | Ledger,
    reading: Reading | None = None,
    check: bool = False,
    progress: Callable[[str], None] | None = None,
) -> tuple[Release, ...]:
    """Answer several questions about a table: all are checked first, and charged together or not at all.

    Parameters
    ----------
    table, ledger, reading, check
        As in `release`.
    asked
        Questions and their prices.
    progress
        Called with the question in words as each answer is computed.

    Returns
    -------
    tuple of Release
        One entry a question, each with its receipt.

    Raises
    ------
    UsageError
        If one of the questions cannot be answered or the ledger refuses all together; nothing was charged.
    DataError
        If the ledger or the table cannot be used.
    """
    book = ledger if isinstance(ledger, Ledger) else open_ledger(ledger)
    with open_table(table, by_line=True, reading=reading) as opened:
        ready = tuple(_ready(each, _prepared(each.question, opened, book), opened) for each in asked)
        wanted = _charged(ready, opened, _fingerprint(opened, book))
        if check:
            book.require_room(wanted)
            _require_read(table, opened, ready, reading)
        return _answered(ready, wanted, opened, book, reading, progress)


def release_plan(
    table: str | Path,
    settings: ReleaseSettings,
    *,
    ledger: str | Path | Ledger,
    charge: bool = True,
    check: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Releases:
    """Give each of several questions its share of a budget, charge all together, and answer them.

    Prices have the ratios of the shares, and are the largest that fit the budget by the ledger's accounting:
    that of the settings, or what the ledger has left.

    Parameters
    ----------
    table, ledger, check, progress
        As in `release_all`.
    settings
        The budget, the questions, and the noise that they get.
    charge
        False to compute prices and noise alone; then no row is read and nothing charged.

    Returns
    -------
    Releases
        The plan, and the answers with their receipts.

    Raises
    ------
    UsageError
        If one of the questions cannot be answered, or all together do not fit; nothing was charged.
    DataError
        If the ledger or the table cannot be used.
    """
    book = ledger if isinstance(ledger, Ledger) else open_ledger(ledger)
    budget, before = _budget_of(settings, book)
    with open_table(table, by_line=True, reading=settings.reading) as opened:
        prepared: list[Prepared] = []
        for number, query in enumerate(settings.queries, start=1):
            with _named(query.name or f"query {number}"):
                prepared.append(_prepared(query, opened, book))
        rows = _fingerprint(opened, book)
        prices = prices_of(
            settings, prepared, budget=budget, before=before, table=table_of(rows, _name(opened))
        )
        ready = tuple(
            _ready(
                Priced(
                    query,
                    epsilon=None if price.rho != "0" else price.epsilon,
                    delta=None if price.delta == "0" else price.delta,
                    rho=None if price.rho == "0" else price.rho,
                ),
                each,
                opened,
            )
            for query, price, each in zip(settings.queries, prices, prepared, strict=True)
        )
        wanted = _charged(ready, opened, rows)
        if charge:
            if check:
                book.require_room(wanted)
                _require_read(table, opened, ready, settings.reading)
            answers = _answered(ready, wanted, opened, book, settings.reading, progress)
        else:
            book.require_room(wanted)
            answers = ()
    return Releases(
        accounting=budget.accounting,
        epsilon=as_text(budget.epsilon),
        delta=as_text(budget.delta),
        rho=as_text(budget.rho),
        spent=spent_of((*before, *map(charge_of, wanted)), budget),
        of_ledger=settings.epsilon is None and settings.rho is None,
        planned=tuple(
            PlannedAnswer(
                name=query.name or each.prepared.words,
                asked=each.prepared.words,
                epsilon=_text(each.priced.epsilon),
                delta=_text(each.priced.delta),
                rho=_text(each.priced.rho),
                noise=each.noise,
            )
            for query, each in zip(settings.queries, ready, strict=True)
        ),
        releases=answers,
    )


def _require_read(table: str | Path, opened: Table, ready: Sequence[_Ready], reading: Reading | None) -> None:
    """Look at the lines, and at the columns that the questions are of."""
    require_read(table, opened, [column for each in ready for column in each.prepared.columns], reading)


@contextlib.contextmanager
def _named(query: str) -> Generator[None]:
    """Say which of several questions it is that cannot be answered."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{one_line(query)}: {error}") from error


def _budget_of(settings: ReleaseSettings, book: Ledger) -> tuple[Budget, tuple[Charge, ...]]:
    """Return the budget of several questions, and what was charged to it before."""
    if settings.epsilon is None and settings.rho is None:
        return book.budget, book.charges()
    of_rho = book.accounting == "zcdp"
    if of_rho != (settings.rho is not None):
        wanted, given = ("a rho", "an epsilon") if of_rho else ("an epsilon", "a rho")
        raise UsageError(
            f"the ledger has a budget of {wanted}, and these questions have {given}; give {wanted}, or none "
            "to share out what the ledger has left."
        )
    epsilon, delta, rho = (
        Fraction(str(each or 0)) for each in (settings.epsilon, settings.delta, settings.rho)
    )
    if book.accounting == "pld" and not delta:
        raise UsageError("accounting by the privacy loss distribution needs a delta; give the plan one.")
    return Budget(book.accounting, epsilon, delta, rho), ()


def _answered(
    ready: Sequence[_Ready],
    wanted: Sequence[Asked],
    opened: Table,
    book: Ledger,
    reading: Reading | None,
    progress: Callable[[str], None] | None,
) -> tuple[Release, ...]:
    """Charge all together, and answer one after the other."""
    entries = book.charge_all(wanted)
    answers: list[Answer] = []
    for each in ready:
        if progress is not None:
            progress(each.prepared.words)
        try:
            exact = read_exact(opened, each.prepared)
        except DataError as error:
            one = f"The charge {entries[0]} stays."
            raise DataError(
                f"{error} {one if len(entries) == 1 else f'All charges from {entries[0]} on stay.'}"
            ) from None
        answers.append(answer_from(each.prepared, exact, each.measurements, cost=each.cost))
    # The charge is what counts: an answer is not withheld because the mark could not be written.
    with contextlib.suppress(DataError):
        book.mark_answered(*entries)
    return tuple(
        Release(
            value=answer.value,
            cells=answer.cells,
            half_width=answer.half_width,
            rank_error=max(noise.half_width for noise in each.noise) if each.prepared.candidates else None,
            message=answer.message,
            receipt=_receipt(each, table=asked.table, entry=entry, book=book, reading=reading),
        )
        for each, asked, answer, entry in zip(ready, wanted, answers, entries, strict=True)
    )


def _prepared(question: Question, table: Table, book: Ledger) -> Prepared:
    return prepare(
        question,
        table.columns,
        adjacency=book.adjacency,
        unit=book.unit,
        parted_by=book.parted_by,
        salt=book.fingerprint_key,
    )


def _ready(priced: Priced, prepared: Prepared, table: Table) -> _Ready:
    """See that a question can be answered and paid; no row is read."""
    cost = priced.cost
    if prepared.threshold_for and not (cost.epsilon and cost.delta):
        raise UsageError("groups with private keys cost an epsilon and a delta; give --epsilon and --delta.")
    if cost.delta and not prepared.threshold_for:
        raise UsageError("this answer spends no delta; leave --delta out.")
    require_answerable(table, prepared)
    measurements = measurements_of(prepared, cost)
    noise = tuple(_noise(prepared, i, each, cost) for i, each in enumerate(measurements))
    return _Ready(priced, cost, prepared, measurements, noise)


def _fingerprint(table: Table, book: Ledger) -> str:
    return fingerprint(table, key=book.fingerprint_key)


def _name(table: Table) -> str:
    """Return the name of a table, with bytes that are not UTF-8 escaped."""
    return table.name.encode(errors="backslashreplace").decode()


def _charged(ready: Sequence[_Ready], table: Table, rows: str) -> tuple[Asked, ...]:
    return tuple(
        Asked(
            table=_name(table),
            fingerprint=rows,
            query=each.prepared.question.query,
            asked=each.prepared.words,
            mechanism=", ".join(dict.fromkeys(noise.mechanism for noise in each.noise)),
            scales=tuple(noise.scale for noise in each.noise),
            epsilon=_text(each.priced.epsilon),
            delta=_text(each.priced.delta),
            rho=_text(each.priced.rho),
            gaussian=bool(each.cost.rho) and not each.prepared.candidates,
            within=each.prepared.question.within or "",
        )
        for each in ready
    )


def _text(amount: Amount | None) -> str:
    return "0" if amount is None else written(amount)


def _noise(prepared: Prepared, index: int, measurement: Measurement, cost: Cost) -> Noise:
    part = prepared.parts[index]
    gaussian = bool(cost.rho) and part.choice is None
    step, sensitivity = part.grid, float(part.moves.l1)
    threshold = None
    if part.choice is not None:
        step = 1 / part.choice.denominator
        wrong = rank_error(prepared, part, measurement)
    else:
        wrong = error_of(measurement, gaussian=gaussian, probability=1 - CONFIDENCE) * step
        sensitivity = part.moves.l2_squared**0.5 if gaussian else sensitivity
        if prepared.threshold_for and index == 0:
            threshold = threshold_of(prepared, measurement, cost.delta)
    names = EXPONENTIAL if part.choice is not None else GAUSSIAN if gaussian else MECHANISM
    return Noise(
        part=part.name,
        mechanism=names,
        sensitivity=sensitivity * step,
        scale=measurement.scale * step,
        epsilon=as_text(cost.epsilon / len(prepared.parts)),
        delta=as_text(cost.delta) if threshold is not None else "0",
        rho=as_text(cost.rho / len(prepared.parts)),
        proven=measurement.proven,
        half_width=wrong,
        threshold=threshold,
    )


def _receipt(ready: _Ready, *, table: str, entry: str, book: Ledger, reading: Reading | None) -> Receipt:
    prepared, question = ready.prepared, ready.prepared.question
    numbers = question.bounds is not None
    bound = prepared.bound
    return Receipt(
        entry=entry,
        table=table,
        query=question.query,
        asked=prepared.words,
        column=question.column,
        where=question.where,
        of=question.of,
        missing=question.missing,
        at=question.at,
        categories=question.categories,
        by=question.by,
        keys=question.keys,
        private_keys=question.private_keys,
        lower=prepared.lower * prepared.grid if numbers else None,
        upper=prepared.upper * prepared.grid if numbers else None,
        bounds_of=question.bounds_of,
        grid=prepared.grid if numbers else None,
        noise=ready.noise,
        epsilon=_text(ready.priced.epsilon),
        delta=_text(ready.priced.delta),
        rho=_text(ready.priced.rho),
        adjacency=book.adjacency.value,
        unit=book.unit_words,
        max_rows=bound.most if bound.unit and not bound.totals else None,
        max_groups=bound.most if bound.unit and bound.totals else None,
        within=question.within,
        afterwards="non-negative" if question.non_negative else None,
        reading=" ".join((reading or AS_USUAL).options),
        library=LIBRARY,
        library_version=library_version(),
        trivet_version=version("trivet"),
    )
