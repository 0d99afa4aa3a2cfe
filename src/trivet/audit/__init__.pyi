from .legs import LegDone as LegDone
from .legs import Progress as Progress
from .parts import Parts as Parts
from .parts import keep_parts as keep_parts
from .running import Audit as Audit
from .running import run_audit as run_audit
