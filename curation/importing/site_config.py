"""The settings that a site's own `_config.yml` states, taken in beside its content.

The file is read with every import of a whole source, and parsed only where its bytes are not as before.
Where it is broken nothing is read from it, and where one setting is wrong that one is not: what was read
before stands, and an issue says so; the import goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ..documents.issues import Issue
from ..errors import DocumentError
from ..scanning import CONFIG, Tree
from ..store.schema import source_settings
from .publish_dates import following_future
from .records.import_records import ImportRecords

if TYPE_CHECKING:
    from ..documents.loose_yaml import LooseMapping

#: Bytes of the largest that is parsed; those of the sites seen have 7 KB.
MAX_BYTES = 256 * 1024

#: What an issue says of its text; others are about reading it.
_OF_THE_TEXT = frozenset({"bad_config", "bad_setting"})


def import_site_config(connection: sa.Connection, tree: Tree, records: ImportRecords) -> bool:
    """Reads the site's settings, if they are not as they were; the caller commits. False: there is none."""
    before, stamp = _stamp_before(connection, records.source_id), tree.config_stamp()
    records.issues.load(connection, [CONFIG])
    if stamp is not None and stamp == before:
        return True
    data = tree.config()
    if data is None:
        return False
    if not isinstance(data, DocumentError) and len(data) > MAX_BYTES:
        data = DocumentError("file_too_large", f"{len(data)} bytes; at most {MAX_BYTES} are read")
    if isinstance(data, DocumentError):
        records.issues.set_open(CONFIG, [Issue("warning", data.code, data.message)], keep=_OF_THE_TEXT)
        return True
    stamp = stamp or hashlib.sha256(data).hexdigest()
    if stamp == before:
        records.issues.set_open(CONFIG, (), keep=_OF_THE_TEXT)
    else:
        values, issues = read_config(data)
        stand = _still_stated(values, issues)
        with following_future(connection, records.source_id):
            _state(connection, records.source_id, {CONFIG: stamp, **(values or {})}, stand)
        records.issues.set_open(CONFIG, issues)
    return True


def read_config(data: bytes) -> tuple[dict[str, str] | None, list[Issue]]:
    """The settings that a `_config.yml` states, and what is wrong with it; None where it cannot be read."""
    # Only what has changed is parsed: an import that finds nothing new loads no parser.
    from ..documents.loose_yaml import read_loosely

    try:
        stated = read_loosely(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        return None, [Issue("warning", "bad_config", f"not UTF-8 at byte {error.start}")]
    except DocumentError as error:
        if error.code == "empty_front_matter":  # nothing but comments, which is no fault of a configuration
            return {}, []
        told = f"{error.message} ({error.code}): no setting is read"
        return None, [Issue("warning", "bad_config", told, None, error.line, error.column)]
    return _settings_in(stated)


def _settings_in(stated: LooseMapping) -> tuple[dict[str, str], list[Issue]]:
    from ..sources.site_settings import SETTINGS

    values, issues = {}, []
    for setting in SETTINGS.values():
        if setting.key is None or (value := stated.get(setting.key)) is None:
            continue
        try:
            values[setting.name] = setting.check(stated.texts.get(setting.key) or _as_text(value))
        except ValueError as error:
            told = f"{setting.key} is not {error}: it is not read"
            issues.append(Issue("warning", "bad_setting", told, setting.key))
        if (line := stated.repeated.get(setting.key)) is not None:
            told = f"{setting.key} is stated more than once: the last counts"
            issues.append(Issue("warning", "bad_setting", told, None, line))
    return values, issues


def _still_stated(values: Mapping[str, str] | None, issues: Collection[Issue]) -> set[str]:
    """The settings of which it is not known what they are now: all, or those that are wrong."""
    from ..sources.site_settings import SETTINGS

    wrong = {issue.field for issue in issues}
    return {s.name for s in SETTINGS.values() if values is None or (s.key is not None and s.key in wrong)}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        raise ValueError("one text")  # noqa: TRY004 - as the checks of settings say it
    return str(value)


def _stamp_before(connection: sa.Connection, source_id: int) -> str | None:
    """What tells that the file is as it was when it was last parsed: git's id for it, or its digest."""
    table = source_settings.c
    mine = (table.source_id == source_id, table.name == CONFIG, table.origin == "read")
    stamp: str | None = connection.scalar(sa.select(table.value).where(*mine))
    return stamp


def _state(
    connection: sa.Connection, source_id: int, values: Mapping[str, str], stand: Collection[str]
) -> None:
    """Writes what was read; what was read before and is stated no more is gone, but for what is to stand."""
    table = source_settings.c
    mine = (table.source_id == source_id, table.origin == "read", table.name.not_in(list(stand)))
    connection.execute(sa.delete(source_settings).where(*mine))
    rows = [{"source_id": source_id, "name": k, "origin": "read", "value": v} for k, v in values.items()]
    connection.execute(sa.insert(source_settings), rows)
