"""Can a question be answered, judged by the schema alone: every error before a charge comes from here."""

from dataclasses import replace
from typing import Final

from trivet.errors import UsageError
from trivet.privacy.adjacency import Adjacency
from trivet.privacy.releases.grid import prepare_number
from trivet.privacy.releases.keys import prepare_histogram
from trivet.privacy.releases.question import QUERIES, Part, Prepared, Question
from trivet.privacy.releases.where_sql import EVERY_ROW, select_rows
from trivet.tables.schema import Column, find_column
from trivet.wording import quoted

__all__ = ["prepare"]

#: What each query takes; anything else given is a misunderstanding, and said so.
_TAKES: Final = {
    "count": {"where"},
    "sum": {"where", "column", "bounds", "missing"},
    "mean": {"where", "column", "bounds", "missing"},
    "histogram": {"where", "column", "categories", "missing"},
}


def prepare(question: Question, columns: tuple[Column, ...], *, adjacency: Adjacency) -> Prepared:
    """Check a question against a schema and say how it is answered; no row is looked at."""
    if question.query not in QUERIES:
        raise UsageError(f"the query {quoted(question.query)} is unknown; expected {', '.join(QUERIES)}.")
    for name in ("column", "bounds", "categories", "missing"):
        if name not in _TAKES[question.query] and getattr(question, name):
            raise UsageError(_meaningless(question.query, name))
    selection = EVERY_ROW
    if question.where is not None:
        selection = select_rows(question.where, columns)
        question = replace(question, where=selection.text)
    if question.query == "count":
        sql = f"SELECT count(*) FROM rows_asked WHERE {selection.sql}"  # noqa: S608 - quoted and bound
        return Prepared(question, sql, selection.values, selection.columns, (Part("count", 1),))
    if question.column is None:
        raise UsageError(f"a {question.query} is of a column; give --column.")
    column = find_column(columns, question.column)
    if question.query == "histogram":
        return prepare_histogram(question, column, selection, adjacency=adjacency)
    return prepare_number(question, column, selection, adjacency=adjacency)


def _meaningless(query: str, name: str) -> str:
    if query == "count":
        return f"a count is of rows and takes no --{name}; choose rows with --where."
    return f"a {query} takes no --{name}; leave it out."
