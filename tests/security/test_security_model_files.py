import gzip
import io
import json
import os
import socket
import zipfile

import pytest
import torch
from test_security_parts import graph

from trivet.errors import DataError
from trivet.security.scanning.files import find_models


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "models"
    root.mkdir()
    return root


def fill(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def found(root, leave_out="out"):
    return {
        model.name: model.failure and model.failure.message
        for model in find_models(root, leave_out=root / leave_out).models
    }


def skipped(root, leave_out="out"):
    return {other.file: other.content for other in find_models(root, leave_out=root / leave_out).skipped}


def test_checkpoints_of_all_folders_come_in_the_order_of_their_paths(folder):
    fill(
        folder, "b.pth", "a/z.PT", "a/y.onnx", "a/deep/er/x.pt2", "c.safetensors", "a.pt", "notes.txt", "pth"
    )
    models = find_models(folder, leave_out=folder / "out").models
    assert [model.name for model in models] == [
        "a.pt", "a/deep/er/x.pt2", "a/y.onnx", "a/z.PT", "b.pth", "c.safetensors",
    ]  # fmt: skip
    assert [model.path for model in models] == [folder / model.name for model in models]
    assert all(model.failure is None for model in models)


def test_hidden_files_count_and_the_folder_of_the_results_does_not(folder):
    fill(folder, "a.pth", ".b.pth", ".cache/c.pth", "out/triggers.safetensors", "other/out/d.pth")
    assert list(found(folder)) == [".b.pth", ".cache/c.pth", "a.pth", "other/out/d.pth"]
    assert skipped(folder) == {}


def pickled(protocol):
    """Return weights as `torch.save` writes them without its zip archive."""
    content = io.BytesIO()
    torch.save({"w": torch.ones(2)}, content, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    return content.getvalue()


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"1")
    return content.getvalue()


@pytest.mark.parametrize("name", ["w.ckpt", "w.pth.tar", "w.bin", "w.th", "w.t7", "w.pkl", "w.weights", "w"])
@pytest.mark.parametrize("content", [pickled(2), pickled(0), zipped("w/data.pkl")])
def test_a_checkpoint_is_found_by_its_content_under_any_name(folder, name, content):
    (folder / name).write_bytes(content)
    assert found(folder) == {name: None}


OTHERS = {
    "README": (b"# Networks\nNone of them is safe.\n", "text"),
    "notes.md": ("Größe: 3 µm\n".encode(), "text"),
    "table.rst": (b".. table::\n", "text"),
    "windows.txt": ("Größe\r\n".encode("utf-16"), "text"),
    "long": (b"0123456789abcde\n" * 5_000 + "é".encode(), "text"),
    "config.json": (b'{"a": 1}', "text"),
    "__init__.py": (b"", "an empty file"),
    "a.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture"),
    "a.jpg": (b"\xff\xd8\xff\xe0\0", "a picture"),
    "paper.pdf": (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
    "rows.parquet": (b"PAR1\x15\x04", "a table"),
    "t10k-images-idx3-ubyte": (b"\0\0\x08\x03\0\0\0\x01" + bytes(24), "images in IDX format"),
    "t10k-images-idx3-ubyte.gz": (
        gzip.compress(b"\0\0\x08\x03\0\0\0\x01" + bytes(24)),
        "images in IDX format",
    ),
    "clean.npz": (zipped("images.npy", "labels.npy"), "a set of images"),
    "thesis.docx": (zipped("[Content_Types].xml"), "an office document"),
    ".DS_Store": (b"\0\0\0\x01Bud1\0", "settings of a folder's view"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_known_to_be_something_else_is_listed(folder, name):
    content, what = OTHERS[name]
    fill(folder, "w.pth")
    (folder / name).write_bytes(content)
    assert list(found(folder)) == ["w.pth"]
    assert skipped(folder) == {name: what}


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        b"4\n1\n3\nV 1\n13\nnn.Sequential\n",
        b"\x89HDF\r\n\x1a\n",
        gzip.compress(bytes(range(256))),
        zipped("model.weights.h5"),
        b"# a note\n" + zipped("w/data.pkl"),
    ],
)
def test_what_nobody_can_tell_counts_as_a_checkpoint(folder, content):
    (folder / "thing").write_bytes(content)
    assert found(folder) == {"thing": None}


@pytest.mark.parametrize("content", [b"", b"<html>404", b"version https://git-lfs.github.com/spec/v1\n"])
def test_a_name_that_promises_a_checkpoint_is_believed(folder, content):
    (folder / "w.safetensors").write_bytes(content)
    assert found(folder) == {"w.safetensors": None}


def test_the_parts_of_a_checkpoint_count_with_what_names_them(folder):
    shards = [f"m-0000{number}-of-00002.safetensors" for number in (1, 2)]
    fill(folder, *shards, "g.onnx.data", "hidden.pth", "m-00003-of-00003.safetensors")
    (folder / "m.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": shards[0], "b": shards[1], "c": "hidden.pth"}})
    )
    (folder / "g.onnx.data").write_bytes(bytes(range(256)))
    graph(folder, "g.onnx.data", "hidden.pth")
    whole = "m.safetensors.index.json"
    assert list(found(folder)) == ["g.onnx", "hidden.pth", "m-00003-of-00003.safetensors", whole]
    assert skipped(folder) == {
        "g.onnx.data": "a part of g.onnx",
        **dict.fromkeys(shards, f"a part of {whole}"),
    }


