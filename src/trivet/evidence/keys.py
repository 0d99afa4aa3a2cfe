"""Keys, DSSE envelopes and the bundles of OpenSSF model signing.

An envelope holds a payload and its signature over the pre-authentication encoding of DSSE v1.0.2. A bundle
is what the OpenSSF's ``model_signing`` 1.1.1 writes with a key and verifies: an envelope whose payload lists
files with their SHA-256.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trivet.errors import DataError, UsageError, import_extra
from trivet.evidence.dossier import Source, json_bytes, text_bytes
from trivet.evidence.in_toto import statement_of
from trivet.wording import first_line, one_line
from trivet.work.bounded import read_bounded
from trivet.work.result_files import write_new

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

__all__ = [
    "SIGNATURE_PREDICATE",
    "BadSignature",
    "Signer",
    "Verifier",
    "bundle",
    "listed_in",
    "make_keys",
]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
BUNDLE_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNATURE_PREDICATE: Final = "https://model_signing/signature/v1.0"
MOST_KEY_BYTES: Final = 2**16
#: Of an envelope as text.
MOST_BYTES: Final = 16 * 2**20
MODE: Final = 0o600


class BadSignature(Exception):  # noqa: N818 - what it is
    """A signature is not that of the key, or what bears it is not an envelope."""


def make_keys(path: str | Path) -> tuple[Path, Path]:
    """Write a new pair of keys, ECDSA on the curve P-256: the private one in `path`, the other in PATH.pub.

    The private key is readable by its owner alone and not encrypted. No file is overwritten.

    Raises
    ------
    UsageError
        One of the files exists, or `cryptography` is not installed.
    """
    serialization = _crypto("primitives.serialization")
    key = _crypto("primitives.asymmetric.ec").generate_private_key(
        _crypto("primitives.asymmetric.ec").SECP256R1()
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = Path(path)
    public = path.with_name(f"{path.name}.pub")
    if public.exists() or public.is_symlink():
        raise UsageError(
            f"{one_line(public, limit=500)} exists already and was left alone; name another file."
        )
    write_new(path, private, mode=MODE)
    write_new(public, _public_pem(key.public_key()))
    return path, public


class Signer:
    """A private key that signs.

    Parameters
    ----------
    path
        A PEM file with an Ed25519 or ECDSA key, not encrypted.
    """

    def __init__(self, path: Path) -> None:
        serialization = _crypto("primitives.serialization")
        content = _read_key(path, "private")
        try:
            self._key: PrivateKeyTypes = serialization.load_pem_private_key(content, None)
        except Exception as error:  # an untrusted file can make the library fail in any way
            raise DataError(
                f"{one_line(path, limit=500)} is not a private key that can be used ({first_line(error)}); "
                "expected PEM without a password, such as `trivet evidence keygen` writes."
            ) from error
        _refuse_other(self._key.public_key(), path)
        self.public_pem = _public_pem(self._key.public_key())

    @property
    def key_id(self) -> str:
        """SHA-256 of the public key in PEM."""
        return hashlib.sha256(self.public_pem).hexdigest()

    def envelope(self, payload: bytes, *, key_id: bool = True) -> dict[str, Any]:
        """Return a DSSE envelope; the same payload and key give the same one."""
        return _envelope(payload, self._sign(_encoded(payload)), self.key_id if key_id else "")

    def _sign(self, message: bytes) -> bytes:
        key: Any = self._key
        if _is_edwards(key.public_key()):
            return key.sign(message)
        ec = _crypto("primitives.asymmetric.ec")
        algorithm = _hash_for(key.public_key())
        try:
            return key.sign(message, ec.ECDSA(algorithm, deterministic_signing=True))
        except _crypto_error("UnsupportedAlgorithm"):  # of an older OpenSSL
            return key.sign(message, ec.ECDSA(algorithm))


class Verifier:
    """A public key that verifies.

    Parameters
    ----------
    path
        A PEM file with an Ed25519 or ECDSA key.
    """

    def __init__(self, path: Path) -> None:
        serialization = _crypto("primitives.serialization")
        content = _read_key(path, "public")
        try:
            self._key: PublicKeyTypes = serialization.load_pem_public_key(content)
        except Exception as error:  # as above
            raise DataError(
                f"{one_line(path, limit=500)} is not a public key ({first_line(error)}); expected PEM, such "
                "as the .pub file of `trivet evidence keygen`."
            ) from error
        _refuse_other(self._key, path)
        self.key_id = hashlib.sha256(_public_pem(self._key)).hexdigest()

    def payload_of(self, text: bytes) -> bytes:
        """Return the payload of a file with an envelope or a bundle that the key signed.

        A file is refused whose bytes are not those that `Signer` and `bundle` give for this payload and
        signature: no byte of it is without meaning.

        Raises
        ------
        BadSignature
            It is neither, or the signature is not the key's.
        """
        try:
            document = json.loads(text) if len(text) <= MOST_BYTES else None
        except (ValueError, RecursionError) as error:
            raise BadSignature("it is not JSON") from error
        if not isinstance(document, Mapping):
            raise BadSignature("it is not an envelope")
        bundled = "dsseEnvelope" in document
        payload, signature = self._verified(document["dsseEnvelope"] if bundled else document)
        envelope = _envelope(payload, signature, "" if bundled else self.key_id)
        if json_bytes(_bundle(envelope, self.key_id) if bundled else envelope) != text:
            raise BadSignature("it is not spelled as it was written")
        return payload

    def _verified(self, envelope: Any) -> tuple[bytes, bytes]:
        """Return payload and signature."""
        try:
            if envelope["payloadType"] != PAYLOAD_TYPE:
                raise BadSignature("its payload is of another type")
            (signature,) = envelope["signatures"]
            payload = base64.b64decode(envelope["payload"], validate=True)
            given = base64.b64decode(signature["sig"], validate=True)
            named = signature.get("keyid", "")
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
            raise BadSignature("it is not a DSSE envelope with one signature") from error
        if named not in {"", self.key_id}:
            raise BadSignature("it names another key")
        key: Any = self._key
        try:
            if _is_edwards(key):
                key.verify(given, _encoded(payload))
            else:
                ecdsa = _crypto("primitives.asymmetric.ec").ECDSA(_hash_for(key))
                key.verify(given, _encoded(payload), ecdsa)
        except _crypto_error("InvalidSignature") as error:
            raise BadSignature("the signature is not that of the key and of this content") from error
        return payload, given


def bundle(signer: Signer, name: str, files: Sequence[Source]) -> dict[str, Any]:
    """Return the bundle of OpenSSF model signing over files, by path and SHA-256.

    Parameters
    ----------
    signer
        The key.
    name
        Of the folder, or of the file where `files` is one file that is called ``.``.
    files
        Each with its path from the folder.
    """
    ordered = sorted(files, key=lambda each: each.name)
    root = hashlib.sha256(b"".join(bytes.fromhex(each.sha256) for each in ordered)).hexdigest()
    content = {
        "serialization": {
            "method": "files",
            "hash_type": "sha256",
            "allow_symlinks": False,
            "ignore_paths": [],
        },
        "resources": [{"name": each.name, "algorithm": "sha256", "digest": each.sha256} for each in ordered],
    }
    payload = json.dumps(statement_of([Source(name, root)], SIGNATURE_PREDICATE, content), ensure_ascii=False)
    return _bundle(signer.envelope(text_bytes(payload), key_id=False), signer.key_id)


def _bundle(envelope: Mapping[str, Any], key_id: str) -> dict[str, Any]:
    return {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key_id}, "tlogEntries": []},
        "dsseEnvelope": envelope,
    }


def _envelope(payload: bytes, signature: bytes, key_id: str) -> dict[str, Any]:
    return {
        "payload": base64.b64encode(payload).decode("ascii"),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": base64.b64encode(signature).decode("ascii"), "keyid": key_id}],
    }


def listed_in(payload: bytes) -> dict[str, str]:
    """Return the SHA-256 by path that a bundle's payload lists.

    Raises
    ------
    BadSignature
        It is not the payload of a bundle, or lists a path twice.
    """
    try:
        statement = json.loads(payload)
        if statement["predicateType"] != SIGNATURE_PREDICATE:
            raise BadSignature("it is signed for another purpose")
        resources = statement["predicate"]["resources"]
        found = {each["name"]: each["digest"] for each in resources if each["algorithm"] == "sha256"}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadSignature("it does not list files") from error
    if len(found) != len(resources):
        raise BadSignature("it lists a file twice, or by another algorithm")
    return found


def _encoded(payload: bytes) -> bytes:
    """Return the pre-authentication encoding of DSSE."""
    kind = PAYLOAD_TYPE.encode("ascii")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _read_key(path: Path, what: str) -> bytes:
    try:
        return read_bounded(path, MOST_KEY_BYTES)
    except OSError as error:
        raise DataError(
            f"the {what} key {one_line(path, limit=500)} cannot be read: {error.strerror or error}."
        ) from error


def _refuse_other(key: Any, path: Path) -> None:
    ec = _crypto("primitives.asymmetric.ec")
    if not _is_edwards(key) and not (
        isinstance(key, ec.EllipticCurvePublicKey)
        and key.curve.name in {"secp256r1", "secp384r1", "secp521r1"}
    ):
        raise DataError(
            f"{one_line(path, limit=500)} is a key of another kind; expected Ed25519, or ECDSA on P-256, "
            "P-384 or P-521."
        )


def _is_edwards(key: Any) -> bool:
    return isinstance(key, _crypto("primitives.asymmetric.ed25519").Ed25519PublicKey)


def _hash_for(key: Any) -> Any:
    hashes = _crypto("primitives.hashes")
    return {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}[key.curve.key_size]()


def _public_pem(key: Any) -> bytes:
    serialization = _crypto("primitives.serialization")
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _crypto(module: str) -> Any:
    return import_extra(f"cryptography.hazmat.{module}", "signing evidence")


def _crypto_error(name: str) -> Any:
    return getattr(import_extra("cryptography.exceptions", "signing evidence"), name)
