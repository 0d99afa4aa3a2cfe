"""An audit run again from evidence, and its record compared with the evidence's byte by byte."""

import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from trivet.audit import run_audit
from trivet.comparison import ReadAudit, change_text, compare_audits
from trivet.comparison.results import CHANGE, EXACT
from trivet.config import AuditConfig
from trivet.evidence.dossier import Dossier
from trivet.record import METRICS, as_json, make_manifest, to_text
from trivet.wording import one_line

__all__ = ["Again", "as_many_threads", "run_again"]

#: What of a manifest is the kind of a machine.
_KIND: Final = ("trivet", "python", "platform", "processors", "libraries")
MOST_SHOWN: Final = 5
CHANGE_CHARACTERS: Final = 120
MOST_THREADS: Final = 1024
#: Of a version or a platform.
NAME_CHARACTERS: Final = 60


@dataclass(frozen=True)
class Again:
    """An audit that was run again.

    Attributes
    ----------
    outcome
        ``ok`` where the record is the same byte by byte, or on a machine of another kind no verdict is
        another one and no headline measurement changed by more than noise; ``unchecked`` where one did there;
        ``failed`` where the machine is of the same kind and the record is another one.
    statement
        In a sentence or two, with what differs, of the machine as well.
    """

    outcome: Literal["ok", "unchecked", "failed"]
    statement: str


def run_again(
    config: AuditConfig,
    dossier: Dossier,
    root: Path,
    *,
    progress: Callable[[str, str, float | None], None],
) -> Again:
    """Run the audit in a temporary folder, with `root` as the working folder, and compare."""
    with (
        tempfile.TemporaryDirectory(prefix="trivet-again-") as folder,
        chdir(root),
        as_many_threads(dossier.record),
    ):
        audit = replace(config.audit, out=Path(folder))
        done = run_audit(replace(config, audit=audit), progress=progress)
    if to_text(done.record).encode("utf-8", "backslashreplace") == dossier.files[METRICS]:
        return Again("ok", "The record is the same, byte by byte.")
    manifest = make_manifest(inputs=done.inputs, seconds={}, pdf_engine="", started=datetime.now(UTC))
    return _judge(
        ReadAudit("evidence", dossier.record, dossier.manifest),
        ReadAudit("again", as_json(done.record), manifest),
    )


@contextmanager
def as_many_threads(record: Mapping[str, Any]) -> Generator[None]:
    """Let PyTorch have as many threads as it had, on which the digits of a scan depend."""
    scan = (record["security"] or {}).get("scan")
    if scan is None or not 0 < scan["threads"] <= MOST_THREADS:
        yield
        return
    import torch  # noqa: PLC0415 - only a scan needs it

    before = torch.get_num_threads()
    torch.set_num_threads(scan["threads"])
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _judge(before: ReadAudit, after: ReadAudit) -> Again:
    """Compare two records whose bytes differ: on another machine that alone shows no forgery."""
    found = compare_audits(before, after)
    verdicts = [each for each in found.verdicts if each.before != each.after]
    moved = [each for each in found.headline if each.outcome in {CHANGE, EXACT}]
    differ = [*verdicts, *(each for each in (*found.headline, *found.changed) if each.before != each.after)]
    shown = "; ".join(one_line(change_text(each), limit=CHANGE_CHARACTERS) for each in differ[:MOST_SHOWN])
    more = f"; and {len(differ) - MOST_SHOWN} more" if len(differ) > MOST_SHOWN else ""
    what = f"{shown}{more}" if shown else "only what no comparison names"
    other = [*_differing(before.manifest, after.manifest)]
    if not other:
        return Again("failed", f"The record differs on a machine of the same kind: {what}.")
    kind = f"The record differs, and so does the machine ({', '.join(other)})"
    if verdicts or moved:
        worse = "a verdict" if verdicts else "a headline measurement by more than noise"
        way = "run it where these are as they were, to know which of the two it comes from"
        return Again("unchecked", f"{kind}; {worse} is another one: {what}; {way}.")
    return Again(
        "ok", f"{kind}; every verdict is the same, and no headline moved by more than noise: {what}."
    )


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Name what of the machine is of another kind, with both sides."""
    for name in _KIND:
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            for each in dict.fromkeys((*old, *new)):
                if old.get(each) != new.get(each):
                    yield f"{_plain(each)} {_plain(old.get(each))} there and {_plain(new.get(each))} here"
        elif old != new:
            yield f"{name} {_plain(old)} there and {_plain(new)} here"


def _plain(value: Any) -> str:
    return "none" if value is None else one_line(value, limit=NAME_CHARACTERS)
