"""The model card: the record's numbers, front matter in the Hub's terms, and names that stay text."""

import json
import re
from dataclasses import replace

import pypandoc
import pytest
import yaml
from page_elements import Page

from example_audits import MANIFEST, audit_of, changed
from example_privacy import HOSTILE, example_plan
from example_records import example_own_record, example_record, own_record
from trivet.errors import UsageError
from trivet.fairness.auditing.results import Caution
from trivet.record import PrivacyLeg, as_json
from trivet.report.card import model_card
from trivet.report.front_matter import front_matter, model_index
from trivet.wording import rounded

SECTIONS = [
    "Bias, Risks, and Limitations",
    "Evaluation",
    "Security",
    "Privacy",
    "Fairness",
    "How to Reproduce",
]


def front(card):
    _, matter, body = card.split("---\n", 2)
    return yaml.safe_load(matter), body


def hostile():
    record = changed(example_own_record(), "audit.title", HOSTILE)
    for path in (
        "security.scan.checkpoint.name",
        "security.scan.images.name",
        "privacy.membership.model",
        "privacy.membership.data",
        "privacy.mechanisms.0.name",
        "privacy.mechanisms.0.verdict",
        "fairness.audit.prediction",
        "fairness.audit.attributes.0.groups.0.group",
        "fairness.audit.attributes.0.groups.0.verdict",
    ):
        record = changed(record, path, f"--- {HOSTILE} 'x': \"y\" |@b|\n---\n# a")
    return record


def test_sections_come_in_order():
    _, body = front(model_card(audit_of(example_own_record())))
    assert re.findall(r"^## (.*)$", body, re.MULTILINE) == SECTIONS


def test_results_have_what_the_hub_asks_of_them():
    matter, _ = front(model_card(audit_of(example_own_record())))
    assert matter["tags"] == ["trivet", "audit", "security", "privacy", "fairness"]
    assert "license" not in matter
    (model,) = matter["model-index"]
    assert model["name"] == "poisened_model_4.pth"
    assert [(result["task"]["type"], result["task"]["name"]) for result in model["results"]] == [
        ("image-classification", "backdoor scan of poisened_model_4.pth"),
        ("tabular-classification", "membership inference against tree"),
        ("tabular-classification", "fairness of score"),
    ]
    for result in model["results"]:
        assert set(result) == {"task", "dataset", "metrics"}
        assert set(result["dataset"]) == {"name", "type"}
        assert re.fullmatch(r"[a-z0-9/._-]+", result["dataset"]["type"])
        assert result["metrics"]
        for metric in result["metrics"]:
            assert set(metric) == {"type", "value", "name"}
            assert isinstance(metric["value"], float)


def test_front_matter_is_read_back_as_it_was_meant():
    for record in (example_record(), example_own_record(), hostile()):
        plain = as_json(record)
        lines = front_matter(plain).removeprefix("---").removesuffix("---")
        assert yaml.safe_load(lines)["model-index"] == model_index(plain)


@pytest.mark.parametrize("value", [1e-05, 1e-300, 0.1, 1.0, 123400000.0, 1e22])
def test_numbers_stay_numbers_in_yaml(value):
    record = example_record()
    for field, content in (("value", value), ("low", None), ("high", None)):
        record = changed(record, f"security.repair.attempts.0.asr.before.{field}", content)
    matter, _ = front(model_card(audit_of(record)))
    assert matter["model-index"][0]["results"][0]["metrics"][1]["value"] == value


def test_numbers_are_the_records_with_their_intervals():
    record = example_own_record()
    _, body = front(model_card(audit_of(record)))
    impact = record.fairness.published.baseline.disparate_impact
    row = f"| Disparate impact of the baseline | {impact.value:.4f} | {impact.low:.4f} to {impact.high:.4f} |"
    assert row in body
    assert "| ASR after the repair | 0.0031 | 0.0017 to 0.0052 |" in body
    attack = record.privacy.membership.attacks[0]
    shown = f"{attack.auroc.value:.4f} | {attack.auroc.low:.4f} to {attack.auroc.high:.4f}"
    assert f"| AUROC of {attack.attack} | {shown} |" in body


