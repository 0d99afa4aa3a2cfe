"""Evidence of a finished audit, written."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from trivet.evidence.annex import annex_html, annex_markdown
from trivet.evidence.cyclonedx import bill_of_materials
from trivet.evidence.dossier import (
    RECORD_FILES,
    About,
    Dossier,
    Source,
    json_bytes,
    read_dossier,
    sha256_of,
    text_bytes,
)
from trivet.evidence.in_toto import test_result
from trivet.evidence.keys import Signer, bundle
from trivet.evidence.spdx import spdx_document
from trivet.result import Result
from trivet.work.result_files import make_folder, remove_result, write_whole

__all__ = [
    "BOM",
    "DOCUMENTS",
    "ENVELOPE",
    "EVIDENCE_FILES",
    "FOLDER",
    "INDEX",
    "SIGNATURE",
    "STATEMENT",
    "SUMS",
    "WEIGHTS_SIGNATURE",
    "Evidence",
    "documents_of",
    "sums_of",
    "write",
]

#: Below the folder of an audit.
FOLDER: Final = "evidence"
INDEX: Final = "evidence.json"
STATEMENT: Final = "test-result.json"
BOM: Final = "bom.cdx.json"
SPDX: Final = "model.spdx3.json"
MARKDOWN, PAGE = "annex-iv.md", "annex-iv.html"
SUMS: Final = "SHA256SUMS"
ENVELOPE: Final = "test-result.dsse.json"
SIGNATURE: Final = "evidence.sig"
WEIGHTS_SIGNATURE: Final = "weights.sig"
#: What is derived from the record, its manifest and its findings.
DOCUMENTS: Final = (STATEMENT, BOM, SPDX, MARKDOWN, PAGE)
#: Everything that evidence can consist of.
EVIDENCE_FILES: Final = (*DOCUMENTS, *RECORD_FILES, INDEX, SUMS, ENVELOPE, WEIGHTS_SIGNATURE, SIGNATURE)
#: Raised when a file moves or changes its meaning.
EVIDENCE_VERSION: Final = 1


@dataclass(frozen=True, repr=False)
class Evidence(Result, head=("result", "folder", "key", "files")):
    """Evidence that was written.

    Attributes
    ----------
    folder
        Where it is.
    files
        Names of its files.
    result
        ``PASSED``, ``WARNED`` or ``FAILED``, by the findings of the audit.
    key
        SHA-256 of the public key in PEM; None where nothing was signed.
    """

    folder: str
    files: tuple[str, ...]
    result: str
    key: str | None


def write(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    sign: str | Path | None = None,
    about: About | None = None,
) -> Evidence:
    """Write the evidence of a finished audit: the same audit, options and key write the same bytes.

    Parameters
    ----------
    folder
        Output folder of ``trivet run``, with record, manifest and findings.
    out
        Receives the evidence; None for ``evidence`` in `folder`.
    sign
        A private key: PEM, Ed25519 or ECDSA. None signs nothing, and takes away earlier signatures.
    about
        Facts about the model that an audit does not measure.

    Raises
    ------
    RecordError, DataError
        The audit or the key is missing or damaged.
    UsageError
        The folder cannot be written, or `cryptography` is not installed.
    """
    signer = None if sign is None else Signer(Path(sign))
    dossier = read_dossier(Path(folder), about or About())
    place = make_folder(Path(folder) / FOLDER if out is None else Path(out))
    key = None if signer is None else signer.key_id
    files = {**documents_of(dossier), **dossier.files, INDEX: _index(dossier, key)}
    files[SUMS] = sums_of({name: sha256_of(content) for name, content in files.items()})
    if signer is not None:
        _sign(dossier, signer, files)
    for name in EVIDENCE_FILES:
        if name in files:
            write_whole(place / name, files[name])
        else:
            remove_result(place / name)
    return Evidence(str(place), tuple(name for name in EVIDENCE_FILES if name in files), dossier.result, key)


def documents_of(dossier: Dossier) -> dict[str, bytes]:
    """Return the content of every document by its name."""
    return {
        STATEMENT: json_bytes(test_result(dossier)),
        BOM: json_bytes(bill_of_materials(dossier)),
        SPDX: json_bytes(spdx_document(dossier)),
        MARKDOWN: text_bytes(annex_markdown(dossier)),
        PAGE: text_bytes(annex_html(dossier)),
    }


def sums_of(digests: Mapping[str, str]) -> bytes:
    """Return digests as ``sha256sum`` writes and checks them."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()


def _sign(dossier: Dossier, signer: Signer, files: dict[str, bytes]) -> None:
    """Add the signatures: of the statement, of weights in a single file, and of all files."""
    files[ENVELOPE] = json_bytes(signer.envelope(files[STATEMENT]))
    if dossier.network is not None:
        name, digest = (dossier.network.checkpoint[key] for key in ("name", "sha256"))
        files[WEIGHTS_SIGNATURE] = json_bytes(bundle(signer, str(name), [Source(".", digest)]))
    listed = [Source(name, sha256_of(content)) for name, content in files.items()]
    files[SIGNATURE] = json_bytes(bundle(signer, FOLDER, listed))


def _index(dossier: Dossier, key: str | None) -> bytes:
    return json_bytes(
        {
            "evidence_version": EVIDENCE_VERSION,
            "trivet": version("trivet"),
            "about": dossier.about_json(),
            "result": dossier.result,
            "key": key,
        }
    )
