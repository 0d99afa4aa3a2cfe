from .figure import FORMATS as FORMATS
from .figure import FigureRow as FigureRow
from .registry import FIGURES as FIGURES
from .registry import available as available
from .registry import pictures as pictures
from .registry import save_figures as save_figures
