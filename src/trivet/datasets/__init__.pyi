from .adult import AdultTable as AdultTable
from .adult import load_adult as load_adult
from .images import ImageSet as ImageSet
from .images import load_colour_digits as load_colour_digits
from .images import load_digit_pairs as load_digit_pairs
from .images import load_mnist as load_mnist
from .source import EMBEDDED as EMBEDDED
from .source import load_images as load_images
