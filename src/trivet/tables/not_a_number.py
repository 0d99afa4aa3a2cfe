"""NaN detection in SQL that does not rely on a file's statistics."""

__all__ = ["is_nan"]


def is_nan(number: str) -> str:
    """Return SQL for whether a DOUBLE is NaN.

    The least and the greatest value that a Parquet file tells of a column leave NaN out, and DuckDB takes
    their word: ``isnan(x)``, and a comparison with NaN, are false there without a look at the rows.
    """
    return f"(NOT isfinite({number}) AND {number} <> DOUBLE 'inf' AND {number} <> DOUBLE '-inf')"
