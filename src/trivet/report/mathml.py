"""Corrections of pandoc's MathML, so that browsers set it as TeX does."""

import re

_THIN = '<mspace width="0.167em"></mspace>'
_NAME = r'<mi mathvariant="normal">[^<]*</mi>'
_APPLIED = f"<mrow>{_NAME}<mo>&#8289;</mo></mrow>"  # the sign of function application
_ARGUMENT = r"(?=<m(?:i|n|sub|sup|under|over|subsup|frac|sqrt|row)\b)"

#: A relation at the beginning of an aligned cell stands between two terms and wants its space.
_RELATION = re.compile(r'(<mtd columnalign="left"[^>]*>)<mo>')
#: "log s", but not the base of a script, whose element must keep its number of children.
_FUNCTION = re.compile(rf"(?<!<munder>)(?<!<msub>)(?<!<msup>)(?<!<msubsup>)({_APPLIED}){_ARGUMENT}")
#: "min z", with what it runs over below it.
_LIMIT = re.compile(rf"(<munder>(?:{_NAME}|{_APPLIED})(?:(?!</?munder>).)*</munder>){_ARGUMENT}")
#: The bars of a norm, for which pandoc takes the sign of parallel lines, a relation.
_NORM = re.compile(r'<mo stretchy="true" form="(prefix|postfix)">∥</mo>')
#: How a cell is aligned, which its columnalign says as well; a page's policy allows no styles in place.
_STYLED = re.compile(r'(<mtd columnalign="\w+") style="[^"]*"')


def mend_mathml(page: str) -> str:
    """Put in the spaces that pandoc leaves out, and take out those that it puts in, and its styles."""
    page = _STYLED.sub(r"\1", page)
    page = _NORM.sub(r'<mo stretchy="false" form="\1">‖</mo>', page)
    page = _RELATION.sub(r'\1<mo form="infix">', page)
    page = _FUNCTION.sub(rf"\1{_THIN}", page)
    return _LIMIT.sub(rf"\1{_THIN}", page)
