"""Audit of a system leg by leg: the user's, or that of the built-in study with the published recipes."""

import hashlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

from trivet.audit.parts import LegDone, Made, Parts, Progress
from trivet.config import FairnessSection, PrivacySection, SecuritySection
from trivet.errors import DataError, UsageError
from trivet.fairness.auditing.results import FairnessAudit, FairnessComparison, SameRows
from trivet.fairness.auditing.settings import ADULT, TableSettings
from trivet.privacy.membership.results import MembershipAudit
from trivet.privacy.membership.settings import ModelSettings
from trivet.privacy.planning.results import Plan
from trivet.privacy.planning.settings import PlanSettings
from trivet.privacy.planning.training import TrainingPlan, TrainingSettings
from trivet.record import (
    DECISIONS,
    METRICS,
    STRIP_PIXELS,
    FairnessLeg,
    PrivacyLeg,
    load_record,
    read_decisions,
    read_fairness_audits,
    read_privacy_audits,
)
from trivet.security.results import PublishedSecurity
from trivet.security.scanning.results import SCAN, ScanResult, SecurityAudit
from trivet.security.settings import MAX_LOSS, ScanSettings, SecuritySettings
from trivet.study.fairness_results import FairnessSettings, PublishedFairness
from trivet.study.privacy import publish_privacy, study_plan
from trivet.wording import one_line
from trivet.work.own_code import OWN_CODE

__all__ = [
    "audit_fairness",
    "audit_privacy",
    "audit_security",
    "code_digest",
    "fairness_settings",
    "load_studied_checkpoint",
    "path_digest",
    "settings_as_json",
]

#: Before a folder whose config.json describes a network.
FOLDER: Final = "hf:"
#: Separates the file of a database from the name of a table in it.
TABLE: Final = ":"


def path_digest(named: str | Path) -> str | None:
    """Return the SHA-256 of a file, or of all files in a folder with their paths in it."""
    path = Path(named)
    try:
        if not path.exists() and TABLE in str(named):
            path = Path(str(named).rpartition(TABLE)[0])
        if path.is_file():
            return _file_digest(path)
        if not path.is_dir():
            return None
        digest = hashlib.sha256()
        for below in sorted(path.rglob("*")):
            if below.is_file():
                digest.update(f"{below.relative_to(path).as_posix()}\0{_file_digest(below)}\n".encode())
        return digest.hexdigest()
    except (OSError, UnicodeError, ValueError):
        return None


def code_digest(named: str | None) -> str | None:
    """Return the SHA-256 of the module in ``package.module:name``, or of the config.json in ``hf:FOLDER``."""
    if named is not None and named.startswith(FOLDER):
        return path_digest(Path(named.removeprefix(FOLDER), "config.json"))
    if named is None or not OWN_CODE.fullmatch(named):
        return None
    module = named.partition(":")[0]
    beside = Path(*module.split(".")).with_suffix(".py")  # the current directory
    if beside.is_file():
        return path_digest(beside)
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    return None if found is None or found.origin is None else path_digest(found.origin)


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]


