"""Options of commands: each is a field of settings, with its type, bounds, default and words."""

import inspect
import re
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from cyclopts import Parameter

from trivet.errors import UsageError
from trivet.settings import Count, Seed, SettingError, Settings, parts_of, require

__all__ = ["Json", "Out", "RandomSeed", "Threads", "Workers", "command"]

Json = Annotated[bool, Parameter(help="Print one JSON document to standard output, and nothing else there.")]
Out = Annotated[Path | None, Parameter(help="Folder for the result, the page and the pictures.")]
RandomSeed = Annotated[Seed, Parameter(help="Seed of everything random.")]
Threads = Annotated[
    Count | None,
    Parameter(help="Threads, one a core by default; the result is the same bits for the same number."),
]
Workers = Annotated[Count | None, Parameter(help="Processes, one a core by default.")]

_PARAMETERS: Final = "Parameters\n----------\n"
_ATTRIBUTES: Final = "Attributes\n----------\n"


def command(function: Callable[..., int]) -> Callable[..., int]:
    """Let a command take the fields of its settings as options."""
    hints, plain = get_type_hints(function, include_extras=True), get_type_hints(function)
    kinds = {name: kind for name, hint in hints.items() if (kind := _settings_in(hint)) is not None}
    parameters: list[inspect.Parameter] = []
    spelled: dict[str, str] = {}
    for parameter in inspect.signature(function).parameters.values():
        name = parameter.name
        if (kind := kinds.get(name)) is not None:
            parameters += [_option(each, get_type_hints(kind)[each.name]) for each in _fields(kind)]
            spelled |= {each.name: _spelled(_name(each)) for each in _fields(kind)}
        else:
            own = [each for each in getattr(hints[name], "__metadata__", ()) if isinstance(each, Parameter)]
            annotation = _annotated(plain[name], parameter.default, *own)
            parameters.append(parameter.replace(annotation=annotation))
            spelled[name] = _spelled(name)

    @wraps(function)
    def called(*values: Any, **options: Any) -> int:
        try:
            made: dict[str, Any] = {}
            for name, kind in kinds.items():
                types = get_type_hints(kind)
                typed = [each for each in _fields(kind) if _name(each) in options]
                given = {each.name: _value(types[each.name], options.pop(_name(each))) for each in typed}
                kind.require(**given)
                made[name] = kind(**given) if hints[name] is kind else given
            for name, value in options.items():
                require(hints[name], **{name: value})
            return function(*values, **made, **options)
        except SettingError as error:
            raise UsageError(error.spelled(lambda name: spelled.get(name, name))) from error

    text = inspect.getdoc(function) or ""
    text += "" if _PARAMETERS in text else f"\n\n{_PARAMETERS}"
    called.__doc__ = "\n".join([text, *map(_words, kinds.values())])
    called.__annotations__ = {}
    called.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
    return called


def _settings_in(hint: Any) -> type[Settings] | None:
    found = (hint, *getattr(hint, "__metadata__", ()))
    return next((each for each in found if isinstance(each, type) and issubclass(each, Settings)), None)


def _fields(kind: type[Settings]) -> list[Field[Any]]:
    known = fields(kind)  # pyright: ignore[reportArgumentType] - its subclasses are dataclasses
    return sorted(known, key=lambda each: each.metadata.get("last", False))


def _name(each: Field[Any]) -> str:
    return each.metadata.get("option", each.name)


def _spelled(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _option(each: Field[Any], hint: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if each.default is MISSING else each.default
    return inspect.Parameter(
        _name(each),
        inspect.Parameter.KEYWORD_ONLY,
        default=None if default == () else default,
        annotation=_annotated(
            str | None if _lists(hint) else hint,
            default,
            *([Parameter(allow_leading_hyphen=True)] if each.metadata.get("value") else []),
        ),
    )


def _annotated(hint: Any, default: Any, *parameters: Parameter) -> Any:
    """Return a type for cyclopts; what is off by default needs no option to switch it off."""
    off = hint in {bool, bool | None} and default is not True
    return Annotated[hint, Parameter(negative="" if off else None), *parameters]


def _lists(hint: Any) -> bool:
    """Return True for a tuple of texts, which is typed as one text with commas."""
    return tuple in {get_origin(each) for each in (hint, *get_args(hint))}


def _value(hint: Any, value: Any) -> Any:
    """Divide a text with commas, unless the field takes it as it is."""
    takes_text = get_origin(hint) is not tuple and str in get_args(hint)
    if _lists(hint) and not takes_text:
        return parts_of(value)
    return value


def _words(kind: type[Settings]) -> str:
    """Return what the docstrings of a class and its bases say of each option."""
    texts = [inspect.cleandoc(vars(base).get("__doc__") or "") for base in reversed(kind.__mro__)]
    words = "\n".join(filter(None, (text.partition(_ATTRIBUTES)[2] for text in texts)))
    # Of options that share their words each has them.
    words = re.sub(r"^(\w+(?:, \w+)+) : (.*(?:\n +.*)*)", _each, words, flags=re.MULTILINE)
    # numpydoc takes what stands behind a colon for the type.
    words = re.sub(r"^(\w+) : ", r"\1\n    ", words, flags=re.MULTILINE)
    for each in _fields(kind):
        words = re.sub(rf"^{each.name}$", _name(each), words, flags=re.MULTILINE)
    return words


def _each(shared: re.Match[str]) -> str:
    return "\n".join(f"{name} : {shared[2]}" for name in shared[1].split(", "))
