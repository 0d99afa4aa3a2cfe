from .build import OWN as OWN
from .build import STUDY as STUDY
from .build import ReportFiles as ReportFiles
from .build import write_report as write_report
from .pdf import Engine as Engine
from .verdicts import ICONS as ICONS
from .verdicts import Verdict as Verdict
from .verdicts import verdicts as verdicts
