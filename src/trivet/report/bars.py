"""Pairing of the vertical bars in an equation; TeX spaces them by its own rules, other outputs do not."""

import re

_ENLARGED = re.compile(r"\\([bB]igg?)l\|(.+?)\\\1r\|")
_NORM = re.compile(r"(?<!left)(?<![bB]ig[lrg])(?<!right)\\\|(.+?)\\\|")


def pair_bars(tex: str) -> str:
    r"""Write ``\|x\|`` and ``\bigl|x\bigr|`` as a left and a right delimiter."""
    tex = _ENLARGED.sub(r"\\left|\2\\right|", tex)
    return _NORM.sub(r"\\left\\|\1\\right\\|", tex)
