"""Results of the security leg: frozen values only, readable without any heavy import."""

from dataclasses import dataclass

from trivet.estimate import Columns
from trivet.result import Table


@dataclass(frozen=True)
class BeforeAfter:
    """One rate (a share of images, 0 to 1) before and after the repair."""

    before: float
    after: float


@dataclass(frozen=True)
class CheckpointInfo:
    """Network of an audit.

    Attributes
    ----------
    source
        ``embedded``, ``file`` or ``archive``.
    name
        Of the file, without its folder.
    loading
        What was done for the weights to fit the architecture, a sentence each; empty where nothing was.
    """

    source: str
    name: str
    sha256: str
    architecture: str
    parameters: int
    expected_label: int | None
    loading: tuple[str, ...] = ()


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
class FractionSweep(Columns):
    """Unlearning repeated with other stamped fractions, on `images` images.

    With fraction zero the network is as it came, not trained. The best fraction is the one with the
    lowest ASR of all.
    """

    images: int
    fraction: tuple[float, ...]
    clean_accuracy: tuple[float, ...]
    asr: tuple[float, ...]
    best_fraction: float
    best_asr: float
    best_clean_accuracy: float
    repeats_published: bool  # the best fraction is the one that the study unlearns with
    monotone: bool  # ASR never rises as the fraction grows


@dataclass(frozen=True)
class ConfusionPair(Columns):
    """Row-normalised clean confusion matrices: ``[true][predicted]``, rows sum to 1.

    `recall` is the mean of the diagonal. `favourite_label_before` is the label that clean images
    get most often before the repair; the two shares are its shares of all clean images.
    """

    before: tuple[tuple[float, ...], ...]
    after: tuple[tuple[float, ...], ...]
    recall: BeforeAfter
    favourite_label_before: int
    favourite_share_before: float
    favourite_share_after: float


@dataclass(frozen=True)
class PublishedSecurity(Columns):
    """Neural Cleanse, lower-tail MAD and unlearning as the published study does them.

    Attributes
    ----------
    expected_label, agrees
        The attacker's label where it is known, and whether the detected one equals it.
    outlier
        Some modified z-score is at most -kappa; otherwise the fallback named the label.
    norms, modified_z
        |m_y|_1 in pixels and its score, by label.
    detected_norm, detected_z, norm_ratio
        Of the detected label; the ratio is its norm over the median norm.
    runner_up_label, runner_up_norm
        The label with the smallest norm but one.
    z_floor, z_floor_above_bound
        The score that an empty mask would have among these norms, and whether even that stays
        above -kappa: then no trigger at all could have fired the rule.
    mask_pixels
        Pixels of the detected label's mask above one half.
    target_share
        Share of the images whose true class is the detected label: the floor under this ASR.
    image_steps
        Images pushed forward and back by the reconstruction.
    same_as_scan
        Whether the scan suspects the detected label; None where it suspects none.
    """

    settings: PublishedSettings
    expected_label: int | None
    detected_label: int
    agrees: bool | None
    outlier: bool
    norms: tuple[float, ...]
    modified_z: tuple[float, ...]
    detected_norm: float
    detected_z: float
    median_norm: float
    norm_ratio: float
    runner_up_label: int
    runner_up_norm: float
    z_floor: float | None
    z_floor_above_bound: bool
    mask_pixels: int
    target_share: float
    clean_accuracy: BeforeAfter
    asr: BeforeAfter
    asr_fell: bool
    confusion: ConfusionPair
    fraction_sweep: FractionSweep
    image_steps: int
    same_as_scan: bool | None = None


@dataclass(frozen=True)
class ContractCandidate:
    """Clean accuracy on `images` images under one preprocessing: input = (pixel * scale - mean) / std."""

    name: str  # "[0,1]", "(x-0.5)/0.5", ...
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    clean_accuracy: float
    images: int


@dataclass(frozen=True, repr=False)
class ContractCheck(
    Table,
    head=("best.name", "finding", "loss", "mismatch"),
    rows="candidates",
    columns=("name", "clean_accuracy", "images"),
):
    """The declared input contract against the usual candidates."""

    declared: ContractCandidate
    best: ContractCandidate
    candidates: tuple[ContractCandidate, ...]
    loss: float  # clean accuracy of best minus that of declared
    tolerance: float  # a loss above this is a mismatch
    mismatch: bool
    finding: str | None
