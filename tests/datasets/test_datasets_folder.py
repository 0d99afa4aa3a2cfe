import io
from contextlib import suppress

import numpy as np
import pytest
from hostile_pictures import ESCAPES
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from image_sources import GREY, encoded, picture_folder, png, tiff, write_png
from PIL import Image

from trivet.datasets.images import in_kind
from trivet.datasets.pictures import read_folder, read_picture
from trivet.datasets.source import load_images, read_images
from trivet.errors import DataError

UPRIGHT = np.arange(60, dtype=np.uint8).reshape(4, 5, 3) * 4


def pixels_of(path, content):
    path.write_bytes(content)
    return in_kind(read_picture(path, path.name), np.float32)


def written(array, mode=None, kind="PNG", **settings):
    stream = io.BytesIO()
    picture = Image.fromarray(array)
    (picture if mode is None else picture.convert(mode)).save(stream, kind, **settings)
    return stream.getvalue()


@given(
    array=hnp.arrays(
        np.uint8, st.tuples(st.integers(4, 8), st.integers(1, 6), st.integers(1, 6), st.just(3))
    ),
    grey=st.booleans(),
    kind=st.sampled_from(["png", "bmp", "tiff", "ppm", "webp"]),
)
def test_a_folder_of_pictures_gives_back_the_pixels(tmp_path_factory, array, grey, kind):
    root = tmp_path_factory.mktemp("pictures")
    array = array[..., 0] if grey else array
    for name in ("a", "b"):
        (root / name).mkdir()
    for row, picture in enumerate(array):
        settings = {"lossless": True, "exact": True} if kind == "webp" else {}
        Image.fromarray(picture).save(root / "ab"[row % 2] / f"{row}.{kind}", **settings)
    images = read_images(root)
    order = [*range(0, len(array), 2), *range(1, len(array), 2)]
    expected = array[order, np.newaxis] if grey else array[order].transpose(0, 3, 1, 2)
    expected = np.divide(expected, np.float32(255), dtype=np.float32)
    if grey and kind == "webp":  # which knows colours only
        expected = expected.repeat(3, axis=1)
    assert np.array_equal(images.unit(), expected)
    assert images.labels.tolist() == [row % 2 for row in order]


