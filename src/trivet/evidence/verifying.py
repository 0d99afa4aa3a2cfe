"""Evidence, verified: signatures, digests, what follows from the record, and the audit run again.

Nothing of the evidence is executed, no link is followed, and no path leaves the two folders that are named:
that of the evidence and that of the inputs.
"""

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

from trivet.comparison import parse_tolerances
from trivet.config import AuditConfig, load_config
from trivet.errors import DataError, TrivetError, UsageError
from trivet.evidence.again import run_again
from trivet.evidence.dossier import RECORD_FILES, About, Dossier, read_dossier, sha256_of
from trivet.evidence.keys import BadSignature, Verifier, listed_in
from trivet.evidence.writing import (
    DOCUMENTS,
    ENVELOPE,
    EVIDENCE_FILES,
    FOLDER,
    INDEX,
    SIGNATURE,
    STATEMENT,
    SUMS,
    WEIGHTS_SIGNATURE,
    documents_of,
)
from trivet.findings import findings_of, read_baseline
from trivet.policy import measured_places, parse_requirements
from trivet.record import METRICS
from trivet.result import Table
from trivet.wording import first_line, listed, one_line
from trivet.work.bounded import read_bounded

__all__ = ["Check", "Verification", "verify"]

Outcome = Literal["ok", "failed", "unchecked", "note"]
#: Of one file of evidence.
MOST_BYTES: Final = 256 * 2**20
BLOCK: Final = 2**20
MOST_PARTS: Final = 64
MOST_CHARACTERS: Final = 500
#: Other files that are named.
MOST_NAMED: Final = 5
#: Folders above that of the evidence in which audit.toml is looked for.
ABOVE: Final = 3
#: Signed with a key, or absent without one.
_SIGNATURES: Final = (ENVELOPE, WEIGHTS_SIGNATURE, SIGNATURE)
_ALWAYS: Final = (*DOCUMENTS, *RECORD_FILES, INDEX)


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes
    ----------
    name
        What was checked.
    outcome
        ``ok``; ``failed``; ``unchecked`` where something is missing that the check needs; ``note``.
    detail
        Why, in a sentence; empty where there is nothing to say.
    """

    name: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, repr=False)
class Verification(Table, head=("statement", "key"), rows="checks", columns=("name", "outcome", "detail")):
    """Outcome of a verification.

    Attributes
    ----------
    checks
        All that was checked, in order.
    key
        SHA-256 of the public key that all signatures are of; None where none was checked.
    result
        What the evidence says of the audit: ``PASSED``, ``WARNED`` or ``FAILED``; None where it cannot be
        read.
    statement
        What it comes to, in a sentence.
    """

    checks: tuple[Check, ...]
    key: str | None
    result: str | None
    statement: str

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(each for each in self.checks if each.outcome == "failed")

    @property
    def unchecked(self) -> tuple[Check, ...]:
        """The checks that could not be made."""
        return tuple(each for each in self.checks if each.outcome == "unchecked")

    @property
    def holds(self) -> bool:
        """True where everything was checked and nothing failed."""
        return not self.failed and not self.unchecked


def verify(
    folder: str | Path,
    *,
    key: str | Path | None = None,
    inputs: str | Path | None = None,
    files_only: bool = False,
    again: bool = False,
    progress: Callable[[str, str, float | None], None] = lambda _leg, _step, _share: None,
) -> Verification:
    """Verify evidence.

    Parameters
    ----------
    folder
        The folder of the evidence, or of the audit that it is in.
    key
        The public key, PEM, which has to come from the signer by another way. Signed evidence needs it.
    inputs
        Folder with the audit.toml, weights and data, as they were beside each other; None for the working
        folder, or the nearest above the evidence that has the audit.toml.
    files_only
        Leave weights, data and audit.toml out.
    again
        Run the audit again, and compare its record with that of the evidence. Its code is executed, if it
        names some, as by ``trivet run``; only where nothing failed before.
    progress
        Called during the audit with a leg, a step and its finished share.

    Raises
    ------
    DataError
        There is no evidence, or a key cannot be read.
    UsageError
        Signed evidence is to be verified without a key, or the audit to be run without its inputs.
    """
    if files_only and again:
        raise UsageError("the audit runs again on its inputs, which are left out; drop one of the two.")
    place = _place_of(Path(folder))
    content = _read_all(place)
    index = _object(content.get(INDEX))
    verifier = None if key is None else Verifier(Path(key))
    if verifier is None and (index.get("key") is not None or any(name in content for name in _SIGNATURES)):
        raise UsageError("the evidence is signed; name the signer's public key with --key.")
    case = _Case(place, content, index, verifier)
    case.check_files()
    if verifier is not None:
        case.check_signatures(verifier)
    elif not case.failed:
        case.add("signatures", "note", "nothing is signed, so whoever wrote the files can be anyone")
    dossier = None if case.failed else case.read()
    if dossier is not None:
        case.check_documents(dossier)
        case.check_beside(dossier)
        if not files_only:
            _check_inputs(case, dossier, inputs, again=again, progress=progress)
    return case.closed(dossier)


@dataclass(eq=False)
class _Case:
    """Evidence under verification, and the checks so far."""

    place: Path
    content: Mapping[str, bytes]
    index: Mapping[str, Any]
    verifier: Verifier | None
    checks: list[Check] = field(default_factory=list)

    def add(self, name: str, outcome: Outcome, detail: str = "") -> None:
        self.checks.append(
            Check(one_line(name, limit=MOST_CHARACTERS), outcome, one_line(detail, limit=MOST_CHARACTERS))
        )

    @property
    def failed(self) -> bool:
        return any(each.outcome == "failed" for each in self.checks)

    def check_files(self) -> None:
        """Compare every file with the list of digests beside it."""
        sums = _sums(self.content.get(SUMS))
        if sums is None:
            self.add(SUMS, "failed", "it is missing, or not a list of SHA-256 digests")
            return
        for name in dict.fromkeys((*_ALWAYS, *sums)):
            if name not in self.content:
                self.add(name, "failed", "it is missing")
            elif sums.get(name) != sha256_of(self.content[name]):
                self.add(name, "failed", f"its content is not that of {SUMS}")
        if not self.failed:
            self.add(f"{len(sums)} files against {SUMS}", "ok")
        with suppress(OSError):
            others = sorted(name for name in os.listdir(self.place) if name not in EVIDENCE_FILES)  # noqa: PTH208
            if others:
                named = ", ".join(map(one_line, others[:MOST_NAMED]))
                self.add("other files", "note", f"{len(others)} that nothing here vouches for: {named}")

    def check_signatures(self, verifier: Verifier) -> None:
        """Check all signatures, and that they are of these files."""
        network = self._network_digest()
        wanted = (ENVELOPE, SIGNATURE, *((WEIGHTS_SIGNATURE,) if network else ()))
        for name in wanted:
            if name not in self.content:
                self.add(name, "failed", "the signature is missing")
                continue
            try:
                payload = verifier.payload_of(self.content[name])
                if name == ENVELOPE and payload != self.content.get(STATEMENT):
                    raise BadSignature(f"it is of another statement than {STATEMENT}")  # noqa: TRY301 - as below
                if name == WEIGHTS_SIGNATURE and listed_in(payload) != {".": network}:
                    raise BadSignature("it is of other weights")  # noqa: TRY301
                if name == SIGNATURE:
                    self._compare(listed_in(payload))
            except BadSignature as error:
                self.add(name, "failed", f"{error}")
            else:
                self.add(name, "ok", f"signed with the key {verifier.key_id[:16]}")

    def _compare(self, signed: Mapping[str, str]) -> None:
        there = {name: sha256_of(each) for name, each in self.content.items() if name != SIGNATURE}
        names = sorted(name for name in {*there, *signed} if there.get(name) != signed.get(name))
        if names:
            raise BadSignature(f"these files are not as they were signed: {', '.join(names)}")

    def _network_digest(self) -> str | None:
        """Return the SHA-256 of the weights by the record; None where it has none or cannot be read."""
        with suppress(LookupError, TypeError):
            digest = _object(self.content.get(METRICS))["security"]["scan"]["checkpoint"]["sha256"]
            return digest if isinstance(digest, str) else None
        return None

    def read(self) -> Dossier:
        about = self.index.get("about")
        try:
            return read_dossier(self.place, About(**(about if isinstance(about, dict) else {})), links=False)
        except (TypeError, AttributeError, UsageError) as error:  # of another version, or not texts
            raise DataError(
                f"{self.place / INDEX} does not describe the model as this version does."
            ) from error

    def check_documents(self, dossier: Dossier) -> None:
        """Derive all documents from the record anew; only the version that wrote them writes them alike."""
        written, here = self.index.get("trivet"), version("trivet")
        if written != here:
            said = f"they were written by trivet {one_line(written)}, and this is {here}: not derived anew"
            self.add("documents", "note", said)
            return
        derived = documents_of(dossier)
        for name in DOCUMENTS:
            if derived[name] != self.content[name]:
                self.add(name, "failed", "it does not follow from the record, the manifest and the findings")
        if not self.failed:
            self.add(f"{len(DOCUMENTS)} documents derived from the record anew", "ok", "the same bytes")

    def check_beside(self, dossier: Dossier) -> None:
        """Compare the files of the audit in whose folder the evidence stands by default."""
        whole = Path(os.path.abspath(self.place))  # noqa: PTH100 - no link is followed
        if whole.name != FOLDER:
            return
        wanted = {**{name: sha256_of(self.content[name]) for name in RECORD_FILES}, **dossier.arrays}
        for name, digest in wanted.items():
            try:
                found = _digest_of(whole.parent, name)
            except OSError as error:
                said = f"it cannot be read: {error.strerror or first_line(error)}"
                self.add(f"{name} of the audit beside", "unchecked", said)
                continue
            if found is not None:
                said = "" if found == digest else "it is not that of the evidence"
                self.add(f"{name} of the audit beside", "failed" if said else "ok", said)

    def closed(self, dossier: Dossier | None) -> Verification:
        failed = [each.name for each in self.checks if each.outcome == "failed"]
        unchecked = [each.name for each in self.checks if each.outcome == "unchecked"]
        if failed:
            said = f"The evidence does not hold: {listed(failed)} failed."
        elif unchecked:
            said = f"Nothing failed, and not everything could be checked: {listed(unchecked)}."
        else:
            said = "The evidence holds."
        signed = self.verifier is not None and not failed
        return Verification(
            tuple(self.checks),
            self.verifier.key_id if signed and self.verifier else None,
            None if dossier is None else dossier.result,
            one_line(said, limit=2_000),
        )


def _check_inputs(
    case: _Case,
    dossier: Dossier,
    inputs: str | Path | None,
    *,
    again: bool,
    progress: Callable[[str, str, float | None], None],
) -> None:
    """Check weights, data and audit.toml, whether the findings follow from them, and run the audit again."""
    root = Path(os.path.abspath(_root(case, dossier) if inputs is None else inputs))  # noqa: PTH100 - as above
    configuration = dossier.configuration
    wanted = [*dossier.places.items()]
    if configuration is not None:
        wanted.insert(0, (configuration.name, configuration.sha256))
    if not dossier.invocation:
        case.add(
            "weights and data", "unchecked", "the manifest is of a version that does not say where they are"
        )
        return
    held = not case.failed
    for name, digest in wanted:
        _check_input(case, root, name, digest)
    if dossier.network is not None and dossier.network.checkpoint["source"] == "embedded":
        case.add("weights", "note", "they are those of the demonstration, in the package of trivet")
    if case.failed or any(each.outcome == "unchecked" for each in case.checks):
        if again:
            why = (
                "its inputs are not those of the evidence, or not here"
                if held
                else "something of the evidence does not hold"
            )
            case.add("the audit again", "unchecked", why)
        return
    config = _config(root, dossier)
    _check_gate(case, dossier, config)
    if again and not case.failed:
        try:
            found = run_again(config, dossier, root, progress=progress)
        except TrivetError as error:  # and not a verdict
            case.add("the audit again", "unchecked", str(error))
        else:
            case.add("the audit again", found.outcome, found.statement)


def _check_input(case: _Case, root: Path, name: str, digest: str) -> None:
    try:
        found = _digest_of(root, name)
    except OSError as error:
        case.add(name, "unchecked", f"it cannot be read: {error.strerror or first_line(error)}")
        return
    if found is None:
        case.add(name, "unchecked", f"it is not in {root}; name the folder of the inputs with --inputs")
    elif found == digest:
        case.add(name, "ok")
    else:
        case.add(name, "failed", f"its SHA-256 is {found}, and {digest} was audited")


def _config(root: Path, dossier: Dossier) -> AuditConfig:
    """Return the configuration of the audit from an audit.toml that was checked, and the options over it."""
    configuration, options = dossier.configuration, dossier.invocation.get("options")
    given = _nested(options)
    for key in ("checkpoint", "archive"):
        place = given.get("security", {}).get(key)
        if isinstance(place, str):
            given["security"][key] = root / _parts(place)
    if isinstance(place := given.get("policy", {}).get("baseline"), str):
        given["policy"]["baseline"] = root / _parts(place)
    return load_config(None if configuration is None else root / _parts(configuration.name), given)


def _check_gate(case: _Case, dossier: Dossier, config: AuditConfig) -> None:
    """Judge the record anew by the policy of audit.toml, on the day of the audit."""
    name = "findings by the policy"
    if dossier.version != version("trivet"):
        case.add(name, "note", f"they are of trivet {dossier.version}, and this is {version('trivet')}")
        return
    policy = config.policy
    try:
        baseline = None if policy.baseline is None else read_baseline(policy.baseline)
    except TrivetError as error:
        case.add(name, "unchecked", f"the baseline cannot be read: {error}")
        return
    requirements = parse_requirements(policy.require)
    tolerances = parse_tolerances(policy.tolerance, measured_places)
    same = any(
        findings_of(
            dossier.record,
            requirements,
            policy.waivers,
            severity=policy.severity,
            baseline=baseline,
            tolerances=tolerances,
            day=day,
        )
        == dossier.findings
        for day in dossier.days
    )
    case.add(name, "ok" if same else "failed", "" if same else "the record and audit.toml give others")


def _root(case: _Case, dossier: Dossier) -> Path:
    """Return the folder with the audit.toml of the evidence, or the nearest above it with one of that name.

    The working folder counts where it is above the evidence, or has that very file: another audit's would be
    taken for a changed one.
    """
    configuration = dossier.configuration
    here = Path.cwd()
    if configuration is None:
        return here
    above = Path(os.path.abspath(case.place)).parents[:ABOVE]  # noqa: PTH100 - as above
    found: list[tuple[Path, str]] = []
    for folder in (here, *above):
        with suppress(OSError):
            digest = _digest_of(folder, configuration.name)
            if digest is not None:
                found.append((folder, digest))
    exact = [folder for folder, digest in found if digest == configuration.sha256]
    return next(iter((*exact, *(folder for folder, _ in found if folder in above))), above[0])


def _place_of(folder: Path) -> Path:
    """Return the folder of the evidence where that of its audit is named."""
    own = any((folder / name).exists() for name in (INDEX, SUMS, STATEMENT))
    return folder if own or not (folder / FOLDER).is_dir() else folder / FOLDER


def _read_all(place: Path) -> dict[str, bytes]:
    """Return the content of every file of evidence that is there; a link is as if it were not."""
    shown = one_line(place, limit=MOST_CHARACTERS)
    if not place.is_dir():
        raise DataError(f"there is no folder {shown}; expected that of `trivet evidence`.")
    content: dict[str, bytes] = {}
    for name in EVIDENCE_FILES:
        path = place / name
        if path.is_symlink():
            continue
        try:
            content[name] = read_bounded(path, MOST_BYTES)
        except FileNotFoundError:
            continue
        except OSError as error:
            why = error.strerror or first_line(error)
            raise DataError(f"{one_line(path, limit=MOST_CHARACTERS)} cannot be read: {why}.") from error
    if not {INDEX, SUMS, STATEMENT} & content.keys():
        raise DataError(f"{shown} holds no evidence; expected the folder that `trivet evidence` wrote.")
    return content


def _object(text: bytes | None) -> Mapping[str, Any]:
    """Return a JSON object; an empty one where there is none."""
    try:
        found = json.loads(text or b"")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _sums(text: bytes | None) -> dict[str, str] | None:
    """Return digests by name; None of anything else, and of a list of other files."""
    try:
        lines = [line.split("  ") for line in (text or b"").decode("ascii").splitlines()]
    except UnicodeDecodeError:
        return None
    if not lines or any(len(line) != 2 or line[1] not in EVIDENCE_FILES for line in lines):  # noqa: PLR2004
        return None
    return {name: digest for digest, name in lines}


def _nested(options: Any) -> dict[str, dict[str, Any]]:
    """Return options by section; without what is none."""
    found = options if isinstance(options, Mapping) else {}
    return {section: dict(values) for section, values in found.items() if isinstance(values, Mapping)}


def _parts(place: str) -> Path:
    """Return a relative path that stays below where it starts.

    Raises
    ------
    DataError
        It does not.
    """
    parts = place.split("/")
    wrong = not place or "\0" in place or "\\" in place or len(parts) > MOST_PARTS
    if wrong or any(part in {"", ".", ".."} for part in parts) or Path(place).is_absolute():
        raise DataError(
            f"the evidence names {one_line(place)!r}; expected a path below the folder of the inputs."
        )
    return Path(*parts)


def _digest_of(root: Path, place: str) -> str | None:
    """Return the SHA-256 of a file, or of a folder as an audit does; None where there is none, or a link."""
    path = root
    for part in _parts(place).parts:
        path /= part
        if path.is_symlink():
            return None
    if path.is_dir():
        return _folder_digest(path)
    return _file_digest(path) if path.exists() else None


def _folder_digest(folder: Path) -> str | None:
    digest = hashlib.sha256()
    for below in sorted(_below(folder)):
        if below.is_symlink():
            return None
        digest.update(f"{below.relative_to(folder).as_posix()}\0{_file_digest(below)}\n".encode())
    return digest.hexdigest()


def _below(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        yield from (Path(here, name) for name in files)
        yield from (link for name in folders if (link := Path(here, name)).is_symlink())


def _file_digest(path: Path) -> str:
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    with os.fdopen(os.open(path, flags), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(0, "it is not a regular file", str(path))
        digest = hashlib.sha256()
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
