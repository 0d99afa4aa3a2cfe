"""``trivet audit``: the front door, which takes files as they are and finds the leg of each."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from json import dumps
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from trivet.cli.options import Json, RandomSeed, command
from trivet.cli.outputs import prepare_folder
from trivet.cli.run import run
from trivet.errors import TrivetError, UsageError
from trivet.fairness.auditing.settings import ADULT, Missing
from trivet.security.settings import DEFAULT_IMAGES, DEMO
from trivet.settings import parts_of
from trivet.tables.settings import DecimalMark, Encoding, Reading, Thousands
from trivet.wording import one_line, quote
from trivet.work.bounded import read_bounded, read_toml
from trivet.work.result_files import remove_result, write_text

__all__ = ["audit"]

if TYPE_CHECKING:
    from trivet.tables.opening import Column, Table

#: A text that may begin with a hyphen, as -1 does.
Value = Annotated[str | None, Parameter(allow_leading_hyphen=True)]

CONFIG: Final = "audit.toml"
#: Columns of a table that are named where some have to be chosen.
SHOWN: Final = 30
#: Values of a column that are named, the most characters of one, and the rows in which they are looked for.
FEW, VALUE_CHARACTERS, LOOKED_AT = 4, 20, 10_000
_SCAN, _TABLE, _PLAN = "security.scan", "fairness.table", "privacy.plan"
_WEIGHTS: Final = frozenset(
    {".pth", ".pt", ".safetensors", ".pt2", ".onnx", ".ckpt", ".bin", ".th", ".h5", ".keras"}
)
#: Weights with the network that they belong to.
_WHOLE: Final = (".onnx",)
_MOST_BYTES: Final = 2**24


@command
def audit(
    *things: str,
    arch: str | None = None,
    images: str | None = None,
    contract: str | None = None,
    resize: str | None = None,
    crop: int | None = None,
    label: str | None = None,
    positive: Value = None,
    sensitive: str | None = None,
    privileged: Value = None,
    prediction: str | None = None,
    score: str | None = None,
    cut: float | str | None = None,
    score_range: Value = None,
    missing: Missing | None = None,
    weight: str | None = None,
    estimator: str | None = None,
    ignore: str | None = None,
    decimal: DecimalMark | None = None,
    thousands: Thousands | None = None,
    encoding: Encoding | None = None,
    out: Path = Path("trivet-out"),
    seed: RandomSeed = 0,
    json: Json = False,
) -> int:
    """Audit a checkpoint, a table, a plan, or several of them, with one record and one report.

    What is missing is said in one message. The audit.toml in the folder of --out repeats the audit, has
    room for all other options, and is not written over.

    Parameters
    ----------
    things
        Weights of a network, a table of predictions or of people, or an audit.toml with [privacy.plan] alone;
        demo is the embedded network, and adult the embedded table.
    arch
        Of weights: what they belong to, mnist-cnn, timm:NAME, or code of yours as package.module:factory.
    images
        Of weights: clean images, a folder with a subfolder a class, an .npz or IDX files.
    contract
        Of weights: mean/std that the network expects, such as 0.5/0.5; found by itself where left out.
    resize
        Of images: scale each, N for its shorter side in pixels or WxH for both.
    crop
        Of images: cut a square of so many pixels out of the middle of each.
    label
        Of a table: the column of the true labels.
    positive
        Of a table: the label that counts as positive; not needed for 0 and 1.
    sensitive
        Of a table: columns of the groups, COL or COL,COL.
    privileged
        Of a table: the group that the others are compared with.
    prediction
        Of a table: the column of the predictions.
    score
        Of a table: the column of the scores.
    cut
        Of scores: from which on a row is selected; 0.5 by default, or median.
    score_range
        Of scores: where they lie, LOWEST,HIGHEST; from 0 to 1 by default.
    missing
        Of a table: what a missing sensitive value is: refuse, group or drop.
    weight
        Of a table: the column of survey weights.
    estimator
        Of a table without predictions: fit this classifier, with and without mitigations.
    ignore
        Of a table: columns that are not features, COL or COL,COL, such as a row number.
    decimal
        Of a CSV file: the decimal mark of its numbers; comma for 1.007,50 and 1007,50.
    thousands
        Of a CSV file: what stands between groups of three digits.
    encoding
        Of a CSV file: its encoding.
    out
        Folder that receives everything.
    """
    if not things:
        raise UsageError(
            "there is nothing to audit; name weights, a table or a plan, such as trivet audit people.csv. "
            "The built-in study is trivet run."
        )
    given = {
        _SCAN: {"arch": arch, "images": images, "contract": contract, "resize": resize, "crop": crop},
        _TABLE: {
            "label": label,
            "positive": positive,
            "sensitive": None if sensitive is None else parts_of(sensitive),
            "privileged": privileged,
            "prediction": prediction,
            "score": score,
            "cut": cut,
            "score_range": score_range,
            "missing": missing,
            "weight": weight,
            "estimator": estimator,
            "ignore": None if ignore is None else parts_of(ignore),
            "decimal": decimal,
            "thousands": thousands,
            "encoding": encoding,
        },
    }
    sections: dict[str, dict[str, Any]] = {"audit": {"study": False, "seed": seed, "out": "."}}
    lacking: list[str] = []
    for thing in things:
        section = _section_of(thing)
        if section in sections:
            raise UsageError(
                f"{quote(thing)} is the second for [{section}]; an audit has one of each. Take one after the "
                "other, each with an --out of its own."
            )
        sections[section] = {
            key: value for key, value in given.get(section, {}).items() if value not in (None, "")
        }
        if section == _SCAN:
            images = images or DEFAULT_IMAGES.get("mnist-cnn" if thing == DEMO else arch or "")
            sections[section] |= {"checkpoint": _beside(thing, out)}
            paths = {"images": images, "contract": contract}
            sections[section] |= {key: _beside(path, out) for key, path in paths.items() if path}
            lacking += _lacking_scan(thing, arch=arch, images=images)
        elif section == _TABLE:
            sections[section] |= {"table": _beside(thing, out)}
            lacking += _lacking_table(thing, sections[section])
        else:
            sections[section] = read_toml(Path(thing))["privacy"]["plan"]
    for section, values in given.items():
        used = [f"--{key.replace('_', '-')}" for key, value in values.items() if value is not None]
        if used and section not in sections:
            raise UsageError(f"{', '.join(used)}: for [{section}], and nothing of that kind is named.")
    if lacking:
        raise UsageError(f"the audit needs more: {' '.join(lacking)}")
    return _run_in(out, sections, json=json)


def _run_in(out: Path, sections: Mapping[str, Mapping[str, Any]], *, json: bool) -> int:
    """Write the audit.toml of some sections into a folder, and run it."""
    prepare_folder(out)
    config, text = out / CONFIG, "".join(_toml(sections))
    if config.exists() and read_bounded(config, _MOST_BYTES) != text.encode():
        raise UsageError(
            f"{one_line(config)} is of another audit, or was changed; type trivet run {one_line(config)}, or "
            "name another folder with --out."
        )
    before = config.exists()
    write_text(config, text)
    try:
        return run(config, json=json)
    except TrivetError:
        # An audit that could not be made is not in the way of the next try.
        if not before:
            remove_result(config)
        raise


def _section_of(thing: str) -> str:
    """Return the section that a file is for."""
    suffix = PurePath(thing).suffix.lower()
    path = Path(thing)
    if thing == ADULT:
        return _TABLE
    if thing != DEMO and not _file_of(thing).exists():
        raise UsageError(f"there is no {quote(thing)}; check the path.")
    if thing == DEMO or suffix in _WEIGHTS:
        return _SCAN
    if suffix == ".toml":
        try:
            content = read_toml(path)
        except ValueError as error:
            raise UsageError(
                f"{quote(path.name)} is not valid TOML: {one_line(error, limit=300)}."
            ) from error
        privacy = content.get("privacy")
        if set(content) - {"privacy"} or not isinstance(privacy, dict) or set(privacy) != {"plan"}:
            raise UsageError(f"{quote(path.name)} is a whole audit; type trivet run {one_line(path)}.")
        return _PLAN
    if path.is_dir():
        raise UsageError(
            f"{quote(thing)} is a folder; name the weights in it, or type "
            f"trivet scan --many {one_line(thing)}."
        )
    from trivet.tables.paths import table_file_of  # noqa: PLC0415 - reads tables

    table_file_of(thing, strict=False)
    return _TABLE


def _lacking_scan(thing: str, *, arch: str | None, images: str | None) -> Iterator[str]:
    """Yield what a scan needs beside the weights, with a way to give it."""
    name = one_line(thing)
    if arch is None and thing != DEMO and PurePath(thing).suffix.lower() not in _WHOLE:
        yield (
            f"the network that {name} belongs to: --arch mnist-cnn, --arch timm:resnet18, or "
            "--arch package.module:factory for a function of yours that returns it."
        )
    if images is None:
        yield (
            f"clean images for {name}: --images FOLDER with a subfolder a class, an .npz with images and "
            "labels, or mnist."
        )


def _lacking_table(thing: str, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an audit of a table needs, with the columns that there are."""
    from trivet.tables.opening import find_column, open_table  # noqa: PLC0415 - DuckDB

    if thing == ADULT:
        if "estimator" not in given:
            yield "--estimator logistic, to fit on adult, which has no predictions."
        return
    lacking: list[str] = []
    if not given.get("sensitive"):
        lacking.append("--sensitive COL, the groups to compare")
    if not {"prediction", "score", "estimator"} & given.keys():
        lacking.append("one of --prediction COL, --score COL, and --estimator logistic to fit a model")
    if "label" not in given and ("estimator" in given or lacking):
        needed = "" if "estimator" in given else ", if there is one"
        lacking.append(f"--label COL, the true outcome{needed}")
    asked = any("--label COL" in each or "--prediction COL" in each for each in lacking)
    with open_table(thing, reading=_reading_of(given)) as opened:
        for option, name in _named(given):
            try:
                find_column(opened.columns, name)
            except UsageError as error:
                lacking.append(f"--{option}: {str(error).removesuffix('.').removesuffix('?')}")
        named = {name for _, name in _named(given)}
        looked_at = [each for place, each in enumerate(opened.columns) if place < SHOWN or each.name in named]
        values: dict[str, list[str]] = {}
        with suppress(TrivetError):  # a hint only: what is wrong with the rows is the audit's to say
            values = _values_of(opened, looked_at)
        if "positive" not in given:
            judged = [given[name] for name in ("label", "prediction") if name in given]
            said = dict.fromkeys(value for name in judged for value in values.get(name, ()))
            others = {name: each for name, each in values.items() if name not in named}
            lacking += _lacking_positive(list(said), others if asked else {})
        if not lacking:
            return
        shown = [_column_text(column.name, values.get(column.name, [])) for column in opened.columns[:SHOWN]]
        more = len(opened.columns) - SHOWN
    rest = f" and {more} more" if more > 0 else ""
    yield f"columns of {one_line(thing)}: {'; '.join(lacking)}. It has {', '.join(shown)}{rest}."


