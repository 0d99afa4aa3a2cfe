"""Requirements and techniques of others that each rule of findings bears on, by framework, version and id.

Ids drift: MITRE ATLAS merged AML.T0019, AML.T0058 and AML.T0104 into AML.T0115 in its release 2026.07. So
each stands with the version of its framework. SARIF and the evidence of an audit read the same table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from trivet.findings.finding import Finding
from trivet.findings.rules import REQUIREMENT, rule_about

__all__ = [
    "FRAMEWORKS",
    "REQUIREMENTS",
    "Framework",
    "Item",
    "bears_on",
    "is_instance",
    "items_of",
    "rule_of",
]


@dataclass(frozen=True)
class Framework:
    """A framework of requirements or techniques, in one version."""

    key: str
    name: str
    version: str
    owner: str
    url: str


@dataclass(frozen=True)
class Item:
    """One requirement or technique of a framework."""

    framework: str
    id: str
    title: str

    @property
    def ref(self) -> str:
        """A reference that is unique among all items."""
        return f"{self.framework}:{self.id}".replace(" ", "-")


FRAMEWORKS: Final[Mapping[str, Framework]] = MappingProxyType(
    {
        each.key: each
        for each in (
            Framework("atlas", "MITRE ATLAS", "2026.07", "MITRE", "https://atlas.mitre.org/"),
            Framework(
                "owasp-ml",
                "OWASP Machine Learning Security Top 10",
                "2023",
                "OWASP",
                "https://owasp.org/www-project-machine-learning-security-top-10/",
            ),
            Framework(
                "nist-aml",
                "NIST AI 100-2, Adversarial Machine Learning",
                "e2025",
                "NIST",
                "https://doi.org/10.6028/NIST.AI.100-2e2025",
            ),
            Framework(
                "eu-ai-act",
                "Artificial Intelligence Act, Regulation (EU) 2024/1689",
                "2024/1689",
                "European Union",
                "https://eur-lex.europa.eu/eli/reg/2024/1689/oj",
            ),
        )
    }
)

_TITLES: Final[Mapping[str, Mapping[str, str]]] = {
    "atlas": {
        "AML.T0018": "Manipulate AI Model",
        "AML.T0018.000": "Manipulate AI Model: Poison AI Model",
        "AML.T0043.004": "Craft Adversarial Data: Insert Backdoor Trigger",
        "AML.T0115.001": "Publish Poisoned AI Artifacts: Models",
        "AML.T0010.003": "AI Supply Chain Compromise: Model",
        "AML.T0024.000": "Exfiltration via AI Inference API: Infer Training Data Membership",
        "AML.M0002": "Passive AI Output Obfuscation",
        "AML.M0003": "Model Hardening",
        "AML.M0007": "Sanitize Training Data",
        "AML.M0008": "Validate AI Model",
    },
    "owasp-ml": {
        "ML04": "Membership Inference Attack",
        "ML06": "AI Supply Chain Attacks",
        "ML07": "Transfer Learning Attack",
        "ML10": "Model Poisoning",
    },
    "nist-aml": {
        "NISTAML.023": "Backdoor poisoning",
        "NISTAML.032": "Reconstruction",
        "NISTAML.033": "Membership inference",
        "NISTAML.051": "Model poisoning in the supply chain",
    },
    "eu-ai-act": {
        "Art. 10(2)(f)": "Examination of data sets in view of possible biases",
        "Art. 10(2)(g)": "Measures to detect, prevent and mitigate possible biases",
        "Art. 10(5)": "Safeguards where special categories of personal data are processed",
        "Art. 13(3)(b)": "Instructions for use: characteristics, capabilities and limitations of performance",
        "Art. 15(5)": "Resilience against attempts to alter use, outputs or performance",
        "Annex IV 2(d)": "Data requirements and provenance",
        "Annex IV 2(g)": "Validation and testing procedures, data, metrics, test logs and reports",
        "Annex IV 2(h)": "Cybersecurity measures put in place",
        "Annex IV 3": "Monitoring, functioning and control; accuracy for persons and groups",
        "Annex IV 4": "Appropriateness of the performance metrics",
    },
}
#: Every item by its framework and id.
REQUIREMENTS: Final[Mapping[tuple[str, str], Item]] = MappingProxyType(
    {
        (framework, identifier): Item(framework, identifier, title)
        for framework, titles in _TITLES.items()
        for identifier, title in titles.items()
    }
)

_BACKDOOR: Final = (
    "AML.T0018, AML.T0018.000, AML.T0043.004, AML.T0115.001, AML.T0010.003",
    "ML10, ML06, ML07",
    "NISTAML.023, NISTAML.051",
    "Art. 15(5), Annex IV 2(g), Annex IV 2(h)",
)
_REPAIR: Final = ("AML.M0003, AML.M0007, AML.M0008", "", "", "Art. 15(5), Annex IV 2(h)")
_MEMBERSHIP: Final = (
    "AML.T0024.000",
    "ML04",
    "NISTAML.033",
    "Art. 15(5), Art. 10(5), Annex IV 2(g), Annex IV 2(h)",
)
_PRIVATE: Final = ("AML.M0002", "ML04", "NISTAML.033, NISTAML.032", "Annex IV 2(d), Annex IV 2(h)")
_ACCURACY: Final = ("", "", "", "Annex IV 2(g), Annex IV 3")
_FAIR: Final = (
    "",
    "",
    "",
    "Art. 10(2)(f), Art. 10(2)(g), Art. 13(3)(b), Annex IV 2(g), Annex IV 3, Annex IV 4",
)
#: Before the rules of the fairness leg, which all bear on the same.
FAIRNESS: Final = "fairness."
#: For each rule of another leg the ids of every framework, in the order of `FRAMEWORKS`.
_BEARS_ON: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "security.verdict": _BACKDOOR,
    "security.input-contract": _ACCURACY,
    "security.backdoor-removed": _REPAIR,
    "security.accuracy-lost": _ACCURACY,
    "privacy.budget": _PRIVATE,
    "privacy.noise": _PRIVATE,
    "privacy.plan": _PRIVATE,
    "privacy.training": _PRIVATE,
    "privacy.mechanism": _PRIVATE,
    "privacy.code": _PRIVATE,
    "privacy.membership": _MEMBERSHIP,
    "privacy.claim": _MEMBERSHIP,
    "effects.worse": _ACCURACY,
}


#: What a breach of a rule is an instance of; on everything else it only bears.
_INSTANCES: Final[Mapping[str, frozenset[str]]] = {
    "security.verdict": frozenset({"AML.T0018", "AML.T0018.000", "ML10", "NISTAML.023"}),
    "privacy.membership": frozenset({"AML.T0024.000", "ML04", "NISTAML.033"}),
}


def rule_of(finding: Finding) -> str:
    """Return the rule that a finding is about; of a requirement, that of the place that it measures."""
    return rule_about(finding.place).id if finding.rule == REQUIREMENT else finding.rule


def items_of(finding: Finding) -> Sequence[Item]:
    """Return what a finding bears on, framework by framework; empty where nothing is known to fit."""
    return bears_on(rule_of(finding))


def bears_on(rule: str) -> Sequence[Item]:
    """Return what the findings of a rule bear on; empty where nothing is known to fit."""
    found: list[Item] = []
    known = _BEARS_ON.get(rule, _FAIR if rule.startswith(FAIRNESS) else ())
    for framework, ids in zip(FRAMEWORKS, known, strict=False):
        found += [REQUIREMENTS[framework, each] for each in filter(None, ids.split(", "))]
    return found


def is_instance(rule: str, item: Item) -> bool:
    """Return True if what a rule finds is an instance of the technique or risk, not only related to it."""
    return item.id in _INSTANCES.get(rule, ())
