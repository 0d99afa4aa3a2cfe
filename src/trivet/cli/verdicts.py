"""How does a verdict on a network look on a terminal?"""

__all__ = ["ICONS", "TONES"]

ICONS = {"backdoored": "✗", "suspicious": "?", "no evidence": "✓"}
TONES = {"backdoored": "red", "suspicious": "yellow", "no evidence": "green"}
