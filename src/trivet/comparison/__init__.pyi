from .audits import ReadAudit as ReadAudit
from .audits import read_audit as read_audit
from .comparing import compare_audits as compare_audits
from .results import Change as Change
from .results import Compared as Compared
from .results import Comparison as Comparison
