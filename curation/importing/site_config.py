"""Import the settings in a site's `_config.yml`.

Every import of a whole source reads the file, and parses it only if its bytes have changed. If it cannot be
parsed, all settings keep their previous values. If one setting is wrong, only that one keeps its previous
value. An issue reports it, and the import continues.
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
from .publish_dates import queue_early_articles
from .records.import_records import ImportRecords

if TYPE_CHECKING:
    from ..documents.loose_yaml import LooseMapping

#: Maximum size of a file that is parsed, in bytes. Real ones have 7 KB.
MAX_BYTES = 256 * 1024

#: Codes of issues with the content of the file. Other codes are about reading it.
_CONTENT_CODES = frozenset({"bad_config", "bad_setting"})


def import_site_config(connection: sa.Connection, tree: Tree, records: ImportRecords) -> bool:
    """Read the site's settings if they have changed. The caller commits.

    Returns:
        Whether the site has a settings file.
    """
    before, stamp = _read_stored_stamp(connection, records.source_id), tree.find_config_stamp()
    records.issues.load(connection, [CONFIG])
    if stamp is not None and stamp == before:
        return True
    data = tree.read_config_file()
    if data is None:
        return False
    if not isinstance(data, DocumentError) and len(data) > MAX_BYTES:
        data = DocumentError("file_too_large", f"{len(data)} bytes, over the limit of {MAX_BYTES}")
    if isinstance(data, DocumentError):
        records.issues.set_open(CONFIG, [Issue("warning", data.code, data.message)], keep=_CONTENT_CODES)
        return True
    stamp = stamp or hashlib.sha256(data).hexdigest()
    if stamp == before:
        records.issues.set_open(CONFIG, (), keep=_CONTENT_CODES)
    else:
        values, issues = read_config(data)
        kept_names = _find_unreadable_settings(values, issues)
        with queue_early_articles(connection, records.source_id):
            _write_settings(connection, records.source_id, {CONFIG: stamp, **(values or {})}, kept_names)
        records.issues.set_open(CONFIG, issues)
    return True


def read_config(data: bytes) -> tuple[dict[str, str] | None, list[Issue]]:
    """Return the settings of a `_config.yml` (None if it cannot be parsed), and its issues."""
    # An import that finds no changes loads no parser.
    from ..documents.loose_yaml import read_loosely

    try:
        config = read_loosely(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        return None, [Issue("warning", "bad_config", f"not UTF-8 at byte {error.start}")]
    except DocumentError as error:
        if error.code == "empty_front_matter":  # only comments, which is valid
            return {}, []
        message = f"{error.message} ({error.code}); all settings keep their previous values"
        return None, [Issue("warning", "bad_config", message, None, error.line, error.column)]
    return _extract_settings(config)


def _extract_settings(config: LooseMapping) -> tuple[dict[str, str], list[Issue]]:
    from ..sources.site_settings import SETTINGS

    values, issues = {}, []
    for setting in SETTINGS.values():
        if setting.key is None or (value := config.get(setting.key)) is None:
            continue
        try:
            values[setting.name] = setting.check(config.texts.get(setting.key) or _format_value(value))
        except ValueError as error:
            message = f"{setting.key} is not {error}; the setting keeps its previous value"
            issues.append(Issue("warning", "bad_setting", message, setting.key))
        if (line := config.repeated.get(setting.key)) is not None:
            message = f"{setting.key} appears more than once; its last value is used"
            issues.append(Issue("warning", "bad_setting", message, None, line))
    return values, issues


def _find_unreadable_settings(values: Mapping[str, str] | None, issues: Collection[Issue]) -> set[str]:
    """Return the names of the settings that keep their previous values: all, or those that are wrong."""
    from ..sources.site_settings import SETTINGS

    wrong = {issue.field for issue in issues}
    return {s.name for s in SETTINGS.values() if values is None or (s.key is not None and s.key in wrong)}


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        raise ValueError("a single value")  # noqa: TRY004 - as the checks of settings do
    return str(value)


def _read_stored_stamp(connection: sa.Connection, source_id: int) -> str | None:
    """Return the stamp of the file when it was last parsed: its id in git, or its digest."""
    table = source_settings.c
    mine = (table.source_id == source_id, table.name == CONFIG, table.origin == "read")
    stamp: str | None = connection.scalar(sa.select(table.value).where(*mine))
    return stamp


def _write_settings(
    connection: sa.Connection, source_id: int, values: Mapping[str, str], kept_names: Collection[str]
) -> None:
    """Replace the settings that were read from the file.

    Args:
        kept_names: Names of settings that keep their previous values.
    """
    table = source_settings.c
    mine = (table.source_id == source_id, table.origin == "read", table.name.not_in(list(kept_names)))
    connection.execute(sa.delete(source_settings).where(*mine))
    rows = [{"source_id": source_id, "name": k, "origin": "read", "value": v} for k, v in values.items()]
    connection.execute(sa.insert(source_settings), rows)
