"""Parquet files, with pyarrow (the extra `parquet`).

Row groups have 20,000 rows, or fewer if rows are long. A column has the narrowest type that its values fit:
booleans, whole numbers (64 bits), numbers (double), instants (UTC, microseconds), dates, times, bytes, text.

The first rows decide the types. If later ones do not fit, the column is widened: from nothing to any type,
from whole numbers to doubles if both are exact, and else to text, where every value is written as in CSV. The
types of a file are fixed, so a wider column begins a new temporary file. At the end, all of these are copied,
one row group at a time, into the result. If a command declares its column types, these apply whatever the
rows, lists and objects included. Texts are written as they are in the store, without escapes.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from types import NoneType
from typing import IO, TYPE_CHECKING, Any

import click

from ...cell_text import escape_surrogates, make_names_unique, parse_instant_text, to_json_value, to_text
from ...temporary import open_unnamed_file
from .options import ColumnType, Output

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 20_000

#: Rows of declared types are whole articles with all their parts. 20,000 of them took half a gigabyte.
LONG_GROUP_ROWS = 4_000

_KINDS: dict[type, str] = {
    bool: "boolean",
    int: "whole",
    float: "number",
    dt.date: "date",
    dt.time: "time",
    bytes: "bytes",
    memoryview: "bytes",
}

#: A double rounds whole numbers beyond this.
_MAX_EXACT = 2**53
_MAX_LONG = 2**63


@dataclass(frozen=True, slots=True)
class _Part:
    """A temporary file of rows with the same column types."""

    file: IO[bytes]
    kinds: Sequence[ColumnType]


def write_parquet(
    stream: IO[bytes], columns: Sequence[str], rows: Iterator[Sequence[Any]], output: Output
) -> None:
    """Write a Parquet file. Raise ClickException, which names the extra, if pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401 - check that it is installed
    except ImportError as error:
        raise click.ClickException("parquet needs a library: pip install 'curation[parquet]'") from error

    names = make_names_unique(columns)
    with ExitStack() as files:

        def new_file() -> IO[bytes]:
            return files.enter_context(open_unnamed_file())

        parts = _write_parts(new_file, names, rows, output.kinds)
        whole = parts[0].file if len(parts) == 1 else _join_parts(parts, names, new_file())
        whole.seek(0)
        shutil.copyfileobj(whole, stream)


def _write_parts(
    new_file: Callable[[], IO[bytes]],
    names: Sequence[str],
    rows: Iterator[Sequence[Any]],
    declared: Sequence[ColumnType] | None,
) -> list[_Part]:
    """Write all rows in their order to files, each with wider columns than the one before.

    With declared types there is only one file.
    """
    from pyarrow import parquet

    parts: list[_Part] = []
    kinds: Sequence[ColumnType] = ()
    found = ["nothing"] * len(names)
    size = GROUP_ROWS if declared is None else LONG_GROUP_ROWS
    with ExitStack() as writers:
        writer = None
        for cells in _read_columns(rows, len(names), size):
            if declared is None:
                cells = [_convert(values) for values in cells]
                found = [_wider(kind, _kind(values)) for kind, values in zip(found, cells, strict=True)]
            wider = declared or found
            if writer is None or wider != kinds:
                writers.close()
                kinds = wider
                parts.append(_Part(new_file(), kinds))
                writer = writers.enter_context(parquet.ParquetWriter(parts[-1].file, _schema(names, kinds)))
            writer.write_table(
                _table(names, kinds, [_array(v, k) for v, k in zip(cells, kinds, strict=True)])
            )
    return parts


def _read_columns(rows: Iterator[Sequence[Any]], count: int, size: int) -> Iterator[list[Sequence[Any]]]:
    """Yield up to `size` rows at a time, as `count` columns. Without rows, yield empty columns once."""
    is_first = True
    while (batch := list(islice(rows, size))) or is_first:
        yield [*zip(*batch, strict=True)] or [[] for _ in range(count)]
        is_first = False


