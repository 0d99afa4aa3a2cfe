from .dossier import About as About
from .keys import make_keys as make_keys
from .verifying import Check as Check
from .verifying import Verification as Verification
from .verifying import verify as verify
from .writing import Evidence as Evidence
from .writing import write as write
