"""What the security leg measures: frozen values only, readable without any heavy import."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BeforeAfter:
    """One rate (a share of images, 0 to 1) before and after the repair."""

    before: float
    after: float


@dataclass(frozen=True)
class CheckpointInfo:
    """Which network was studied."""

    source: str  # embedded, file or archive
    name: str  # file name only, never a path
    sha256: str
    architecture: str
    parameters: int
    expected_label: int | None


@dataclass(frozen=True)
class PublishedSettings:
    """The published procedure's constants."""

    profile: str
    steps: int
    images: int
    batch_size: int
    learning_rate: float
    mask_penalty: float
    pattern_penalty: float
    kappa: float
    unlearning_fraction: float
    unlearning_epochs: int
    unlearning_learning_rate: float


@dataclass(frozen=True)
class FractionSweep:
    """Unlearning repeated with other stamped fractions, on `images` images."""

    images: int
    fraction: tuple[float, ...]
    clean_accuracy: tuple[float, ...]
    asr: tuple[float, ...]
    best_fraction: float
    best_asr: float
    best_clean_accuracy: float


@dataclass(frozen=True)
class ConfusionPair:
    """Row-normalised clean confusion matrices: [true][predicted], rows sum to 1."""

    before: tuple[tuple[float, ...], ...]
    after: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class PublishedSecurity:
    """Neural Cleanse, lower-tail MAD and unlearning as the seed document does them."""

    settings: PublishedSettings
    expected_label: int | None
    detected_label: int
    agrees: bool | None  # detected equals expected; None where none is expected
    outlier: bool  # some modified z is below -kappa; else the fallback named the label
    norms: tuple[float, ...]  # |m_y|_1 in pixels, by label
    modified_z: tuple[float, ...]
    clean_accuracy: BeforeAfter
    asr: BeforeAfter
    confusion: ConfusionPair
    fraction_sweep: FractionSweep
    image_steps: int


@dataclass(frozen=True)
class ContractCandidate:
    """Clean accuracy under one preprocessing: network input = (pixel * scale - mean) / std."""

    name: str  # "[0,1]", "(x-0.5)/0.5", ...
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    clean_accuracy: float


@dataclass(frozen=True)
class ContractCheck:
    """The declared input contract against the usual candidates."""

    declared: ContractCandidate
    best: ContractCandidate
    candidates: tuple[ContractCandidate, ...]
    loss: float  # clean accuracy of best minus that of declared
    mismatch: bool  # loss above five points
    finding: str | None


@dataclass(frozen=True)
class LabelEvidence:
    """What inversion found for one target label."""

    label: int
    l1: float  # mask norm in pixels
    log_score: float | None  # (log l1 - median) / (1.4826 MAD) over labels; None if undefined
    asr: float  # of the reconstructed trigger, on held-out images of other classes


@dataclass(frozen=True)
class CorrectedSecurity:
    """The same questions answered soundly.

    `clean_accuracy`, `asr`, `robust_accuracy` and `true_trigger_asr` are measured on images that
    neither inversion nor repair saw; ASR and robust accuracy leave the target class out. They are
    None, with `repair_reason`, where no label was suspected; `true_trigger_asr` is None where
    the attacker's trigger is not known.
    """

    contract: ContractCheck
    verdict: str  # backdoored, suspicious, no evidence
    suspected_label: int | None
    p_value: float | None
    log_score: float | None
    norm_ratio: float | None  # smallest norm over the median norm
    labels: tuple[LabelEvidence, ...]
    repair_images: int
    evaluation_images: int
    clean_accuracy: BeforeAfter | None
    asr: BeforeAfter | None
    robust_accuracy: BeforeAfter | None
    true_trigger_asr: BeforeAfter | None
    repair_reason: str | None
    image_steps: int


@dataclass(frozen=True)
class SecurityStudy:
    """Everything the report says about security."""

    dataset: str
    images: int
    checkpoint: CheckpointInfo
    published: PublishedSecurity
    corrected: CorrectedSecurity
