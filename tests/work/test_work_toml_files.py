import os
import time

import pytest

from trivet.work.bounded import MOST_BYTES, read_bounded, read_toml


def written(folder, content):
    path = folder / "a.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_file_is_read(tmp_path):
    text = '[a]\nb = 1\n"x.y.z" = "' + "d." * 100 + '"\n# ' + "e." * 100 + "\n[[c]]\nd = [[1, 2], [3]]\n"
    assert read_toml(written(tmp_path, text)) == {
        "a": {"b": 1, "x.y.z": "d." * 100},
        "c": [{"d": [[1, 2], [3]]}],
    }
    assert read_toml(str(written(tmp_path, ""))) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a = " + "[" * 20_000, "nested too deeply"),
        ("a = " + "[" * 100 + "]" * 100, "nested too deeply"),
        ("a = " + "{a=" * 3_000 + "1" + "}" * 3_000, "nested too deeply"),
        (".".join(["a"] * 60_000) + " = 1", "more than 32 parts"),
        ("[" + " . ".join(["'a'"] * 60_000) + "]", "more than 32 parts"),
        ("a = {" + '."b,=".'.join(["a"] * 60_000) + " = 1}", "more than 32 parts"),
        ('x = [{a="""a"b""", ' + ".".join(["a"] * 60_000) + '=1, b="x"}]', "more than 32 parts"),
        ("a = " + "9" * 5_000, "integer string conversion"),
        (b"a = '\xff'", "utf-8"),
        (b"\xff\xfea\x00", "utf-8"),
        ("a = 1\na = 2", "overwrite"),
        ("a = 2024-13-45", "."),
        ("a\0 = 1", "."),
        ("\x1b[31m", "."),
    ],
)
def test_what_is_no_toml_is_refused_in_one_line_at_once(tmp_path, content, said):
    path = written(tmp_path, content)
    began = time.process_time()
    with pytest.raises(ValueError, match=said) as caught:
        read_toml(path)
    assert time.process_time() - began < 2
    assert str(caught.value).isprintable()


def test_only_regular_files_of_some_size_are_read(tmp_path):
    (tmp_path / "large").write_bytes(b"#" * (MOST_BYTES + 1))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    for name, said in {
        "large": "larger than 1 MiB",
        "pipe": "not a regular file",
        "endless": "not a regular file",
        ".": "not a regular file",
        "a\0b": "NUL",
        "x" * 300: "too long",
        "nowhere": "No such file",
        "loop": "symbolic links",
    }.items():
        with pytest.raises(OSError, match=r"\w") as caught:
            read_toml(tmp_path / name)
        assert said in caught.value.strerror


def test_as_much_as_is_allowed_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert read_bounded(str(tmp_path / "a"), 3) == b"abc"
    with pytest.raises(OSError, match="larger than 0 KiB"):
        read_bounded(tmp_path / "a", 2)
    (tmp_path / "b").symlink_to("a")
    assert read_bounded(tmp_path / "b", 3) == b"abc"
