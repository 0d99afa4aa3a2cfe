"""Rates of the scan on this project's benchmark, from ``rates.json`` beside this file.

``benchmarks/colour_detection.py`` writes that file from its rows; nothing in it is typed by hand.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from trivet.estimate import Known
from trivet.security.scanning.results import BenchmarkRate

__all__ = ["Rates", "benchmark_rates", "shown_rate"]


@dataclass(frozen=True)
class Rates:
    """Clean networks that the scan accused, and by kind of trigger the attacked ones that it found."""

    profile: str
    clean: BenchmarkRate
    kinds: Mapping[str, BenchmarkRate]


@cache
def benchmark_rates(profile: str = "standard") -> Rates:
    """Return the rates of a profile, or of ``standard`` where it was not measured, which the result names."""
    text = files("trivet.security.scanning").joinpath("rates.json").read_text(encoding="utf-8")
    measured = json.loads(text)
    profile = profile if profile in measured else "standard"
    content = measured[profile]
    kinds = {each["kind"]: _rate(each) for each in content["kinds"]}
    return Rates(profile, _rate(content["clean"]), kinds)


def shown_rate(rate: BenchmarkRate) -> str:
    """Write a rate as counts with its interval."""
    return f"{rate.count} of {rate.networks} ({rate.share.low:.2f} to {rate.share.high:.2f})"


def _rate(content: Mapping[str, Any]) -> BenchmarkRate:
    plain = {**content}
    share = Known(**plain.pop("share"))
    return BenchmarkRate(share=share, **plain)
