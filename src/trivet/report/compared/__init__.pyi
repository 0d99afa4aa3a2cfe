from .markdown import comparison_markdown as comparison_markdown
from .writing import COMPARED_PAGE as COMPARED_PAGE
from .writing import write_compared_page as write_compared_page
