from .unlearning import UnlearningSettings as UnlearningSettings
from .unlearning import unlearn as unlearn
