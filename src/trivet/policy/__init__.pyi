from .places import SHORT_NAMES as SHORT_NAMES
from .places import Measured as Measured
from .places import measure as measure
from .requirements import Outcome as Outcome
from .requirements import Requirement as Requirement
from .requirements import judge as judge
from .requirements import parse_requirements as parse_requirements
from .requirements import refuse_impossible as refuse_impossible
