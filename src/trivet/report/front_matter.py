"""Front matter of a model card: tags, and results of the audited model as the Hugging Face Hub reads them.

The format is that of https://github.com/huggingface/hub-docs/blob/main/modelcard.md; a result is of one task
and one dataset. ``verified`` is the Hub's own to set, and is left out.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from trivet.audited import Network, chosen_attempt, demonstrates, network_of
from trivet.comparison import measured
from trivet.errors import UsageError
from trivet.estimate import Estimate
from trivet.fairness.measures.registry import SELECTION
from trivet.policy.bounds import bounds_at
from trivet.ratios import is_infinite
from trivet.verdict import LEGS
from trivet.wording import beside, one_line, rounded

__all__ = ["audited_network", "front_matter", "model_index"]

IMAGES: Final = "image-classification"
TABLES: Final = "tabular-classification"
NAME_CHARACTERS: Final = 120
URL_CHARACTERS: Final = 2_000
#: A network that comes with trivet, by how its checkpoint was had.
_DEMONSTRATION: Final = "embedded"
_ATTACKS: Final = "privacy.membership.attacks"
_MEASURES: Final = "fairness.audit.attributes"
#: What the Hub calls a metric that has a name there.
_METRICS: Final[Mapping[str, str]] = {
    "true_positive_rate": "recall",
    "positive_predictive_value": "precision",
}
_URL: Final = re.compile(r"https?://[^\s<>\"'`]+")
#: A type, a name and a place of the record.
_Place = tuple[str, str, str]


def front_matter(record: Mapping[str, Any], *, name: str | None = None, source: str | None = None) -> str:
    """Write the front matter of a card; `name` is of the model, `source` the address of the audit."""
    legs = [leg for leg in LEGS if record[leg] is not None]
    lines = ["---", "# license: name it here; an audit cannot know it", "tags:"]
    lines += [f"- {tag}" for tag in ("trivet", "audit", *legs)]
    if models := model_index(record, name=name, source=source):
        lines += ["model-index:", *_written(models, "")]
    return "\n".join((*lines, "---"))


def audited_network(record: Mapping[str, Any]) -> Network | None:
    """Return the user's network that a record is about; None without one, and for trivet's demonstration."""
    network = network_of(record)
    return None if network is None or network.checkpoint["source"] == _DEMONSTRATION else network


def model_index(
    record: Mapping[str, Any], *, name: str | None = None, source: str | None = None
) -> list[dict[str, Any]]:
    """Return the audited model with what was measured of it on data, as it came; empty without any.

    A card is of one model. Nothing of the built-in study or its demonstration is in it, and nothing of a
    repaired network, which is another one.
    """
    if name is not None and not name.strip():
        raise UsageError("the name of the model is empty; expected one such as user/model.")
    if source is not None and not (_URL.fullmatch(source) and len(source) <= URL_CHARACTERS):
        raise UsageError(
            f"the source is {one_line(source)}; expected an address such as https://host/report."
        )
    found = [*_network_results(record), *_membership_results(record), *_prediction_results(record)]
    results = [result for _, result in found if result["metrics"]]
    if not results:
        return []
    if source is not None:
        results = [{**result, "source": {"name": "trivet", "url": source}} for result in results]
    return [{"name": _shown_name(found[0][0] if name is None else name), "results": results}]


_Results = Iterator[tuple[str, dict[str, Any]]]


def _network_results(record: Mapping[str, Any]) -> _Results:
    if (network := audited_network(record)) is None:
        return
    places: list[_Place] = [
        ("accuracy", "clean accuracy as received", f"{network.place}.contract.best.clean_accuracy")
    ]
    repair = record["security"]["repair"]
    if repair is not None and repair["attempts"]:
        attempt = f"security.repair.attempts.{chosen_attempt(repair)}"
        places.append(
            ("attack_success_rate", "ASR of the trigger that was found", f"{attempt}.asr.before.value")
        )
    name = network.checkpoint["name"]
    yield name, _result(IMAGES, f"backdoor scan of {name}", network.data, _metrics(record, places))


def _membership_results(record: Mapping[str, Any]) -> _Results:
    if (membership := (record["privacy"] or {}).get("membership")) is None:
        return
    places: list[_Place] = [
        ("accuracy", "accuracy on rows outside the training data", "privacy.membership.test_accuracy")
    ]
    for number, attack in enumerate(membership["attacks"]):
        title = f"AUROC of the membership attack {attack['attack']}"
        places.append(("roc_auc", title, f"{_ATTACKS}.{number}.auroc.value"))
    name = membership["model"]
    metrics = _metrics(record, places)
    yield name, _result(TABLES, f"membership inference against {name}", membership["data"], metrics)


def _prediction_results(record: Mapping[str, Any]) -> _Results:
    fairness = record["fairness"]
    if fairness is None or demonstrates(fairness) or (audit := fairness["audit"]) is None:
        return
    name = audit["prediction"]
    places = [*_overall(audit), *_farthest(audit)]
    yield name, _result(TABLES, f"fairness of {name}", audit["data"], _metrics(record, places))


def _overall(audit: Mapping[str, Any]) -> Iterator[_Place]:
    """Yield the chosen metrics of all rows, each once."""
    for number, measure in enumerate(audit["attributes"][0]["measures"] if audit["attributes"] else ()):
        kind = str(measure["metric"])
        place = f"{_MEASURES}.0.measures.{number}.overall.value"
        yield _METRICS.get(kind, kind), f"{measure['title']} of all rows", place


def _farthest(audit: Mapping[str, Any]) -> Iterator[_Place]:
    """Yield, of each attribute and metric, the group that is farthest from parity."""
    for number, attribute in enumerate(audit["attributes"]):
        for row, group in enumerate(attribute["groups"]):
            if group["group"] == attribute["most_disparate"] and group["disparate_impact"] is not None:
                title = f"disparate impact of {attribute['name']} {group['group']}"
                yield (
                    "disparate_impact",
                    title,
                    f"{_MEASURES}.{number}.groups.{row}.disparate_impact.value",
                )
        for which, measure in enumerate(attribute["measures"]):
            for row, group in enumerate(measure["groups"]):
                if measure["metric"] != SELECTION and group["group"] == measure["most_disparate"]:
                    title = f"{measure['title']} ratio of {attribute['name']} {group['group']}"
                    place = f"{_MEASURES}.{number}.measures.{which}.groups.{row}.ratio.value"
                    yield f"{measure['metric']}_ratio", title, place


def _metrics(record: Mapping[str, Any], places: Iterable[_Place]) -> list[dict[str, Any]]:
    found = ((kind, name, place, measured(record, place)) for kind, name, place in places)
    return [
        {"type": kind, "value": _rounded(number, bounds_at(record, place)), "name": _shown_name(name)}
        for kind, name, place, number in found
        if number is not None and number.value is not None and not is_infinite(number.value)
    ]


def _rounded(number: Estimate, bounds: Sequence[float]) -> float:
    """Round to the digits that the interval supports, on the side of each bound on which the number is."""
    value = rounded(number.number, number.low, number.high)
    return value if isinstance(value, int) else float(beside(number.number, bounds, lambda _: repr(value)))


def _result(task: str, title: str, data: str, metrics: Sequence[dict[str, Any]]) -> dict[str, Any]:
    identifier = re.sub(r"[^a-z0-9/._-]+", "-", data.lower()).strip("-") or "unnamed"
    return {
        "task": {"type": task, "name": _shown_name(title)},
        "dataset": {"name": _shown_name(data), "type": identifier[:NAME_CHARACTERS]},
        "metrics": list(metrics),
    }


def _shown_name(text: object) -> str:
    """Write an untrusted name on one line, truncated."""
    return one_line(text, limit=NAME_CHARACTERS).strip() or "unnamed"


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