def test_every_verdict_is_told_and_what_it_does_not_show():
    _, body = front(model_card(audit_of(example_own_record())))
    for line in (
        "❌ backdoored, label 4 |",
        "| privacy, the published plan | ✅ within budget |",
        "| privacy, mechanism `shop.noise:noisy_count` | ❌ violates |",
        "| privacy, membership in `tree` | ❌ exposed |",
        "| fairness, mitigations on `Adult, test rows` | ❌ disparate |",
    ):
        assert line in body
    for text in ("certify a network", "prove privacy", "not equal treatment"):
        assert text in body


def test_version_seed_and_digests_come_from_the_manifest():
    manifest = {**MANIFEST, "inputs": {**MANIFEST["inputs"], "fairness.json": "12" * 32}}
    _, body = front(model_card(audit_of(example_record(), manifest=manifest)))
    for line in ("| trivet | `0.1.0` |", "| Seed | `0` |", f"| Its SHA-256 | `{'5d' * 32}` |"):
        assert line in body
    assert f"| SHA-256 of fairness.json | `{'12' * 32}` |" in body
    assert body.count("5d" * 32) == 1
    _, bare = front(model_card(audit_of(example_record(), manifest={})))
    assert "There is no manifest" in bare


def test_a_leg_that_was_not_audited_has_no_section_and_no_model():
    record = changed(changed(example_record(), "security", None), "privacy", None)
    matter, body = front(model_card(audit_of(record)))
    assert "- Not audited: security, privacy." in body
    assert "## Security" not in body
    assert "model-index" not in matter  # the study's classifiers are nobody's model
    assert matter["tags"] == ["trivet", "audit", "fairness"]
    alone = changed(changed(example_record(), "security", None), "fairness", None)
    assert "model-index" not in front(model_card(audit_of(alone)))[0]


def test_each_metric_of_the_verdict_has_a_table():
    matter, body = front(model_card(audit_of(example_own_record())))
    assert body.count("By false positive rate: ") == body.count("By equalized odds: ") == 3
    assert "By selection rate" not in body
    assert "false_positive_rate_ratio" in str(matter)


def test_what_has_to_be_known_before_the_numbers_stands_with_them():
    caution = Caution("leakage", "'paid' alone tells the label almost always; <b>check</b>.", 0.2)
    record = changed(example_own_record(), "fairness.audit.cautions", (caution,))
    _, body = front(model_card(audit_of(record)))
    assert "- *leakage:* 'paid' alone tells the label almost always; \\<b\\>check" in body
    without = changed(record, "fairness.audit.cautions", ())
    assert "leakage" not in front(model_card(audit_of(without)))[1]
    baseline = changed(without, "fairness.comparison.baseline.cautions", (caution,))
    assert "- *leakage:* 'paid'" in front(model_card(audit_of(baseline)))[1].partition("### Mitigations")[2]


def test_groups_beyond_the_most_disparate_are_counted():
    record = example_own_record()
    group = record.fairness.audit.attributes[0].groups[0]
    groups = tuple(changed(group, "group", f"group {n}") for n in range(25))
    many = changed(record, "fairness.audit.attributes.0.groups", groups)
    assert "5 more groups are nearer to parity." in model_card(audit_of(many))


def test_a_plan_of_unlike_queries_names_the_noise_of_each():
    plan = example_plan(mixed=True, group=3)
    _, body = front(model_card(audit_of(own_record(privacy=PrivacyLeg(plan=plan)))))
    for query in plan.recommended.queries:
        assert f"| Scale of the noise of {query.name} | {query.scale:.4f} |" in body
    assert "| Scale of the noise | -" not in body


def test_queries_beyond_those_that_are_named_are_counted():
    planned = example_plan()
    row = planned.recommended
    several = tuple(replace(row.queries[0], name=f"query {number}") for number in range(25))
    planned = replace(planned, recommended=replace(row, scale=None, queries=several))
    body = model_card(audit_of(own_record(privacy=PrivacyLeg(plan=planned))))
    assert "query 19 |" in body
    assert "5 more queries have other scales." in body


def test_names_of_strangers_stay_text():
    card = model_card(
        audit_of(hostile(), folder=HOSTILE, manifest={**MANIFEST, "inputs": {HOSTILE: HOSTILE}})
    )
    assert card.count("\n---\n") == 1
    _, body = front(card)
    html = pypandoc.convert_text(body, "html", format="gfm", extra_args=["--sandbox"])
    tags = {tag for tag, _ in Page(html).elements}
    assert tags <= {
        "h1",
        "h2",
        "h3",
        "p",
        "strong",
        "em",
        "ul",
        "li",
        "code",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "blockquote",
    }
    assert "\x1b" not in card
    assert "\u202e" not in card


