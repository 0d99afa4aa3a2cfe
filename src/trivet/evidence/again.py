"""An audit run again from evidence, and its record compared with the evidence's byte by byte."""

import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from trivet.audit import run_audit
from trivet.comparison import ReadAudit, change_text, compare_audits
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


@dataclass(frozen=True)
class Again:
    """An audit that was run again.

    Attributes
    ----------
    agrees
        The record is the same byte by byte; on a machine of another kind, every verdict is the same.
    identical
        The record is the same byte by byte.
    statement
        In a sentence or two, with what differs.
    """

    agrees: bool
    identical: bool
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
        return Again(agrees=True, identical=True, statement="The record is the same, byte by byte.")
    manifest = make_manifest(inputs=done.inputs, seconds={}, pdf_engine="", started=datetime.now(UTC))
    other = [name for name in _KIND if dossier.manifest.get(name) != manifest.get(name)]
    return _judge(
        ReadAudit("evidence", dossier.record, dossier.manifest),
        ReadAudit("again", as_json(done.record), manifest),
        other,
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


def _judge(before: ReadAudit, after: ReadAudit, other: list[str]) -> Again:
    """Compare two records whose bytes differ; `other` names what of the machine is of another kind."""
    found = compare_audits(before, after)
    verdicts = [each for each in found.verdicts if each.before != each.after]
    differ = [*verdicts, *(each for each in (*found.headline, *found.changed) if each.before != each.after)]
    shown = "; ".join(one_line(change_text(each), limit=CHANGE_CHARACTERS) for each in differ[:MOST_SHOWN])
    more = f"; and {len(differ) - MOST_SHOWN} more" if len(differ) > MOST_SHOWN else ""
    what = f"{shown}{more}" if shown else "only what no comparison names"
    if not other:
        said = f"The record differs on a machine of the same kind: {what}."
        return Again(agrees=False, identical=False, statement=said)
    kind = f"The record differs, on a machine with another {', '.join(other)}"
    if verdicts:
        return Again(agrees=False, identical=False, statement=f"{kind}, and so does a verdict: {what}.")
    return Again(agrees=True, identical=False, statement=f"{kind}; every verdict is the same: {what}.")
