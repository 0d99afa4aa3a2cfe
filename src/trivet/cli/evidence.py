"""``trivet evidence``: evidence of an audit in the formats of others, signed, and its verification."""

from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from trivet.cli.commands import command_of_commands
from trivet.cli.options import Json, command
from trivet.cli.outputs import prepare_folder
from trivet.cli.terminal import marked, path_text, print_files, print_json, report_progress, results_console
from trivet.errors import DataError
from trivet.evidence.writing import EVIDENCE_FILES, FOLDER
from trivet.verdict import Tone
from trivet.work.bounded import FOLDER as A_FOLDER
from trivet.work.bounded import require_path

__all__ = ["evidence"]

evidence = command_of_commands("evidence")
TONES: dict[str, Tone] = {"ok": "good", "failed": "bad", "unchecked": "unsure", "note": "note"}


@evidence.default
@command
def write(
    folder: Path,
    /,
    *,
    sign: Path | None = None,
    out: Path | None = None,
    supplier: str | None = None,
    model_version: str | None = None,
    released: str | None = None,
    download: str | None = None,
    json: Json = False,
) -> int:
    """Write an in-toto test result, a CycloneDX ML-BOM, an SPDX AI document and the tests of Annex IV.

    Exit code 0 whatever the audit found: the evidence says so. The same audit and key write the same bytes.

    Parameters
    ----------
    folder
        Output folder of `trivet run`.
    sign
        A private key in PEM, Ed25519 or ECDSA, such as `trivet evidence keygen` writes.
    out
        Folder for the evidence; evidence in the audit's folder by default.
    supplier
        Who supplies the model.
    model_version
        Its version; the digest of its weights by default.
    released
        The day of its release, such as 2026-11-30.
    download
        Where it can be had, a URI.
    """
    from trivet import evidence as made  # noqa: PLC0415 - the report of a usage error needs none of it

    about = made.About(supplier, model_version, released, download)
    require_path(
        folder, "audit", wanted=A_FOLDER, error=DataError, advice="name the output folder of trivet run"
    )
    place = folder / FOLDER if out is None else out
    prepare_folder(place, *EVIDENCE_FILES)
    done = made.write(folder, place, sign=sign, about=about)
    if json:
        print_json(asdict(done))
    else:
        console = results_console()
        signed = "not signed" if done.key is None else f"signed with the key {done.key[:16]}"
        console.print(f"{escape(done.result)}, {signed}")
        print_files(console, [place / name for name in done.files])
    return 0


@command
def verify(
    folder: Path,
    /,
    *,
    key: Path | None = None,
    inputs: Path | None = None,
    files_only: bool = False,
    again: bool = False,
    json: Json = False,
) -> int:
    """Verify evidence: signatures, digests of weights, data, record and configuration, and what follows.

    Exit code 0 where all of it was checked and holds, 1 where something does not, 3 where something could
    not be checked, such as data that are not here.

    Parameters
    ----------
    folder
        The folder of the evidence, or of the audit that it is in.
    key
        The signer's public key in PEM, which has to come by another way; signed evidence needs it.
    inputs
        Folder with the audit.toml, weights and data; the working folder by default, or that above the
        evidence which has the audit.toml.
    files_only
        Leave weights, data and audit.toml out.
    again
        Run the audit again and compare its record. Code that the audit.toml names is executed.
    """
    from trivet import evidence as made  # noqa: PLC0415 - as above

    with report_progress() as progress:
        found = made.verify(
            folder, key=key, inputs=inputs, files_only=files_only, again=again, progress=progress
        )
    if json:
        print_json(asdict(found))
    else:
        console = results_console()
        for check in found.checks:
            said = f"{check.name}: {check.detail}" if check.detail else check.name
            console.print(f"{marked(TONES[check.outcome], check.outcome)} {escape(said)}")
        if found.result is not None:
            console.print(f"The audit: {escape(found.result)}.")
        console.print(escape(found.statement))
    return 1 if found.failed else 3 if found.unchecked else 0


@command
def keygen(path: Path, /, *, json: Json = False) -> int:
    """Write a new pair of keys for --sign; no file is overwritten.

    Parameters
    ----------
    path
        The private key, which only its owner can read; the public one stands beside it as PATH.pub.
    """
    from trivet import evidence as made  # noqa: PLC0415 - as above

    private, public = made.make_keys(path)
    if json:
        print_json({"private": str(private), "public": str(public)})
    else:
        results_console().print(
            f"Wrote {path_text(private)}, which nobody else may have, and {path_text(public)} to verify with."
        )
    return 0
