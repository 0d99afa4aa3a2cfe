"""The front matter of a model card, in Hugging Face's terms.

A model index is a list of models, each with results by task and dataset, as the ``eval_results`` of
``huggingface_hub.ModelCardData`` are written. Every text is a JSON string, which YAML reads as what it is.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from trivet.audited import chosen_attempt, network_of
from trivet.comparison import measured
from trivet.wording import one_line

__all__ = ["front_matter", "model_index"]

IMAGES: Final = "image-classification"
TABLES: Final = "tabular-classification"
NAME_CHARACTERS: Final = 120
_ATTACKS: Final = "privacy.membership.attacks"
#: Type, name and place below it of each metric of a repair.
_REPAIRED: Final = (
    ("attack_success_rate", "ASR as received", "asr.before"),
    ("accuracy", "clean accuracy after the audit's repair", "clean_accuracy.after"),
    ("attack_success_rate", "ASR after the audit's repair", "asr.after"),
)


def front_matter(record: Mapping[str, Any]) -> str:
    """Write the front matter of a card, with its two fences."""
    legs = [leg for leg in ("security", "privacy", "fairness") if record[leg] is not None]
    lines = ["---", "# license: name it here; an audit cannot know it", "tags:"]
    lines += [f"- {tag}" for tag in ("trivet", "audit", *legs)]
    if models := model_index(record):
        lines += ["model-index:", *_written(models, "")]
    return "\n".join((*lines, "---"))


def model_index(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the models that were measured on data, with their results; those without any are left out.

    The classifiers of the built-in study are nobody's model and have no entry.
    """
    models: list[dict[str, Any]] = []
    if (network := network_of(record)) is not None:
        places = [("accuracy", "clean accuracy as received", f"{network.place}.contract.best.clean_accuracy")]
        repair = record["security"]["repair"]
        if repair is not None and repair["attempts"]:
            attempt = f"security.repair.attempts.{chosen_attempt(repair)}"
            places += [(kind, name, f"{attempt}.{below}") for kind, name, below in _REPAIRED]
        metrics = _metrics(record, places)
        models.append(_model(network.checkpoint["name"], IMAGES, network.data, metrics))
    if (privacy := record["privacy"]) is not None and (membership := privacy["membership"]) is not None:
        places = (
            ("accuracy", "accuracy on rows outside the training data", "privacy.membership.test_accuracy"),
            *(
                ("roc_auc", f"AUROC of the membership attack {attack['attack']}", f"{_ATTACKS}.{place}.auroc")
                for place, attack in enumerate(membership["attacks"])
            ),
        )
        models.append(_model(membership["model"], TABLES, membership["data"], _metrics(record, places)))
    if (fairness := record["fairness"]) is not None and (audit := fairness["audit"]) is not None:
        models.append(_model(audit["prediction"], TABLES, audit["data"], _impacts(record, audit)))
    return [model for model in models if model["results"][0]["metrics"]]


def _shown_name(text: object) -> str:
    """Write an untrusted name on one line, truncated."""
    return one_line(text, limit=NAME_CHARACTERS).strip() or "unnamed"


def _impacts(record: Mapping[str, Any], audit: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the disparate impact of each attribute's group that is farthest from parity."""
    places: list[tuple[str, str, str]] = []
    for number, attribute in enumerate(audit["attributes"]):
        for row, group in enumerate(attribute["groups"]):
            if group["group"] == attribute["most_disparate"] and group["disparate_impact"] is not None:
                name = f"disparate impact of {attribute['name']} {group['group']}"
                place = f"fairness.audit.attributes.{number}.groups.{row}.disparate_impact.estimate"
                places.append(("disparate_impact", name, place))
    return _metrics(record, places)


def _metrics(record: Mapping[str, Any], places: Iterable[tuple[str, str, str]]) -> list[dict[str, Any]]:
    found = ((kind, name, measured(record, place)) for kind, name, place in places)
    return [
        {"type": kind, "value": number.value, "name": _shown_name(name)}
        for kind, name, number in found
        if number is not None
    ]


def _model(name: str, task: str, data: str, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    identifier = re.sub(r"[^a-z0-9/._-]+", "-", data.lower()).strip("-") or "unnamed"
    dataset = {"name": _shown_name(data), "type": identifier[:NAME_CHARACTERS]}
    results = [{"task": {"type": task}, "dataset": dataset, "metrics": metrics}]
    return {"name": _shown_name(name), "results": results}


def _written(value: Any, indent: str) -> Iterator[str]:
    """Write plain values as block YAML, every text as a JSON string."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if isinstance(each, Mapping | list):
                yield f"{indent}{key}:"
                yield from _written(each, f"{indent}  " if isinstance(each, Mapping) else indent)
            else:
                yield f"{indent}{key}: {_scalar(each)}"
    else:
        for each in value:
            first, *others = _written(each, f"{indent}  ")
            yield f"{indent}- {first.removeprefix(f'{indent}  ')}"
            yield from others


def _scalar(value: str | float) -> str:
    """Write a text or a number; YAML takes a number with an exponent and no dot for a text."""
    written = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) or "e" not in written or "." in written:
        return written
    return written.replace("e", ".0e")