def _join_parts(parts: Sequence[_Part], names: Sequence[str], file: IO[bytes]) -> IO[bytes]:
    """Copy all parts into one file, with the columns of the last part, which are the widest."""
    from pyarrow import parquet

    kinds = parts[-1].kinds
    with parquet.ParquetWriter(file, _schema(names, kinds)) as writer:
        for part in parts:
            reader = parquet.ParquetFile(part.file)
            for i in range(reader.num_row_groups):
                group = reader.read_row_group(i)
                arrays = [
                    group.column(j).combine_chunks() if _type(was) == _type(kind)
                    else _array(group.column(j).to_pylist(), kind)
                    for j, (was, kind) in enumerate(zip(part.kinds, kinds, strict=True))
                ]  # fmt: skip
                writer.write_table(_table(names, kinds, arrays))
    return file


def _convert(values: Sequence[Any]) -> Sequence[Any]:
    """Convert decimals to plain numbers, as in JSON, and texts to instants if all of them are instants.

    A column of the database type `numeric` mixes decimals and whole numbers.
    """
    types = set(map(type, values)) - {NoneType}
    if types == {str}:
        instants = [value if value is None else parse_instant_text(value) for value in values]
        return instants if instants.count(None) == values.count(None) else values
    if Decimal not in types:
        return values
    return [to_json_value(value) if isinstance(value, Decimal) else value for value in values]


def _kind(values: Sequence[Any]) -> str:
    """Return the narrowest type that all values fit."""
    types = set(map(type, values)) - {NoneType}
    kind = "nothing"
    for type_ in types:
        kind = _wider(kind, "instant" if issubclass(type_, dt.datetime) else _KINDS.get(type_, "text"))
    if kind in ("instant", "time"):
        return _kind_by_zone(kind, {value.tzinfo is not None for value in values if value is not None})
    if int in types and kind in ("whole", "number"):
        return _kind_by_size(kind, [value for value in values if type(value) is int])
    return kind


def _kind_by_zone(kind: str, has_zone: set[bool]) -> str:
    """Return the type of instants or times. `has_zone` is whether they have a time zone: both if mixed."""
    if kind == "time":
        return "text" if True in has_zone else "time"
    if len(has_zone) == 2:
        return "text"
    return "instant" if True in has_zone else "local"


def _kind_by_size(kind: str, whole: Sequence[int]) -> str:
    """Return the type of a column of numbers with these whole numbers."""
    least, most = min(whole), max(whole)
    if least >= -_MAX_EXACT and most <= _MAX_EXACT:
        return kind
    return "long" if kind == "whole" and least >= -_MAX_LONG and most < _MAX_LONG else "text"


def _wider(kind: str, other: str) -> str:
    """Return the narrowest type that the values of both types fit."""
    if kind == other or other == "nothing":
        return kind
    if kind == "nothing":
        return other
    return {frozenset(("whole", "number")): "number", frozenset(("whole", "long")): "long"}.get(
        frozenset((kind, other)), "text"
    )


def _type(kind: ColumnType) -> pa.DataType:
    import pyarrow as pa

    if not isinstance(kind, str):
        return pa.list_(pa.struct([(name, _type(inner)) for name, inner in kind.items()]))
    types = {
        "boolean": pa.bool_(),
        "whole": pa.int64(),
        "long": pa.int64(),
        "number": pa.float64(),
        "instant": pa.timestamp("us", tz="UTC"),
        "local": pa.timestamp("us"),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "bytes": pa.binary(),
        "texts": pa.list_(pa.string()),
    }
    return types.get(kind, pa.string())


def _array(values: Sequence[Any], kind: ColumnType) -> pa.Array:
    import pyarrow as pa

    if kind in ("text", "json"):
        values = [None if value is None else escape_surrogates(to_text(value)) for value in values]
    elif kind == "bytes":
        values = [None if value is None else bytes(value) for value in values]
    return pa.array(values, _type(kind))


def _schema(names: Sequence[str], kinds: Sequence[ColumnType]) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(list(zip(map(escape_surrogates, names), map(_type, kinds), strict=True)))


def _table(names: Sequence[str], kinds: Sequence[ColumnType], arrays: Sequence[pa.Array]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_arrays(list(arrays), schema=_schema(names, kinds))
