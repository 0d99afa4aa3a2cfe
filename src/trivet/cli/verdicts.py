"""Terminal style of the verdict on a network, a model or a group."""

from typing import Final

from trivet.audited import ORDERS

__all__ = ["ICONS", "TONES"]

_LOOKS: Final = {"bad": ("✗", "red"), "unsure": ("?", "yellow"), "good": ("✓", "green")}
_BY_WORD: Final = {
    word: _LOOKS["good" if word == order[0] else "bad" if word == order[-1] else "unsure"]
    for order in ORDERS.values()
    for word in order
}
ICONS: Final = {word: icon for word, (icon, _) in _BY_WORD.items()}
TONES: Final = {word: tone for word, (_, tone) in _BY_WORD.items()}
