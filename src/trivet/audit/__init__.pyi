from .audit import Audit as Audit
from .audit import run_audit as run_audit
from .audit import save_audit as save_audit
from .parts import LegDone as LegDone
from .parts import Parts as Parts
from .parts import Progress as Progress
from .parts import keep_parts as keep_parts
