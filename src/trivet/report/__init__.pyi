from .report import ReportFiles as ReportFiles
from .report import write_report as write_report
from .verdicts import Verdict as Verdict
from .verdicts import verdicts as verdicts
from .write.pdf import Engine as Engine