def test_folders_of_version_control_are_listed_and_not_entered(folder):
    fill(folder, "a.pth", ".git/objects/b.pth", "sub/.git/c.pth")
    assert list(found(folder)) == ["a.pth"]
    assert list(skipped(folder)) == [".git", "sub/.git"]


def test_results_may_lie_in_the_folder_itself(folder):
    fill(folder, "a.pth", "a.pth.json")
    assert list(found(folder, leave_out=".")) == ["a.pth"]


def test_a_folder_may_be_called_like_a_checkpoint(folder):
    fill(folder, "run.pt/a.pth")
    assert found(folder) == {"run.pt/a.pth": None}


def test_links_within_the_folder_are_followed_to_files_and_not_to_folders(folder):
    fill(folder, "a/b.pth")
    (folder / "again.pth").symlink_to("a/b.pth")
    (folder / "twice").symlink_to("a", target_is_directory=True)
    (folder / "a" / "round").symlink_to("..", target_is_directory=True)
    assert found(folder) == {"a/b.pth": None, "again.pth": None}
    assert list(skipped(folder)) == ["a/round", "twice"]


def test_links_out_of_the_folder_are_refused(folder, tmp_path):
    fill(tmp_path, "secret.pth", "elsewhere/a.pth", "notes")
    (folder / "file.pth").symlink_to("../secret.pth")
    (folder / "disguised.pth").symlink_to("../notes")
    (folder / "far").symlink_to("../elsewhere", target_is_directory=True)
    (folder / "notes").symlink_to("../notes")
    messages = found(folder)
    assert list(messages) == ["disguised.pth", "far", "file.pth", "notes"]
    assert all("is a link out of the folder, which is not followed" in text for text in messages.values())


def test_a_folder_that_is_a_link_itself_is_read(folder, tmp_path):
    fill(folder, "a.pth")
    (tmp_path / "link").symlink_to("models", target_is_directory=True)
    assert found(tmp_path / "link") == {"a.pth": None}


def test_what_is_no_file_is_refused_and_never_opened(folder):
    os.mkfifo(folder / "pipe.pth")
    (folder / "gone.pth").symlink_to("nowhere")
    (folder / "loop.pth").symlink_to("loop.pth")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "s.pth"))
        messages = found(folder)
    assert messages == {
        "gone.pth": "'gone.pth' is a link that leads nowhere; expected a checkpoint.",
        "loop.pth": "'loop.pth' is a link that leads nowhere; expected a checkpoint.",
        "pipe.pth": "'pipe.pth' is neither a file nor a folder; expected a checkpoint.",
        "s.pth": "'s.pth' is neither a file nor a folder; expected a checkpoint.",
    }


def enter(here, name):
    """Exchange an open folder for the one called `name` in it."""
    there = os.open(name, os.O_RDONLY, dir_fd=here)
    os.close(here)
    return there


def test_folders_nested_deeper_than_python_calls(folder):
    depth = 1_050
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        here = enter(here, "d")
    os.close(os.open("a.pth", os.O_CREAT, dir_fd=here))
    try:
        assert list(found(folder)) == ["d/" * depth + "a.pth"]
    finally:  # what removes temporary folders calls itself once a folder
        os.unlink("a.pth", dir_fd=here)
        for _ in range(depth):
            here = enter(here, "..")
            os.rmdir("d", dir_fd=here)
        os.close(here)


@pytest.mark.parametrize("names", [(), ("notes.txt", ".a")])
def test_a_folder_without_checkpoints(folder, names):
    fill(folder, *names)
    with pytest.raises(DataError, match="holds no checkpoints; by name and content"):
        found(folder)


def test_no_folder(folder):
    with pytest.raises(DataError, match="there is no folder at"):
        found(folder / "nowhere")


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_a_folder_that_no_system_takes_is_one_line(folder, name):
    with pytest.raises(DataError, match=r"^(the folder .* cannot be read: |there is no folder at )[^\n]*$"):
        find_models(folder / name, leave_out=folder / "out")
