"""Keys, envelopes by DSSE, and bundles of OpenSSF model signing."""

import base64
import hashlib
import json
import os
import stat

import pytest

pytest.importorskip("cryptography")
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from trivet.errors import DataError, UsageError
from trivet.evidence import make_keys
from trivet.evidence.dossier import Source, json_bytes
from trivet.evidence.keys import BadSignature, Signer, Verifier, bundle, listed_in

PAYLOAD = '{"é": 1}'.encode()
FILES = [Source("b", hashlib.sha256(b"b").hexdigest()), Source("a", hashlib.sha256(b"a").hexdigest())]


def save(key, folder):
    """Save a private key and its public one as PEM."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "key").write_bytes(private)
    (folder / "key.pub").write_bytes(public)
    return folder / "key", folder / "key.pub"


KINDS = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.fixture(params=KINDS)
def pair(request, tmp_path):
    return save(KINDS[request.param](), tmp_path)


def test_keys_are_made_for_their_owner_alone_and_never_overwritten(tmp_path):
    private, public = make_keys(tmp_path / "key.pem")
    assert public.name == "key.pem.pub"
    if os.name == "posix":
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes(), public.read_bytes()
    with pytest.raises(UsageError, match="left alone"):
        make_keys(tmp_path / "key.pem")
    public.unlink()
    with pytest.raises(UsageError, match="left alone"):
        make_keys(tmp_path / "key.pem")
    private.unlink()
    public.write_bytes(before[1])
    with pytest.raises(UsageError, match="left alone"):
        make_keys(tmp_path / "key.pem")
    assert public.read_bytes() == before[1]


def test_an_envelope_verifies_and_is_the_same_each_time(pair):
    signer, verifier = Signer(pair[0]), Verifier(pair[1])
    envelope = signer.envelope(PAYLOAD)
    assert envelope == signer.envelope(PAYLOAD)
    assert verifier.payload_of(json_bytes(envelope)) == PAYLOAD
    assert envelope["signatures"][0]["keyid"] == verifier.key_id


def test_the_signature_is_over_the_encoding_of_dsse(tmp_path):
    private, _ = save(KINDS["P-256"](), tmp_path)
    envelope = Signer(private).envelope(PAYLOAD)
    assert base64.b64decode(envelope["payload"]) == PAYLOAD
    message = b"DSSEv1 28 application/vnd.in-toto+json 9 " + PAYLOAD
    public = serialization.load_pem_private_key(private.read_bytes(), None).public_key()
    given = base64.b64decode(envelope["signatures"][0]["sig"])
    public.verify(given, message, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(given, message + b" ", ec.ECDSA(hashes.SHA256()))


def test_another_key_content_or_type_is_refused(pair, tmp_path_factory):
    envelope = Signer(pair[0]).envelope(PAYLOAD)
    other = save(KINDS["Ed25519"](), tmp_path_factory.mktemp("other"))[1]
    with pytest.raises(BadSignature, match="another key"):
        Verifier(other).payload_of(json_bytes(envelope))
    envelope["signatures"][0]["keyid"] = ""
    with pytest.raises(BadSignature):
        Verifier(other).payload_of(json_bytes(envelope))
    verifier = Verifier(pair[1])
    with pytest.raises(BadSignature, match="spelled"):
        verifier.payload_of(json_bytes(envelope))
    envelope["signatures"][0]["keyid"] = verifier.key_id
    assert verifier.payload_of(json_bytes(envelope)) == PAYLOAD
    for harm in (
        {"payload": base64.b64encode(PAYLOAD + b" ").decode()},
        {"payload": 3},
        {"payload": "%"},
        {"payloadType": "text/plain"},
        {"signatures": []},
        {"signatures": [*envelope["signatures"], *envelope["signatures"]]},
        {"signatures": [{"sig": "", "keyid": ""}]},
        {"signatures": ["x"]},
        {"signatures": 3},
    ):
        with pytest.raises(BadSignature):
            verifier.payload_of(json_bytes({**envelope, **harm}))
    for nothing in (None, [], "x", {}):
        with pytest.raises(BadSignature):
            verifier.payload_of(json_bytes(nothing))


def test_every_byte_of_a_signature_counts(tmp_path):
    private, public = save(KINDS["Ed25519"](), tmp_path)
    signer, verifier = Signer(private), Verifier(public)
    for document in (signer.envelope(b"{}"), bundle(signer, "folder", FILES[:1])):
        text = json_bytes(document)
        for place in range(len(text)):
            changed = bytearray(text)
            changed[place] ^= 1
            with pytest.raises(BadSignature):
                verifier.payload_of(bytes(changed))


def test_a_bundle_lists_files_as_model_signing_does(pair):
    made = bundle(Signer(pair[0]), "folder", FILES)
    assert made["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert (
        made["verificationMaterial"]["publicKey"]["hint"] == hashlib.sha256(pair[1].read_bytes()).hexdigest()
    )
    payload = Verifier(pair[1]).payload_of(json_bytes(made))
    statement = json.loads(payload)
    assert statement["predicateType"] == "https://model_signing/signature/v1.0"
    digests = [hashlib.sha256(name).digest() for name in (b"a", b"b")]
    root = hashlib.sha256(b"".join(digests)).hexdigest()
    assert statement["subject"] == [{"name": "folder", "digest": {"sha256": root}}]
    assert listed_in(payload) == {each.name: each.sha256 for each in FILES}


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"3", b"[" * 100_000, b"\xff", b'{"dsseEnvelope": 3}', b'{"payload": {}}']
)
def test_what_is_no_bundle_is_refused(text, pair):
    with pytest.raises(BadSignature):
        Verifier(pair[1]).payload_of(text)


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b"[]",
        b"\xff",
        b'{"predicateType": "https://model_signing/signature/v1.0", "predicate": {"resources": [3]}}',
        json.dumps(
            {
                "predicateType": "https://model_signing/signature/v1.0",
                "predicate": {"resources": [{"name": "a", "digest": "x", "algorithm": "sha256"}] * 2},
            }
        ).encode(),
        json.dumps(
            {
                "predicateType": "https://model_signing/signature/v1.0",
                "predicate": {"resources": [{"name": "a", "digest": "x", "algorithm": "md5"}]},
            }
        ).encode(),
    ],
)
def test_what_lists_no_files_is_refused(payload):
    with pytest.raises(BadSignature):
        listed_in(payload)


def test_keys_that_cannot_be_used_are_refused(tmp_path):
    (tmp_path / "none").write_bytes(b"none")
    for kind in (Signer, Verifier):
        with pytest.raises(DataError, match="expected"):
            kind(tmp_path / "none")
        with pytest.raises(DataError, match="cannot be read"):
            kind(tmp_path / "missing")
    private, public = save(rsa.generate_private_key(65_537, 2_048), tmp_path)
    with pytest.raises(DataError, match="another kind"):
        Signer(private)
    with pytest.raises(DataError, match="another kind"):
        Verifier(public)
    locked = KINDS["P-256"]().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    private.write_bytes(locked)
    with pytest.raises(DataError, match="without a password"):
        Signer(private)
