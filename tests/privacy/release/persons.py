"""Random tables of persons with many rows each, tables without one of them, and questions about both."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tables_to_ask import write_table

from trivet.privacy import Adjacency

TYPES = {"who": "VARCHAR", "pay": "DOUBLE", "age": "BIGINT", "town": "VARCHAR", "ok": "BOOLEAN"}
TOWNS = ["a", "b", "c", "d", None]
PAYS = ["0", "1", "-3", "7.25", "1e300", "-1e300", "inf", "nan", None, "40", "12.5"]
AGES = ["0", "1", "-3", "7", "40", "9223372036854775807", "-9223372036854775808", None]


def rows_of(random: Random, person: str | None, most: int) -> list[tuple[str | None, ...]]:
    """Some rows of one person, now and then all alike, so that they move an answer most."""
    alike = random.random() < 0.4
    rows = []
    for _ in range(random.randint(1, most)):
        if not rows or not alike:
            one = (random.choice(PAYS), random.choice(AGES), random.choice(TOWNS))
        rows.append((person, *one, random.choice(["true", "false", None])))
    return rows


def pair_of_persons(
    random: Random, folder: Path, suffix: str, most: int = 50
) -> tuple[Path | str, Path | str, Adjacency]:
    """Two tables that differ by all rows of one person, anywhere in the table."""
    persons = [f"p{i}" for i in range(random.choice([1, 2, 6]))]
    rows = [row for person in persons for row in rows_of(random, person, 6)]
    if random.random() < 0.2:
        rows += rows_of(random, None, 3)
    own = rows_of(random, "me", most)
    adjacency = random.choice(list(Adjacency))
    others = rows_of(random, "you", most) if adjacency is Adjacency.REPLACE_ONE else []
    tables = []
    for name, extra in (("one", own), ("other", others)):
        mixed = list(rows)
        for row in extra:
            mixed.insert(random.randrange(len(mixed) + 1), row)
        tables.append(write_table(folder / f"{name}{suffix}", TYPES, mixed))
    return *tables, adjacency


def question_of_persons(random: Random) -> dict[str, Any]:
    """A question of any kind, with any way of bounding what a person counts for."""
    query = random.choice([*_QUERIES])
    asked: dict[str, Any] = {"query": query, **_QUERIES[query](random)}
    if query != "histogram" and random.random() < 0.5:
        asked["by"] = random.choice(["town", "age", "town"])
        keys = {"town": ("a", "b", "x"), "age": ("0", "1", "7", "40")}[asked["by"]]
        asked["keys"] = keys[: random.randint(1, len(keys))]
        if query not in ("median", "quantile") and random.random() < 0.4:
            del asked["keys"]
            asked["private_keys"] = True
    if asked.get("by") and "at" in asked:
        asked["at"] = asked["at"][:1]
    totals = query == "units" or (query in _NUMBERS and random.random() < 0.4)
    if totals and query != "units":
        asked["bounds_of"] = "unit"
    if totals and "by" in asked:
        asked["max_groups"] = random.randint(1, 4)
    if not totals:
        asked["max_rows"] = random.choice([1, 2, 3, 10, 60])
    if random.random() < 0.3:
        asked["where"] = random.choice(["pay > 0", "ok", "not town = 'a'", "age >= 1 or pay < 5"])
    return asked


def _number(random: Random) -> dict[str, Any]:
    column = random.choice(["pay", "age"])
    bounds = random.choice([(0, 1), (-5, 10), (10, 12), (-12, -10), (0, 2**40), (-1000, 3)])
    return {"column": column, "bounds": bounds, "missing": random.choice(["drop", str(bounds[0])])}


def _quantiles(random: Random) -> dict[str, Any]:
    return _number(random) | {"at": tuple(random.sample([0.0, 0.1, 0.25, 0.5, 0.75, 0.999, 1.0], 2))}


_NUMBERS = ("sum", "mean", "variance", "median", "quantile")
_QUERIES: dict[str, Callable[[Random], dict[str, Any]]] = {
    "count": lambda _: {},
    "units": lambda _: {},
    "sum": _number,
    "mean": _number,
    "variance": _number,
    "median": _number,
    "quantile": _quantiles,
    "proportion": lambda random: {"of": random.choice(["ok", "pay > 1", "town = 'a' or age = 7"])},
    "histogram": lambda _: {"column": "town", "categories": ("a", "b", "z")},
}
