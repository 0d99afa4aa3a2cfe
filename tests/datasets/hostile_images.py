"""Every broken or hostile image source: how each is made, and what has to be said about it.

Each costs one `DataError` of one line, runs nothing, and writes nothing. A case is a row in
`hostile_pictures` or `hostile_arrays`; `SIGN` is what the file that a pickle would write is called.
"""

from hostile_arrays import ARRAY_CASES
from hostile_pictures import PICTURE_CASES
from image_sources import SIGN, Case

__all__ = ["CASES", "SIGN", "Case"]

CASES = (*PICTURE_CASES, *ARRAY_CASES)
