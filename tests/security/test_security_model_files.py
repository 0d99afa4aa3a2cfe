import os
import socket

import pytest

from trivet.errors import DataError
from trivet.security.model_files import find_models


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
        for model in find_models(root, leave_out=root / leave_out)
    }


def test_checkpoints_of_all_folders_come_in_the_order_of_their_paths(folder):
    fill(
        folder, "b.pth", "a/z.PT", "a/y.onnx", "a/deep/er/x.pt2", "c.safetensors", "a.pt", "notes.txt", "pth"
    )
    models = find_models(folder, leave_out=folder / "out")
    assert [model.name for model in models] == [
        "a.pt", "a/deep/er/x.pt2", "a/y.onnx", "a/z.PT", "b.pth", "c.safetensors",
    ]  # fmt: skip
    assert [model.path for model in models] == [folder / model.name for model in models]
    assert all(model.failure is None for model in models)


def test_hidden_names_and_the_folder_of_the_results_are_left_out(folder):
    fill(folder, "a.pth", ".b.pth", ".cache/c.pth", "out/triggers.safetensors", "other/out/d.pth")
    assert list(found(folder)) == ["a.pth", "other/out/d.pth"]


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


def test_links_out_of_the_folder_are_refused(folder, tmp_path):
    fill(tmp_path, "secret.pth", "elsewhere/a.pth", "notes")
    (folder / "file.pth").symlink_to("../secret.pth")
    (folder / "disguised.pth").symlink_to("../notes")
    (folder / "far").symlink_to("../elsewhere", target_is_directory=True)
    (folder / "notes").symlink_to("../notes")
    messages = found(folder)
    assert list(messages) == ["disguised.pth", "far", "file.pth"]
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


@pytest.mark.parametrize("names", [(), ("notes.txt", ".a.pth")])
def test_a_folder_without_checkpoints(folder, names):
    fill(folder, *names)
    with pytest.raises(DataError, match=r"holds no checkpoints; expected files that end in .pth, .pt, "):
        found(folder)


def test_no_folder(folder):
    with pytest.raises(DataError, match="there is no folder at"):
        found(folder / "nowhere")