def settings_as_json(kind: type[Any], settings: Any) -> dict[str, Any]:
    """Return the settings that `kind` names, as plain JSON values."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - the types alone should cost nothing

    return {
        each.name: TypeAdapter(Any).dump_python(getattr(settings, each.name), mode="json")
        for each in fields(kind)
    }


def audit_fairness(
    section: FairnessSection, *, study: bool, parts: Parts, progress: Progress, baseline: Path | None = None
) -> LegDone[FairnessLeg]:
    """Audit a table, or compare mitigations on it or on the study's, and take in finished audits.

    Decisions on a table are paired with those of a baseline that is of the same rows.
    """
    finished = read_fairness_audits(section.audits)  # first: it may be refused
    audit, comparison, published = finished.audit, finished.comparison, None
    inputs = dict(finished.inputs)
    table = section.table
    tabled = Made(_Tabled())
    if (comparison is not None and (study or (table and table.estimator))) or (
        audit is not None and table and not table.estimator
    ):
        own = "the built-in study makes, unless study = false" if study else "[fairness.table] asks for"
        raise UsageError(
            f"[fairness] audits has what {own}, and there is room for one of each; leave one of them out."
        )

    def tell(step: str, share: float | None = None) -> None:
        progress("fairness", step, share)

    if study:
        comparison, published = _study_fairness(section, parts=parts, tell=tell)
    elif table is not None:
        digest = None if table.table == ADULT else path_digest(table.table)
        key: dict[str, Any] = {
            "settings": settings_as_json(TableSettings, table),
            "table": digest,
            "seed": section.seed,
        }
        if (code := code_digest(table.estimator)) is not None:
            key["code"] = code
        if baseline is not None:
            key["baseline"] = [path_digest(baseline / name) for name in (METRICS, DECISIONS)]
            if key["baseline"][0] is None:
                raise DataError(
                    f"the baseline {one_line(baseline, limit=500)} has no {METRICS}; check its path."
                )
        tabled = parts.cached(
            "fairness-table", _Tabled, key, lambda: _table(table, baseline, seed=section.seed, tell=tell)
        )
        audit, comparison = tabled.value.audit or audit, tabled.value.comparison or comparison
        if digest is not None:
            inputs[Path(table.table).name] = digest
    if audit is None and comparison is not None:
        audit = comparison.baseline
    leg = FairnessLeg(audit, comparison, published, tabled.value.paired)
    return LegDone(leg, inputs, decisions=tabled.arrays)


@dataclass(frozen=True)
class _Tabled:
    """Result of a table: an audit or a comparison, and the decisions of a baseline beside its own."""

    audit: FairnessAudit | None = None
    comparison: FairnessComparison | None = None
    paired: SameRows | None = None


def _table(
    table: TableSettings, baseline: Path | None, *, seed: int, tell: Callable[[str, float | None], None]
) -> Made[_Tabled]:
    from trivet.fairness.auditing.same_rows import decisions_of, joined  # noqa: PLC0415 - as below
    from trivet.fairness.auditing.table import audit_table  # noqa: PLC0415 - reads tables

    own: dict[str, NDArray[Any]] = {}
    paired: list[SameRows | None] = []

    def keep(predicted: "Predicted") -> None:
        after = decisions_of(predicted)
        if after is None:
            return
        own.update(after.arrays())
        before = None if baseline is None else _decisions_in(baseline)
        digest = None if baseline is None else path_digest(baseline / METRICS)
        if before is not None and digest is not None:
            paired.append(joined(digest, before, after, predicted))

    found = audit_table(table, seed=seed, progress=tell, keep=keep)
    both = paired[0] if paired else None
    if isinstance(found, FairnessComparison):
        return Made(_Tabled(comparison=found))
    return Made(_Tabled(audit=found, paired=both), own)


def _decisions_in(folder: Path) -> "Decisions | None":
    """Return the decisions on a table that an audit kept; None where it kept none."""
    from trivet.fairness.auditing.same_rows import Decisions  # noqa: PLC0415 - only a baseline needs it

    return Decisions.from_arrays(_kept_in(folder))


def _kept_in(folder: Path) -> Mapping[str, NDArray[Any]]:
    """Return the arrays by which an audit is paired with later ones; none where it kept none."""
    import safetensors  # noqa: PLC0415 - only a baseline needs it
    import safetensors.numpy  # noqa: PLC0415

    content = read_decisions(folder, load_record(folder).decisions)
    try:
        return {} if content is None else safetensors.numpy.load(content)
    except (ValueError, safetensors.SafetensorError):
        return {}


def _study_fairness(
    section: FairnessSection, *, parts: Parts, tell: Callable[[str], None]
) -> tuple[FairnessComparison, PublishedFairness]:
    settings = fairness_settings(section)
    key = {"settings": settings_as_json(FairnessSettings, settings)}

    def compare() -> Made[FairnessComparison]:
        from trivet.study.fairness import compare_studied  # noqa: PLC0415 - as above

        return Made(compare_studied(settings, progress=tell))

    comparison = parts.cached("fairness-comparison", FairnessComparison, key, compare).value

    def publish() -> Made[PublishedFairness]:
        from trivet.study.fairness import publish_fairness  # noqa: PLC0415 - as above

        return Made(publish_fairness(settings, comparison, progress=tell))

    return comparison, parts.cached("fairness-published", PublishedFairness, key, publish).value


def fairness_settings(section: FairnessSection) -> FairnessSettings:
    """Return the study's constants of ``[fairness]``."""
    return FairnessSettings(**{each.name: getattr(section, each.name) for each in fields(FairnessSettings)})


