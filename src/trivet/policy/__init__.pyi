from .judgement import Outcome as Outcome
from .judgement import judge as judge
from .measuring import Measured as Measured
from .measuring import measure as measure
from .refusal import refuse_impossible as refuse_impossible
from .requirement import Requirement as Requirement
from .requirement import parse_requirements as parse_requirements
from .short_names import SHORT_NAMES as SHORT_NAMES
