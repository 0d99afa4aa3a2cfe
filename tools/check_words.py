"""Check the words of docstrings, comments, messages, templates and documentation.

The first line of a docstring is a statement, and idioms that stand for a technical term are refused.
Names in code are not looked at. Prints a line for each hit, and exits with 1 if there is any.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = ("src", "tools", "benchmarks", "examples")
PROSE = ("*.md", "docs/**/*.md", "examples/**/*.md", "src/**/*.md")
QUESTION = re.compile(r"(?:What|Which|How|Whether|Where|Who|Why)\b|.*\?\s*$|.*\?\s")
PHRASES = re.compile(
    r"\b(?:told|asked|lots|hangs\s+on|strangers?'s?|of\s+(?:one|the\s+user)'s\s+own"
    r"|(?<!there )(?:is|are)\s+no\s+(?!longer|more|less|fewer|larger|smaller|better|worse)[a-z]+)\b",
    re.IGNORECASE,
)
#: Code in prose: fenced blocks, backticks, attributes of pandoc, and the names of a numpydoc section.
CODE = re.compile(
    r"^(```|~~~).*?^\1|`[^`\n]+`|\{[^}\n]*\}|^\s*\w+(?:, \w+)*(?= : |$)", re.DOTALL | re.MULTILINE
)
SQL = re.compile(r"\s*(?:SELECT|INSERT|CREATE|UPDATE)\b")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def hits_of_python(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and complaint of every hit in a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if QUESTION.match(first):
                yield node.body[0].lineno, f"a docstring opens with a question: {first}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not SQL.match(node.value):
            yield from ((node.lineno + more, said) for more, said in hits_of_prose(node.value))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield from ((token.start[0], said) for _, said in hits_of_prose(token.string))


def hits_of_prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield line, from 0, and complaint of every refused phrase outside of code."""
    prose = CODE.sub(lambda code: re.sub(r"[^\n]", "`", code[0]), text)
    for found in PHRASES.finditer(prose):
        yield prose.count("\n", 0, found.start()), f"the phrase “{' '.join(found[0].split())}”"


def hits(root: Path) -> Iterator[str]:
    """Yield ``path:line: complaint`` for every hit below a folder."""
    for folder in PYTHON:
        for path in sorted((root / folder).glob("**/*.py*")):
            if path.suffix in {".py", ".pyi"} and path.name != Path(__file__).name:
                found = sorted(hits_of_python(path.read_text("utf-8")))
                yield from (f"{path.relative_to(root)}:{line}: {said}" for line, said in found)
    for pattern in PROSE:
        for path in sorted(root.glob(pattern)):
            for line, said in hits_of_prose(path.read_text("utf-8")):
                yield f"{path.relative_to(root)}:{line + 1}: {said}"


def main() -> int:
    """Print the hits of this checkout and return the exit status."""
    found = list(hits(ROOT))
    print("\n".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