if TYPE_CHECKING:
    from trivet.fairness.auditing.rows import Predicted
    from trivet.fairness.auditing.same_rows import Decisions
    from trivet.security import Checkpoint, Classifier, Scan
    from trivet.security.checkpoint import ScanInput

#: Before the names of a repaired network's weights, which come from a file.
WEIGHT: Final = "weight."
#: The study's repair, and its control: training as long on clean images.
STUDY_REPAIRS: Final = ("unlearn", "fine-tune")


def audit_security(
    section: SecuritySection,
    *,
    study: bool,
    seed: int,
    parts: Parts,
    progress: Progress,
    baseline: Path | None = None,
) -> LegDone[SecurityAudit]:
    """Scan a network and repair what is suspected; each step is a part.

    What it makes of the images is paired with what a baseline's network made of the same.
    """
    import torch  # noqa: PLC0415 - each leg is loaded only when it runs

    from trivet.security.calls import load_scanned, repair_suspect, scan_again  # noqa: PLC0415 - as above
    from trivet.security.scanning.many import images_sha256  # noqa: PLC0415
    from trivet.security.scanning.reference import REFERENCE, load_reference  # noqa: PLC0415
    from trivet.security.scanning.same_images import joined, right_of  # noqa: PLC0415
    from trivet.security.scanning.scan import scan  # noqa: PLC0415

    settings = section.scan
    if not study and settings is None:
        raise UsageError("there is no [security.scan]; name a checkpoint in it, or leave security out.")
    progress("security", "loading", None)
    subject = _studied(section) if settings is None else load_scanned(settings, seed=seed)
    method = STUDY_REPAIRS if settings is None else settings.repair
    max_loss = MAX_LOSS if settings is None else settings.max_loss
    info = subject.checkpoint.info
    named = None if settings is None else settings.reference
    reference = None if named is None else load_reference(named)

    def tell(step: str, share: float) -> None:
        progress("security", step, share)

    key = {
        "settings": settings
        and settings_as_json(ScanSettings, replace(settings, repair=None, max_loss=MAX_LOSS)),
        "network": asdict(info),
        "images": images_sha256(subject.images),
        "contract": None if subject.declared is None else asdict(subject.declared),
        "code": None if settings is None else code_digest(settings.arch),
        "layers": settings and settings.layers and path_digest(settings.layers),
        "reference": None if reference is None else reference.sha256,
        "scan": SCAN,
        "seed": seed,
        "threads": torch.get_num_threads(),
    }
    published = _publish(section, subject, key, seed=seed, parts=parts, tell=tell) if study else None

    def find() -> Made[ScanResult]:
        found = scan(
            subject.checkpoint,
            subject.images,
            declared=subject.declared,
            profile="standard" if settings is None else settings.profile,
            reference=reference,
            seed=seed,
            progress=tell,
        )
        return Made(found.result, {"mask": found.masks, "pattern": found.patterns})

    scanned = parts.cached("security-scan", ScanResult, key, find)
    masks, patterns = scanned.arrays["mask"], scanned.arrays["pattern"]
    found = scan_again(subject, scanned.value, masks, patterns)
    if scanned.value.suspected_label is None or method is None:
        rest = _stamped(SecurityAudit(scanned.value), subject, found, None)
    else:

        def mend() -> Made[SecurityAudit]:
            done = repair_suspect(
                subject, found, method, max_loss=max_loss, reference=reference, seed=seed, progress=tell
            )
            audit = SecurityAudit(scanned.value, repair=done.result)
            stamped = _stamped(audit, subject, found, done.model)
            weights = {} if done.model is None else done.model.weights()
            mended = {f"{WEIGHT}{name}": each.contiguous().numpy() for name, each in weights.items()}
            return Made(stamped.value, {**stamped.arrays, **mended})

        key |= {"method": method, "max_loss": max_loss}
        rest = parts.cached("security-repair", SecurityAudit, key, mend)
    audit, triggers = rest.value, {"scan.mask": masks, "scan.pattern": patterns}
    if published is not None:
        audit = replace(audit, published=_compared(published.value, scanned.value))
        triggers |= {f"published.{name}": array for name, array in published.arrays.items()}
    triggers |= {name: array for name, array in rest.arrays.items() if not name.startswith(WEIGHT)}
    weights = {
        name.removeprefix(WEIGHT): array for name, array in rest.arrays.items() if name.startswith(WEIGHT)
    }
    inputs = {info.name: info.sha256}
    if reference is not None:
        inputs[f"{reference.name}/{REFERENCE}"] = reference.sha256
    right = right_of(found, subject.checkpoint.model)
    digest = None if baseline is None else path_digest(baseline / METRICS)
    if baseline is not None and digest is not None:
        audit = replace(audit, paired=joined(digest, _kept_in(baseline), right))
    return LegDone(audit, inputs, triggers, weights, right)


