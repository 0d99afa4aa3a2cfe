"""How does a verdict on a network, a model or a group look on a terminal?"""

__all__ = ["ICONS", "TONES"]

_BAD = ("backdoored", "exposed", "disparate")
_UNSURE = ("suspicious", "slight", "unsettled")
_GOOD = ("no evidence", "in band")

ICONS = {**dict.fromkeys(_BAD, "✗"), **dict.fromkeys(_UNSURE, "?"), **dict.fromkeys(_GOOD, "✓")}
TONES = {**dict.fromkeys(_BAD, "red"), **dict.fromkeys(_UNSURE, "yellow"), **dict.fromkeys(_GOOD, "green")}
