"""How does a verdict on a network or a model look on a terminal?"""

__all__ = ["ICONS", "TONES"]

ICONS = {"backdoored": "✗", "exposed": "✗", "suspicious": "?", "slight": "?", "no evidence": "✓"}
TONES = {
    "backdoored": "red",
    "exposed": "red",
    "suspicious": "yellow",
    "slight": "yellow",
    "no evidence": "green",
}
