"""The OpenSSF's own ``model_signing`` verifies the signatures, and refuses what was changed."""

from pathlib import Path

import pytest

pytest.importorskip("OpenSSL")  # model_signing 1.1.1 needs it and does not say so
pytest.importorskip("model_signing")
from model_signing import hashing, verifying

from example_evidence import audited, flip
from trivet.evidence import make_keys, write
from trivet.evidence.dossier import Source, json_bytes, sha256_of
from trivet.evidence.keys import Signer, bundle
from trivet.evidence.writing import SIGNATURE


def verify(path, signature, key):
    beside = hashing.Config().set_ignored_paths(paths=[signature])
    config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    config.set_hashing_config(beside).verify(path, signature)


def test_the_folder_of_the_evidence(tmp_path):
    private, public = make_keys(tmp_path / "key")
    folder = Path(write(audited(tmp_path / "loans"), sign=private).folder)
    verify(folder, folder / SIGNATURE, public)
    flip(folder / "bom.cdx.json")
    with pytest.raises(ValueError, match="mismatch"):
        verify(folder, folder / SIGNATURE, public)


def test_a_single_file_of_weights(tmp_path):
    private, public = make_keys(tmp_path / "key")
    weights, signature = tmp_path / "model.pth", tmp_path / "weights.sig"
    weights.write_bytes(b"weights")
    made = bundle(Signer(private), weights.name, [Source(".", sha256_of(b"weights"))])
    signature.write_bytes(json_bytes(made))
    verify(weights, signature, public)
    flip(weights)
    with pytest.raises(ValueError, match="mismatch"):
        verify(weights, signature, public)