def test_classes_are_numbered_in_the_order_of_their_names(tmp_path):
    numbers = picture_folder(tmp_path / "n", classes=[str(number) for number in range(12)])
    images = read_folder(numbers, limit=None, seed=0)
    assert images.class_names == tuple(str(number) for number in range(12))
    assert images.labels.tolist() == [number // 2 for number in range(24)]
    words = read_folder(picture_folder(tmp_path / "w", classes=["dog", "10", "9"]), limit=None, seed=0)
    assert words.class_names == ("10", "9", "dog")
    assert (words.name, words.classes) == ("pictures", 3)


def test_a_name_with_escapes_is_shown_escaped(tmp_path):
    images = read_images(picture_folder(tmp_path, classes=(ESCAPES, "dog")))
    assert images.class_names == (r"cat\x1b]0;owned\x07\x1b[31m", "dog")


def test_hidden_files_other_files_and_inner_links(tmp_path):
    root = picture_folder(tmp_path)
    (root / ".git").mkdir()
    (root / "__MACOSX" / "cat").mkdir(parents=True)
    (root / "readme.md").write_text("hello")
    (root / "cat" / ".0.png").write_bytes(b"broken")
    (root / "cat" / "notes.txt").write_text("hello")
    (root / "cat" / "more").mkdir()
    (root / "cat" / "gone.png").symlink_to(root / "nowhere.png")
    (root / "cat" / "link.png").symlink_to(root / "dog" / "1.png")
    images = read_images(root)
    assert images.labels.tolist() == [0, 0, 0, 1, 1]
    assert images.notes == (
        "Not pictures, and left out: 'cat/gone.png' and 1 more.",
        "Below the classes' folders, and left out: 'cat/more'.",
    )


def test_a_folder_reached_through_a_link_is_its_own_folder(tmp_path):
    (tmp_path / "link").symlink_to(picture_folder(tmp_path / "real"))
    assert len(read_images(tmp_path / "link")) == 4


def test_one_colour_picture_makes_all_of_them_colour(tmp_path):
    root = picture_folder(tmp_path)
    assert read_images(root).unit().shape == (4, 1, 4, 5)
    write_png(root / "dog" / "0.png", UPRIGHT)
    pixels = read_images(root).unit()
    assert pixels.shape == (4, 3, 4, 5)
    assert np.array_equal(pixels[[0, 1, 3]], np.broadcast_to(GREY[0] / np.float32(255), (3, 3, 4, 5)))
    assert np.array_equal(pixels[2], UPRIGHT.transpose(2, 0, 1) / np.float32(255))


def test_sixteen_bits_keep_their_precision(tmp_path):
    wide = np.arange(0, 65_520, 3_276, dtype=np.uint16).reshape(4, 5)
    for kind in ("PNG", "TIFF", "PPM"):
        pixels = pixels_of(tmp_path / "a.png", written(wide, kind=kind))
        assert np.array_equal(pixels[0], wide / np.float32(65_535)), kind
    with pytest.raises(DataError, match="grey levels beyond 16 bits"):
        pixels_of(tmp_path / "a.png", written(wide.astype(np.int32) + 65_536, kind="TIFF"))


def test_black_and_white_palettes_and_transparency(tmp_path):
    path = tmp_path / "a.png"
    bits = (GREY[0] % 2 * 255).astype(np.uint8)
    assert np.array_equal(pixels_of(path, written(bits, "1")), bits[np.newaxis] / np.float32(255))
    colours = UPRIGHT.transpose(2, 0, 1) / np.float32(255)
    palette = Image.fromarray(GREY[0] % 4, "P")
    palette.putpalette([9, 9, 9, 0, 0, 0, 200, 200, 200, 255, 255, 255])
    stream = io.BytesIO()
    palette.save(stream, "PNG", transparency=b"\x00\x80\xff\xff")
    grey = np.array([9, 0, 200, 255], np.uint8)[GREY[0] % 4]
    assert np.array_equal(pixels_of(path, stream.getvalue()), grey[np.newaxis] / np.float32(255))
    exact = Image.fromarray(UPRIGHT).quantize(64)
    stream = io.BytesIO()
    exact.save(stream, "PNG")
    assert np.array_equal(
        pixels_of(path, stream.getvalue()),
        np.asarray(exact.convert("RGB")).transpose(2, 0, 1) / np.float32(255),
    )
    alpha = np.concatenate([UPRIGHT, np.full((4, 5, 1), 7, np.uint8)], axis=2)
    assert np.array_equal(pixels_of(path, written(alpha)), colours)
    grey_alpha = Image.merge("LA", [Image.fromarray(GREY[0]), Image.fromarray(GREY[1])])
    stream = io.BytesIO()
    grey_alpha.save(stream, "PNG")
    assert np.array_equal(pixels_of(path, stream.getvalue()), GREY[:1] / np.float32(255))


def test_the_first_frame_of_an_animation(tmp_path):
    stream = io.BytesIO()
    first, second = Image.fromarray(GREY[0]), Image.fromarray(255 - GREY[0])
    first.save(stream, "GIF", save_all=True, append_images=[second])
    assert np.array_equal(pixels_of(tmp_path / "a.gif", stream.getvalue()), GREY[:1] / np.float32(255))


def of_torchvision(path):
    """Return a picture as torchvision's ImageFolder reads it."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).transpose(2, 0, 1) / np.float32(255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_a_picture_is_turned_where_torchvision_turns_it(tmp_path, orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = pixels_of(tmp_path / "a.png", written(UPRIGHT, kind=kind, exif=exif))
    assert np.array_equal(pixels, of_torchvision(tmp_path / "a.png"))


def surprising(kind):
    """Return a picture that may surprise, and words of the note on it."""
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    colour = Image.fromarray(UPRIGHT)
    if kind == "turned":
        colour.save(stream, "JPEG", exif=exif)
        return stream, "an EXIF orientation, which was not applied"
    if kind == "CMYK":
        colour.convert("CMYK").save(stream, "JPEG")
        return stream, "CMYK colours"
    if kind == "see-through":
        colour.putalpha(100)
        colour.save(stream, "PNG")
        return stream, "transparent pixels"
    if kind == "palette":
        colour.quantize(4).save(stream, "PNG", transparency=1)
        return stream, "transparent pixels"
    if kind == "profile":
        colour.save(stream, "PNG", icc_profile=b"Adobe RGB (1998)")
        return stream, "a colour profile other than sRGB"
    wide = Image.fromarray(UPRIGHT[..., 0].astype(np.uint16) * 257)
    wide.save(stream, "PNG")
    return stream, "greys of 16 bits, which were scaled to [0, 1], where torchvision cuts them off"


@pytest.mark.parametrize("kind", ["turned", "CMYK", "see-through", "palette", "profile", "wide"])
def test_a_picture_that_may_surprise_is_counted_and_named(tmp_path, kind):
    stream, words = surprising(kind)
    for place in range(4):
        folder = tmp_path / "pets" / "cd"[place % 2]
        folder.mkdir(parents=True, exist_ok=True)
        plain = written(UPRIGHT if kind != "wide" else UPRIGHT[..., 0])
        (folder / f"{place}.png").write_bytes(stream.getvalue() if place > 1 else plain)
    images = load_images(tmp_path / "pets")
    (note,) = images.notes
    assert note.startswith(f"2 of 4 pictures have {words}")
    assert note.endswith("(the first is 'c/2.png').")
    if kind != "wide":
        assert np.array_equal(images.unit(1), of_torchvision(tmp_path / "pets/c/2.png"))
    assert images.split(0.5, seed=0)[0].notes == images.notes


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_broken_exif_block_costs_no_picture(tmp_path, kind):
    (tmp_path / "a.png").write_bytes(written(UPRIGHT, kind=kind, exif=b"junkjunk"))
    odd = {}
    pixels = in_kind(read_picture(tmp_path / "a.png", "a.png", odd=odd), np.float32)
    assert np.array_equal(pixels, of_torchvision(tmp_path / "a.png"))
    assert odd == {}


def test_usual_pictures_surprise_nobody(tmp_path):
    root = picture_folder(tmp_path)
    opaque = Image.fromarray(GREY[0])
    opaque.putalpha(255)
    stream = io.BytesIO()
    opaque.save(stream, "PNG", icc_profile="sRGB IEC61966-2.1".encode("utf-16-be"))
    (root / "dog" / "1.png").write_bytes(stream.getvalue())
    assert read_images(root).notes == ()


def test_packed_strips_and_tiles_are_read(tmp_path):
    for compression in ("tiff_lzw", "tiff_deflate", "packbits"):
        pixels = pixels_of(tmp_path / "a.tif", written(UPRIGHT, kind="TIFF", compression=compression))
        assert np.array_equal(pixels, UPRIGHT.transpose(2, 0, 1) / np.float32(255))
    tile = bytes(range(256))
    pixels = pixels_of(tmp_path / "a.tif", tiff(16, tile, compression=1))
    assert (pixels[0] * 255).round().tolist() == [
        [16 * row + column for column in range(5)] for row in range(4)
    ]


def test_a_large_picture_that_packs_well_is_no_bomb(tmp_path):
    rows = b"".join(b"\0" + bytes(2_000) for _ in range(2_000))
    assert pixels_of(tmp_path / "a.png", png(2_000, 2_000, rows)).shape == (1, 2_000, 2_000)


@given(data=st.data())
def test_a_damaged_picture_is_read_or_refused_and_nothing_else(tmp_path_factory, data):
    mode, kind, options = data.draw(
        st.sampled_from(
            [
                ("RGB", "PNG", {}),
                ("P", "PNG", {}),
                ("CMYK", "JPEG", {}),
                ("RGB", "WEBP", {}),
                ("P", "GIF", {}),
                ("RGB", "TIFF", {"compression": "tiff_deflate"}),
                ("L", "BMP", {}),
                ("RGB", "PPM", {}),
            ]
        )
    )
    content = bytearray(encoded(mode, (9, 8), kind, **options))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damage") / "a.png"
    path.write_bytes(
        content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    )
    with suppress(DataError):
        pixels = read_picture(path, "a.png")
        assert pixels.dtype == np.uint8 or (pixels.min() >= 0 and pixels.max() <= 1)
