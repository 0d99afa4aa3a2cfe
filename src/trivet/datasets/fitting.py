"""Images scaled, cut and coloured as a network's own loader does."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from trivet.datasets.images import Pixels
from trivet.errors import DataError, UsageError
from trivet.wording import quote

__all__ = ["AS_THEY_ARE", "Fit"]

#: Wider pictures are not made.
MOST: Final = 4_096
_SIZE: Final = re.compile(r"(\d{1,4})(?:x(\d{1,4}))?", re.ASCII)


@dataclass(frozen=True)
class Fit:
    """Changes to each image: scaled, cut, coloured.

    Attributes
    ----------
    resize
        ``N`` scales the shorter side to N pixels, ``WxH`` both; None leaves the size.
    crop
        Side of the square that is cut out of the middle afterwards.
    rgb
        Whether grey images become colour ones of three equal channels.

    Raises
    ------
    UsageError
        A size is none.
    """

    resize: str | None = None
    crop: int | None = None
    rgb: bool = False

    def __post_init__(self) -> None:
        self._sides()
        if self.crop is not None and not 0 < self.crop <= MOST:
            raise UsageError(f"the square to cut has a side of {self.crop}; expected 1 to {MOST} pixels.")

    def _sides(self) -> tuple[int, int | None] | None:
        if self.resize is None:
            return None
        match = _SIZE.fullmatch(self.resize)
        sides = (0, None) if match is None else (int(match[1]), None if match[2] is None else int(match[2]))
        if any(side is not None and not 0 < side <= MOST for side in sides):
            raise UsageError(
                f"pictures cannot be scaled to {quote(self.resize)}; expected the shorter side in pixels, "
                f"or both as 32x32, up to {MOST}."
            )
        return sides

    @property
    def scales(self) -> bool:
        """True where the size of an image may change."""
        return self.resize is not None or self.crop is not None

    def apply(self, image: Pixels, name: str) -> Pixels:
        """Return an image of shape (channels, height, width), scaled by bilinear interpolation, and cut.

        Bytes stay bytes, rounded as torchvision's Resize rounds a picture.
        """
        if (sides := self._sides()) is not None:
            _, height, width = image.shape
            first, second = sides
            if second is None:
                short = min(height, width)
                first, second = max(1, width * first // short), max(1, height * first // short)
            if max(first, second) > MOST:
                raise DataError(f"{name!r} would be {first}x{second} pixels; at most {MOST} are made.")
            scaled = [
                np.asarray(Image.fromarray(channel).resize((first, second), Image.Resampling.BILINEAR))
                for channel in image
            ]
            image = np.stack(scaled) if image.dtype == np.uint8 else np.clip(np.stack(scaled), 0, 1)
        if (side := self.crop) is not None:
            _, height, width = image.shape
            if side > min(height, width):
                raise DataError(
                    f"a square of {side} pixels cannot be cut out of {name!r}, which has {width}x{height}; "
                    "scale it first with --resize."
                )
            top, left = round((height - side) / 2), round((width - side) / 2)
            image = image[:, top : top + side, left : left + side]
        return image


AS_THEY_ARE: Final = Fit()