def load_studied_checkpoint(section: SecuritySection) -> "Checkpoint":
    """Load the network of the study: that of a file or of an archive, or the embedded one."""
    from trivet import security  # noqa: PLC0415 - as above

    if section.archive is not None:
        index = section.model_index
        if index is None:
            index = security.index_from_student_id(section.student_id or "")
        return security.load_from_archive(section.archive, index)
    if section.checkpoint is not None:
        return security.load_checkpoint(section.checkpoint, expected_label=section.expected_label)
    return security.load_demo_checkpoint()


def _studied(section: SecuritySection) -> "ScanInput":
    from trivet.datasets import load_mnist  # noqa: PLC0415 - as above
    from trivet.security import contract_named  # noqa: PLC0415
    from trivet.security.checkpoint import ScanInput  # noqa: PLC0415

    return ScanInput(load_studied_checkpoint(section), load_mnist("test"), contract_named(section.contract))


def _publish(
    section: SecuritySection,
    subject: "ScanInput",
    key: Mapping[str, Any],
    *,
    seed: int,
    parts: Parts,
    tell: Callable[[str, float], None],
) -> Made[PublishedSecurity]:
    from trivet.security import contract_named  # noqa: PLC0415 - as above
    from trivet.security.published import publish_security  # noqa: PLC0415 - as above

    def make() -> Made[PublishedSecurity]:
        result, inversion = publish_security(
            subject.checkpoint,
            subject.images,
            contract_named(section.contract),
            section,
            seed=seed,
            progress=tell,
        )
        return Made(result, {"mask": inversion.masks, "pattern": inversion.patterns})

    key = {**key, "published": settings_as_json(SecuritySettings, section)}
    return parts.cached("security-published", PublishedSecurity, key, make)


def _compared(published: PublishedSecurity, scan: ScanResult) -> PublishedSecurity:
    """Say whether the published procedure names the label that the scan suspects."""
    suspect = scan.suspected_label
    same = None if suspect is None else suspect == published.detected_label
    return replace(published, same_as_scan=same)


