from .registry import FIGURES as FIGURES
from .registry import FORMATS as FORMATS
from .registry import SCAN_FIGURES as SCAN_FIGURES
from .registry import FigureRow as FigureRow
from .registry import alt_texts as alt_texts
from .registry import available as available
from .registry import save_figures as save_figures
