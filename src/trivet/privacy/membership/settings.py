"""Settings of an audit of a model: its rows, how it is trained, and what is tried on it."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from annotated_types import Ge, MinLen

from trivet.privacy.membership.results import BARE, Claim
from trivet.settings import Count, Positive, SettingError, Settings, Share

__all__ = ["ADULT", "AttackName", "ModelOptions", "ModelRows", "ModelSettings"]

AttackName = Literal["all", "lira-online", "lira-offline", "rmia", "quantile"]
#: Stands for the embedded Adult data with the features of the study.
ADULT: Final = "adult"


@dataclass(frozen=True, kw_only=True)
class ModelRows(Settings):
    """Rows that a model is audited on, beside the table.

    Attributes
    ----------
    label : Of a table: the column that the model predicts.
    positive : Of a table: predict this value of the label against all others.
    group : Protected columns, COL or COL,COL, whose groups are compared in exposure; gender for Adult.
    unit : Of a table: the column that says whose row it is. All rows of a person are then inside or outside
        together, and the person is what is attacked; without it each row counts as a person.
    ignore : Of a table: columns that the model does not see, COL or COL,COL, such as numbers of rows and
        dates.
    images : Labelled images instead of a table: an embedded set's name, a folder, an .npz or an IDX file.
    rows : Use at most that many rows, drawn at random.
    """

    label: str | None = None
    positive: str | None = None
    group: tuple[str, ...] = ()
    unit: str | None = None
    ignore: tuple[str, ...] = ()
    images: str | None = None
    rows: Count | None = None


@dataclass(frozen=True, kw_only=True)
class ModelOptions(ModelRows):
    """Options of ``trivet privacy audit-model``, beside the table.

    Attributes
    ----------
    model : logistic, boosting, tree, or package.module:factory of your own, which returns a scikit-learn
        classifier or a torch.nn.Module; on the command line for Adult also no-gender, reweighed,
        promotion-demotion and massaging, as in the study.
    attack : Which attack, or all.
    shadows : Models that are trained to compare with; 0 for the attack quantile alone, which needs none.
    canaries : Rows to plant in one more training, for a lower bound on epsilon.
    epsilon : Epsilon that is claimed for the training, which planted rows and the attacks test; each row is
        then inside by the toss of a coin.
    delta : Delta of the claim, at which epsilon is bounded; above 0 for a gaussian claim.
    claim : What is claimed of the training: a bare epsilon and delta; or gaussian, the privacy of Gaussian
        noise, as DP-SGD claims, which the same guesses refute more easily.
    fdr : False discovery rate of the list of exposed members: the largest share of non-members in it, on
        average.
    device : Where a network runs: cpu, cuda, cuda:1, mps, or auto, which takes an accelerator where there is
        one. Each worker has a network there. Results are the same bit for bit on the processor only.
    budget : Seconds that the trainings may take. Shadow models that are not trained by then are left out,
        and the result says how many there were.
    """

    model: str = "logistic"
    attack: AttackName = "all"
    shadows: Annotated[int, Ge(0)] = 64
    canaries: Annotated[int, Ge(0)] = 0
    epsilon: float | None = None
    delta: float = 0.0
    claim: Claim = BARE
    fdr: Share = 0.05
    device: str = "cpu"
    budget: Positive | None = None


@dataclass(frozen=True, kw_only=True)
class ModelSettings(ModelOptions):
    """``[privacy.model]``: a model that the audit trains, with its shadow models, and attacks.

    Attributes
    ----------
    table : A .csv or .parquet file, or FILE.duckdb:TABLE; ``adult`` is the embedded data, with the features
        of the study. None where there are images.
    workers : Processes that train models, one a core by default; the result does not depend on it.
    """

    table: Annotated[str, MinLen(1)] | None = None
    workers: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.table is None) == (self.images is None):
            raise SettingError("give one of {table} and {images}: the rows that the model is trained on.")
        of_table = self.label is not None or self.positive is not None or self.unit or self.ignore
        if self.table == ADULT and of_table:
            raise SettingError(
                "{label}, {positive}, {unit} and {ignore} are of a table of your own; adult has its columns."
            )
        if self.table not in {None, ADULT} and self.label is None:
            raise SettingError("a table needs {label}, the column that the model predicts.")