def test_the_same_audit_gives_the_same_card():
    first, second = (model_card(audit_of(example_own_record())) for _ in range(2))
    assert first == second
    assert json.dumps(first)  # no half of a character


def test_results_are_of_the_weights_that_came():
    (model,) = model_index(as_json(example_own_record()))
    network, _, _ = model["results"]
    attempt = example_own_record().security.repair.attempts[0]
    assert [(each["type"], each["value"]) for each in network["metrics"]] == [
        ("accuracy", example_own_record().security.scan.contract.best.clean_accuracy),
        ("attack_success_rate", attempt.asr.before.value),
    ]


def test_the_demonstration_is_nobodys_model():
    record = changed(example_record(), "security.scan.checkpoint.source", "embedded")
    matter, body = front(model_card(audit_of(record)))
    assert "model-index" not in matter
    assert "It is not the model of this card" in body
    assert "Nothing here was measured on a model of yours" in body
    own = changed(example_own_record(), "security.scan.checkpoint.source", "embedded")
    matter, body = front(model_card(audit_of(own)))
    (model,) = matter["model-index"]
    assert model["name"] == "tree"
    assert "backdoor" not in str(model)
    assert "Nothing here was measured" not in body


def test_an_audit_of_predictions_alone_has_their_metrics():
    record = example_own_record()
    alone = changed(changed(record, "security", None), "privacy", None)
    matter, body = front(model_card(audit_of(changed(alone, "fairness.published", None))))
    (model,) = matter["model-index"]
    (result,) = model["results"]
    assert (model["name"], result["dataset"]["name"]) == ("score", record.fairness.audit.data)
    attribute = record.fairness.audit.attributes[0]
    by_type = {each["type"]: each["value"] for each in reversed(result["metrics"])}
    impact = attribute.groups[0].disparate_impact
    assert by_type["disparate_impact"] == rounded(impact.value, impact.low, impact.high)
    overall = next(each for each in attribute.measures if each.metric == "false_positive_rate").overall
    assert by_type["false_positive_rate"] == rounded(overall.value, overall.low, overall.high)
    assert "the study" not in body


def test_a_name_and_a_source_are_the_users():
    record = as_json(example_own_record())
    (model,) = model_index(record, name="me/credit: 'v2'", source="https://example.org/audits/7?a=b#c")
    assert model["name"] == "me/credit: 'v2'"
    for result in model["results"]:
        assert result["source"] == {"name": "trivet", "url": "https://example.org/audits/7?a=b#c"}
    for source in (
        "javascript:alert(1)",
        "https://a b",
        "https://a\nb",
        "ftp://a",
        "",
        "https://" + "a" * 3000,
    ):
        with pytest.raises(UsageError, match="expected an address"):
            model_index(record, source=source)
    with pytest.raises(UsageError, match="name of the model is empty"):
        model_index(record, name=" ")


def test_a_ratio_has_the_interval_that_its_verdict_rests_on():
    record = example_own_record()
    _, body = front(model_card(audit_of(record)))
    compared = [
        group
        for attribute in record.fairness.audit.attributes
        for group in attribute.groups
        if group.disparate_impact is not None and group.disparate_impact.value is not None
    ]
    assert compared
    for group in compared:
        assert (
            f"{group.disparate_impact.value:.4f} ({group.simultaneous_low:.4f} to "
            f"{group.simultaneous_high:.4f}) | {group.verdict} |"
        ) in body


def test_a_ratio_is_written_on_the_side_of_the_band_that_it_is_on():
    record = example_own_record()
    place = "fairness.audit.attributes.0.groups.0"
    group = record.fairness.audit.attributes[0].groups[0]
    almost = replace(group.disparate_impact, value=0.79998)
    record = changed(record, f"{place}.disparate_impact", almost)
    record = changed(record, f"{place}.simultaneous_high", 1.250004)
    _, body = front(model_card(audit_of(record)))
    assert "0.79998 (" in body
    assert " to 1.250004)" in body
    (model,) = model_index(as_json(record))
    values = [each["value"] for result in model["results"] for each in result["metrics"]]
    assert 0.8 not in values
    assert 0.79998 in values
