from .writing import PICTURES as PICTURES
from .writing import REPAIR_PAGE as REPAIR_PAGE
from .writing import SCAN_PAGE as SCAN_PAGE
from .writing import write_scan as write_scan
