from .pages import MECHANISM_PAGE as MECHANISM_PAGE
from .pages import MEMBERSHIP_PAGE as MEMBERSHIP_PAGE
from .pages import PLAN_PAGE as PLAN_PAGE
from .pages import write_mechanism_page as write_mechanism_page
from .pages import write_membership_page as write_membership_page
from .pages import write_plan_page as write_plan_page
