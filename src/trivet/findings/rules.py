"""Catalogue of findings: why each matters, what to do, and where it is explained."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from trivet.place import EVERY, matches

__all__ = [
    "BASELINE",
    "CATALOGUE",
    "CAUTION",
    "IMPACT",
    "METRIC",
    "REQUIREMENT",
    "WAIVER",
    "Rule",
    "rule_about",
]


@dataclass(frozen=True)
class Rule:
    """One kind of finding.

    Attributes
    ----------
    id
        The same in every version: other tools keep it.
    title
        What is looked at, in a few words.
    why
        Why it matters, in a sentence or two.
    action
        What to do where it is not as it should be.
    heading
        Of the documentation that explains it.
    source
        The paper or rule behind it.
    uri
        Where the paper, or the first of several, stands; empty where nothing was published on it.
    places
        Beginnings of the places in the record that it is about.
    """

    id: str
    title: str
    why: str
    action: str
    heading: str
    source: str = ""
    uri: str = ""
    places: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """The source, and where the documentation explains it."""
        explained = f"documentation, “{self.heading}”"
        return f"{self.source}; {explained}" if self.source else explained


REQUIREMENT: Final = "policy.requirement"
WAIVER: Final = "policy.waiver"
BASELINE: Final = "policy.baseline"
IMPACT: Final = "fairness.disparate-impact"
METRIC: Final = "fairness.metric"
CAUTION: Final = "fairness.caution"
#: Rates of a group beside that of selection.
_OTHER_RATES: Final = (
    *("accuracy", "base_rate", "true_positive_rate", "false_positive_rate", "false_negative_rate"),
    *("positive_predictive_value", "scores"),
)
_RULES: Final = (
    Rule(
        id=REQUIREMENT,
        title="A requirement of the policy",
        why="The policy in audit.toml says what has to hold before the system is used.",
        action="Look the measurement up in the report, change the system, and audit it again; a requirement "
        "that asks for the wrong thing is changed in audit.toml, where the change can be reviewed.",
        heading="Requirements",
    ),
    Rule(
        id=WAIVER,
        title="A waiver of the policy",
        why="A waiver that nothing needs hides the next breach of its rule.",
        action="Take it out of [[policy.waivers]] in audit.toml, or decide anew when it is to expire.",
        heading="Waivers",
    ),
    Rule(
        id=BASELINE,
        title="The baseline",
        why="Held against an accepted audit, only what is new or measurably worse is a breach; what the "
        "accepted audit judged and this one does not would pass unseen.",
        action="Measure it again. Where the system was changed on purpose, accept a new audit as the "
        "baseline.",
        heading="Baseline",
    ),
    Rule(
        id="security.verdict",
        title="Is the network backdoored?",
        why="A backdoored network is accurate on clean inputs and obeys whoever knows the trigger, so no "
        "test on clean data shows it.",
        action="Do not use a backdoored network: repair it, or train it anew from data and code that you "
        "trust. Ask a suspicious one a second time with `trivet scan`. No evidence is not a certificate.",
        source="Wang et al., Neural Cleanse, IEEE S&P 2019",
        uri="https://doi.org/10.1109/SP.2019.00031",
        heading="What the verdict means",
        places=("security.scan", "security.published"),
    ),
    Rule(
        id="security.input-contract",
        title="Is the network fed as it expects?",
        why="A network that is fed on another scale errs on everything, and every accuracy measured so "
        "says something about the feeding and nothing about the network.",
        action="Set `contract` in [security] to the contract that fits best, and feed the network so in use.",
        source="The usual preprocessings, measured one by one",
        heading="1. The input contract",
        places=("security.scan.contract",),
    ),
    Rule(
        id="security.backdoor-removed",
        title="Did the repair remove the backdoor?",
        why="A repair that is judged on the images it was made with looks better than it is; what counts is "
        "how often the trigger works on images that nothing has seen, the target class left out.",
        action="Try the other methods with `trivet repair`; if none removes it, train the network anew.",
        source="Wu et al., BackdoorBench, NeurIPS 2022",
        uri="https://arxiv.org/abs/2206.12654",
        heading="Repair",
        places=("security.published.asr", "security.repair"),
    ),
    Rule(
        id="security.accuracy-lost",
        title="What did the repair cost in accuracy?",
        why="A repair changes weights that clean images need as well.",
        action="Compare the methods of `trivet repair`: some lose less. Weigh the loss against the risk.",
        source="Wu et al., BackdoorBench, NeurIPS 2022",
        uri="https://arxiv.org/abs/2206.12654",
        heading="Repair",
        places=("security.published.clean_accuracy",),
    ),
    Rule(
        id="privacy.budget",
        title="Do the answers stay within the privacy budget?",
        why="Epsilon and delta bound what anyone can learn about one person; answers that spend more than "
        "was promised break the promise for everybody in the data.",
        action="Raise the noise or ask less: `trivet privacy plan` finds the least noise that keeps the "
        "budget.",
        source="Dwork and Roth, 2014; Koskela et al., AISTATS 2020",
        uri="https://doi.org/10.1561/0400000042",
        heading="5. Composition and adjacency",
        places=("privacy.published",),
    ),
    Rule(
        id="privacy.noise",
        title="Is more noise added than the budget asks for?",
        why="Noise beyond what a theorem asks for makes the answers worse and protects nobody more than was "
        "promised.",
        action="Take the scale of the tight accountant, with the delta that is allowed anyway.",
        source="Koskela et al., AISTATS 2020; Kairouz et al., ICML 2015",
        uri="https://arxiv.org/abs/1906.03049",
        heading="5. Composition and adjacency",
        places=("privacy.published.correction.noise_ratio", "privacy.published.correction.laplace"),
    ),
    Rule(
        id="privacy.plan",
        title="The query plan",
        why="Different theorems prove the same guarantee with different noise; the least of it is the most "
        "useful answer.",
        action="Release the answers with the noise of the recommended row: `trivet privacy release` charges "
        "them to a ledger.",
        source="The theorems of the plan, each with its paper",
        uri="https://arxiv.org/abs/1311.0776",
        heading="Noise of queries",
        places=("privacy.plan",),
    ),
    Rule(
        id="privacy.training",
        title="Private training",
        why="The same noise proves very different guarantees, depending on how a batch is drawn: an "
        "accountant for Poisson sampling says nothing about shuffled batches.",
        action="Check every condition of the guarantee in the training loop; with one of them broken it is "
        "void.",
        source="Abadi et al., CCS 2016; Chua et al., ICML 2024",
        uri="https://doi.org/10.1145/2976749.2978318",
        heading="Private training",
        places=("privacy.training",),
    ),
    Rule(
        id="privacy.mechanism",
        title="Does a mechanism keep the epsilon that it claims?",
        why="A mistake in the code of a mechanism voids its guarantee, and its answers do not look wrong.",
        action="Do not release its answers: look at the event that shows the violation, and correct the "
        "mechanism. One that is consistent is not thereby proved private.",
        source="Ding et al., CCS 2018; Clopper and Pearson, 1934",
        uri="https://doi.org/10.1145/3243734.3243818",
        heading="Audit a mechanism",
        places=("privacy.mechanisms",),
    ),
    Rule(
        id="privacy.code",
        title="Does the code add the noise that its claim needs?",
        why="One value that is not clipped, counted or scaled as the proof assumes voids the guarantee, and "
        "the answers do not look wrong.",
        action="Do not release its answers: look at the call of noise and at the neighbour that are named, "
        "and correct the code. Code that is consistent is not thereby proved private.",
        source="Cebere et al., arXiv 2602.17454",
        uri="https://arxiv.org/abs/2602.17454",
        heading="Audit code",
        places=("privacy.code",),
    ),
    Rule(
        id="privacy.membership",
        title="Does the model give its training data away?",
        why="Whoever can tell that a person was in the training data learns what the data is about: a "
        "disease, a debt, a membership.",
        action="Train with differential privacy, with more regularisation or on more rows, and audit again "
        "before the model or its scores are given out.",
        source="Carlini et al., IEEE S&P 2022; Zarifzadeh et al., ICML 2024",
        uri="https://arxiv.org/abs/2112.03570",
        heading="Audit a model by membership inference",
        places=("privacy.membership",),
    ),
    Rule(
        id="privacy.claim",
        title="Does a training keep the epsilon that it claims?",
        why="A mistake in clipping, noise, sampling or accounting voids the guarantee of a private training, "
        "and the model does not look wrong.",
        action="Do not give the model out: look at the clipping of each row, the noise, the sampling and "
        "what the accountant assumes of it. A training that is consistent is not thereby proved private.",
        source="Steinke, Nasr and Jagielski, NeurIPS 2023; Mahloujifar, Melis and Chaudhuri, ICML 2025",
        uri="https://arxiv.org/abs/2305.08846",
        heading="Test a claimed epsilon",
        places=("privacy.membership.claim",),
    ),
    Rule(
        id=IMPACT,
        title="Are the groups selected alike?",
        why="Selection at less than four fifths of the rate of another group is taken as a sign of adverse "
        "impact, and the interval says whether so few rows can show it at all.",
        action="See in the report where the difference comes from, compare the mitigations with "
        "`trivet fairness`, and ask what the law says of them. Unsettled groups need more rows.",
        source="Feldman et al., KDD 2015; EEOC, 29 C.F.R. 1607.4(D)",
        uri="https://doi.org/10.1145/2783258.2783311",
        heading="Audit predictions",
        places=("fairness.audit", "fairness.comparison"),
    ),
    Rule(
        id=METRIC,
        title="Are the groups alike by the other metrics that were named?",
        why="Groups that are selected alike can still be treated otherwise: wrongly selected or wrongly "
        "passed over more often, or with predictions that mean less of them.",
        action="See in the report how the groups compare by this metric. Metrics can contradict each other: "
        "decide which of them matters before the next change.",
        source="Hardt et al., NeurIPS 2016; Chouldechova, Big Data 2017",
        uri="https://arxiv.org/abs/1610.02413",
        heading="Audit predictions",
        places=tuple(
            f"fairness.{part}.{place}"
            for part in ("audit", "comparison.baseline")
            for place in (
                "attributes.*.measures",
                "overall",
                *(f"attributes.*.groups.*.{rate}" for rate in _OTHER_RATES),
            )
        ),
    ),
    Rule(
        id="fairness.subgroup",
        title="Is there a subgroup that nobody named and that differs?",
        why="A model can treat every named group alike and not those who belong to several of them, or to a "
        "group that nobody thought of.",
        action="Look at the subgroups that are listed: a column that the model rightly uses makes subgroups "
        "with other rates, and one that it should not use does so too.",
        source="Chernozhukov, Chetverikov and Kato, Annals of Statistics 41, 2013",
        uri="https://doi.org/10.1214/13-AOS1161",
        heading="Subgroups that nobody named",
        places=("fairness.audit.subgroups",),
    ),
    Rule(
        id=CAUTION,
        title="What has to be known before the numbers?",
        why="A column that tells the label, a group of a few rows or a proxy of the group can make every "
        "other figure of the audit mean something else.",
        action="Look at the column or the group that is named, and run the audit again without the mistake.",
        source="The audit's own checks of its table",
        heading="Audit predictions",
        places=("fairness.audit.cautions", "fairness.comparison.baseline.cautions"),
    ),
    Rule(
        id="fairness.mitigation",
        title="Does a mitigation bring the groups into the band?",
        why="A mitigation is worth its accuracy only where it brings the disparate impact into the "
        "four-fifths band on rows that it was not fitted on.",
        action="Choose among the models on the frontier; whether a rule of its own for each group may be "
        "used is a question of law.",
        source="Kamiran and Calders, 2012; Hardt et al., NeurIPS 2016",
        uri="https://doi.org/10.1007/s10115-011-0463-8",
        heading="Compare mitigations",
        places=("fairness.comparison.models",),
    ),
    Rule(
        id="effects.worse",
        title="What a remedy does to the other legs",
        why="A repair, noise or a mitigation can cost where nobody looks: in the figures of another leg.",
        action="Weigh the effect against what the remedy is for, or choose another remedy.",
        heading="What is measured",
        places=("effects",),
    ),
    Rule(
        id="correction.input-contract",
        title="Correction: the input contract",
        why="The published accuracy before the repair is measured under the declared contract, whichever it "
        "is, and its rise is read as recovery.",
        action="Read the corrected accuracy.",
        heading="1. The input contract",
    ),
    Rule(
        id="correction.decision-rule",
        title="Correction: the decision rule",
        why="The published rule names a label on every network, on a clean one too.",
        action="Read the corrected verdict, which can be no evidence.",
        uri="https://doi.org/10.1109/SP.2019.00031",
        heading="2. The decision rule",
    ),
    Rule(
        id="correction.evaluation",
        title="Correction: the evaluation of the repair",
        why="The published repair is judged on the images it was made with, the target class included.",
        action="Read the corrected success rate.",
        uri="https://arxiv.org/abs/2206.12654",
        heading="4. Evaluation on what was trained on",
    ),
    Rule(
        id="correction.composition",
        title="Correction: composition",
        why="The published split divides the budget evenly and leaves the allowed delta unused.",
        action="Use the corrected scale.",
        uri="https://arxiv.org/abs/1311.0776",
        heading="5. Composition and adjacency",
    ),
    Rule(
        id="correction.promotion-demotion",
        title="Correction: the direction of promotion and demotion",
        why="The published cohorts promote the privileged group and demote the protected one.",
        action="Massage in the direction that Kamiran and Calders define.",
        source="Kamiran and Calders, 2012",
        uri="https://doi.org/10.1007/s10115-011-0463-8",
        heading="3. Promotion and demotion",
    ),
)
#: Every kind of finding by its id.
CATALOGUE: Final[Mapping[str, Rule]] = MappingProxyType({rule.id: rule for rule in _RULES})


def rule_about(place: str) -> Rule:
    """Return the rule that is about a place, by the longest beginning; that of requirements where none is."""
    fits = [
        (len(begin), rule)
        for rule in _RULES
        for begin in rule.places
        if place.startswith(begin) or (EVERY in begin and _matches(begin, place))
    ]
    return max(fits, key=lambda fit: fit[0])[1] if fits else CATALOGUE[REQUIREMENT]


def _matches(begin: str, place: str) -> bool:
    """Tell whether a place begins so; one that a stranger wrote may be no place at all."""
    try:
        return matches(begin, place)
    except LookupError:
        return False
