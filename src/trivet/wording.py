"""How a stranger's text stands in a message: on one line, short, with nothing a terminal obeys."""

__all__ = ["one_line", "quoted", "reason", "told"]

#: A layer name longer than this is no layer name.
NAME_CHARACTERS = 80
#: Long enough for PyTorch's complaint about two shapes, short enough for a terminal.
REASON_CHARACTERS = 200


def one_line(text: object, *, limit: int = NAME_CHARACTERS) -> str:
    """Return `text` with every character that does not print escaped, and no longer than `limit`.

    Control characters, line breaks, lone surrogates and the marks that turn the direction of
    writing do not print.
    """
    cut = str(text)[: limit + 1]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def quoted(text: str) -> str:
    """Return a name as `one_line` does, in quotation marks."""
    shown = repr(text[: NAME_CHARACTERS + 1])
    return shown if len(shown) <= NAME_CHARACTERS else f"{shown[: NAME_CHARACTERS - 1]}…{shown[0]}"


def reason(error: BaseException) -> str:
    """Return the first line of what `error` says, or its kind where it says nothing."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - a stranger's exception may fail to say anything
        lines = []
    first = lines[0].rstrip(". ") if lines else ""
    return one_line(first or type(error).__name__, limit=REASON_CHARACTERS)


def told(error: BaseException) -> str:
    """Return the kind of `error` and the first line of what it says."""
    said = reason(error)
    kind = type(error).__name__
    return said if said == kind else f"{kind}: {said}"
