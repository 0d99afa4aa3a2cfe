"""Texts and names as DuckDB's SQL writes them."""

__all__ = ["identifier", "literal"]


def literal(text: str) -> str:
    """Return a text in single quotation marks."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name in double quotation marks."""
    return '"' + name.replace('"', '""') + '"'
