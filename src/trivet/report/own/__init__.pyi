from .pages import MECHANISM_PAGE as MECHANISM_PAGE
from .pages import write_mechanism_page as write_mechanism_page