def _reading_of(given: Mapping[str, Any]) -> Reading:
    return Reading(**{key: given[key] for key in ("decimal", "thousands", "encoding") if key in given})


def _named(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the columns that options name, each with the option."""
    for option in ("label", "sensitive", "prediction", "score", "weight", "ignore"):
        value = given.get(option)
        yield from ((option, name) for name in ((value,) if isinstance(value, str) else value or ()))


def _values_of(opened: "Table", columns: Sequence["Column"]) -> dict[str, list[str]]:
    """Return values of columns in the first rows: all where they are few, or one more than that."""
    lists = ", ".join(
        f"list_sort(list(DISTINCT CAST({column.sql} AS VARCHAR)))[1:{FEW + 1}]" for column in columns
    )
    ((*found,),) = opened.rows(f"SELECT {lists} FROM (SELECT * FROM {opened.source} LIMIT {LOOKED_AT})")  # noqa: S608 - quoted
    return {
        column.name: [str(value) for value in values or () if value is not None and str(value).strip()]
        for column, values in zip(columns, found, strict=True)
    }


def _column_text(name: str, values: Sequence[str]) -> str:
    """Return a column's name, with its values where they are few."""
    from trivet.fairness.counting.naming import quoted  # noqa: PLC0415 - NumPy

    told = ", ".join(quoted(one_line(value, limit=VALUE_CHARACTERS)) for value in values)
    return f"{quoted(one_line(name))} ({told})" if 1 < len(values) <= FEW else quoted(one_line(name))


def _lacking_positive(values: Sequence[str], others: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield that one of a few words has to be named; numbers and truths say so themselves.

    `others` are the values of columns, one of which may be named for the labels or predictions.
    """
    if words := _words(values):
        several = "; or, for all of them, trivet fairness with --multiclass" if len(words) > 2 else ""  # noqa: PLR2004
        yield f"--positive {' or '.join(map(quote, words))}, the label that counts as positive{several}"
    elif of_words := [name for name, each in others.items() if _words(each)]:
        named = " or ".join(quote(name) for name in of_words[:FEW])
        yield f"--positive VALUE, the label that counts as positive, where labels are words, as in {named}"


def _words(values: Sequence[str]) -> list[str]:
    """Return values of which one has to be named, as they are a few words; else nothing."""
    words = [value for value in values if value.casefold() not in {"true", "false"}]
    return words if 1 < len(words) <= FEW and not all(map(_is_number, words)) else []


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        float(text)
        return True
    return False


def _beside(thing: str, out: Path) -> str:
    """Return a path as audit.toml in the folder has it; names of embedded data stay as they are."""
    return os.path.relpath(thing, out) if _file_of(thing).exists() else thing


def _file_of(thing: str) -> Path:
    """Return the file of FILE.duckdb:TABLE and FILE.xlsx:SHEET, or of a plain path."""
    before, colon, _ = thing.rpartition(":")
    return Path(before if colon and not Path(thing).exists() else thing)


def _toml(sections: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of audit.toml."""
    yield "# Written by trivet audit. Run it again with: trivet run audit.toml\n"
    yield "# Other keys of a section are the options of its command: trivet scan, fairness, privacy plan.\n"
    for name, values in sections.items():
        yield f"\n[{name}]\n"
        tables = {key: value for key, value in values.items() if _is_tables(value)}
        for key, value in values.items():
            if key not in tables:
                yield f"{key} = {_value(value)}\n"
        for key, rows in tables.items():
            for row in rows:
                yield f"\n[[{name}.{key}]]\n"
                yield from (f"{each} = {_value(value)}\n" for each, value in row.items())


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{dumps(str(key))} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_value, value)) + "]"
    return dumps(value, ensure_ascii=False) if isinstance(value, str) else dumps(value)