def _stamped(
    audit: SecurityAudit, subject: "ScanInput", found: "Scan", repaired: "Classifier | None"
) -> Made[SecurityAudit]:
    from trivet.security.frozen import freeze  # noqa: PLC0415 - as above
    from trivet.security.scanning.scan import strip_of  # noqa: PLC0415

    strip = strip_of(
        found,
        found.contract.bind(freeze(subject.checkpoint.model)),
        repaired=None if repaired is None else found.contract.bind(freeze(repaired)),
    )
    if strip is None:
        return Made(audit)
    return Made(replace(audit, strip=strip[0]), {STRIP_PIXELS: strip[1]})


def audit_privacy(
    section: PrivacySection, *, study: bool, seed: int, parts: Parts, progress: Progress
) -> LegDone[PrivacyLeg]:
    """Plan queries, of ``[privacy.plan]`` or the study, and training; attack a model; take in audits."""
    finished = read_privacy_audits(section.audits)  # first: it may be refused
    plan = published = training = None
    settings = study_plan(section) if study else section.plan
    if settings is not None:

        def ask() -> Made[Plan]:
            from trivet.privacy.planning.plan import plan_queries  # noqa: PLC0415 - SciPy is heavy

            progress("privacy", "the plan", None)
            return Made(plan_queries(settings, curves=True))

        key = {"settings": settings_as_json(PlanSettings, settings)}
        plan = parts.cached("privacy-plan", Plan, key, ask).value
        if study:
            progress("privacy", "the published exercises", None)
            published = publish_privacy(section, plan)
    if (loop := section.training) is not None:

        def ask_training() -> Made[TrainingPlan]:
            from trivet.privacy.planning.dp_sgd import plan_training  # noqa: PLC0415 - as above

            progress("privacy", "the training", None)
            return Made(plan_training(loop, curves=True))

        key = {"settings": settings_as_json(TrainingSettings, loop)}
        training = parts.cached("privacy-training", TrainingPlan, key, ask_training).value
    membership, inputs = finished.membership, finished.inputs
    if (model := section.model) is not None:
        if membership is not None:
            raise UsageError(
                "[privacy] audits has an audit of a model, and so has [privacy.model]; a report has room for "
                "one, leave one of them out."
            )
        membership, digest = _model_audit(model, seed=seed, parts=parts, progress=progress)
        if digest is not None:
            inputs = {**inputs, Path(model.table or model.images or "").name: digest}
    leg = PrivacyLeg(plan, finished.mechanisms, membership, published, training, finished.code)
    return LegDone(leg, inputs)


def _model_audit(
    settings: ModelSettings, *, seed: int, parts: Parts, progress: Progress
) -> tuple[MembershipAudit, str | None]:
    """Train a model with its shadow models and attack it; models that are trained already are kept."""
    source = settings.table or settings.images or ""
    digest = path_digest(source)
    key = {
        "settings": settings_as_json(ModelSettings, replace(settings, workers=None)),
        "rows": digest,
        "code": code_digest(settings.model),
        "seed": seed,
    }

    def tell(step: str, share: float | None) -> None:
        progress("privacy", step, share)

    def ask() -> Made[MembershipAudit]:
        from trivet.privacy.membership.audit import attack_subject  # noqa: PLC0415 - scikit-learn
        from trivet.privacy.membership.subject import load_subject  # noqa: PLC0415 - DuckDB

        tell("the model's rows", None)
        table = None if settings.table in {None, ADULT} else settings.table
        subject = load_subject(table, settings, seed=seed)
        found = attack_subject(
            subject,
            settings,
            workers=settings.workers,
            work=parts.work("privacy-model"),
            seed=seed,
            progress=tell,
        ).result
        # Which rows they are is personal data, and a record may be given out.
        named = found.discoveries
        return Made(found if named is None else replace(found, discoveries=replace(named, rows=())))

    return parts.cached("privacy-model", MembershipAudit, key, ask).value, digest
