"""Small tables in every kind of file, and exact answers to questions about them, without noise."""

from functools import cache

import duckdb

from trivet.privacy import Adjacency
from trivet.privacy.releases.question import prepare, read_exact
from trivet.privacy.releases.settings import Question
from trivet.tables.opening import open_table


@cache
def writer():
    """DuckDB, of which a new one takes longer than a small table."""
    return duckdb.connect(config={"threads": 1})


def write_table(path, types, rows):
    """Write rows of text or None as CSV, Parquet, or the table `people` of a new database."""
    connection = writer()
    columns = ", ".join(f'"{name}" {sort}' for name, sort in types.items())
    connection.execute(f"CREATE OR REPLACE TABLE people ({columns})")
    if rows:
        unnested = ", ".join(["unnest(?::VARCHAR[])"] * len(types))
        connection.execute(f"INSERT INTO people SELECT {unnested}", list(map(list, zip(*rows, strict=True))))
    if path.suffix == ".duckdb":
        path.unlink(missing_ok=True)
        connection.execute(f"ATTACH '{path}' AS filed")
        connection.execute("CREATE TABLE filed.people AS FROM people")
        connection.execute("DETACH filed")
        return f"{path}:people"
    connection.execute(f"COPY people TO '{path}'")
    return path


def exact(table, *, adjacency=Adjacency.ADD_REMOVE, unit=None, **question):
    """Exact answers, in steps, of each part or of each group, and how they were prepared."""
    with open_table(table, by_line=True) as opened:
        prepared = prepare(Question(**question), opened.columns, adjacency=adjacency, unit=unit)
        found = read_exact(opened, prepared)
        if prepared.groups == (None,):
            return tuple(number for (number,) in found[None]), prepared
        return tuple(found[group][0][0] for group in prepared.groups), prepared
