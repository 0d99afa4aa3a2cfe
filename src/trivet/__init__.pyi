from . import evidence as evidence
from . import fairness as fairness
from . import privacy as privacy
from . import security as security
from . import tracking as tracking
from .front import compare as compare
from .front import load_audit as load_audit
from .front import run as run

__version__: str
