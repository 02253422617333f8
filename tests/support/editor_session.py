"""A small site on which tests run an editor's commands."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Curation = Callable[..., Result]


class EditorSession:
    """A site of a few documents, and the commands that run on it."""

    def __init__(self, curation: Curation, root: Path, name: str = "site") -> None:
        self._curation, self._root = curation, root / name

    def write(self, path: str, title: str, url: str | None, body: str, **flags: object) -> None:
        file = self._root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        flag_lines = "".join(f"{key}: {value}\n" for key, value in flags.items())
        address = "" if url is None else f"webUrl: https://x.example/{url}\n"
        file.write_text(f"---\ntitle: {title}\n{address}{flag_lines}---\n{body}\n")

    def delete(self, path: str) -> None:
        (self._root / path).unlink()

    def run(self, *arguments: str, status: int = 0) -> str:
        result = self._curation(*arguments)
        assert result.exit_code == status, result.output
        return result.output

    def import_files(self, part: str = "", status: int = 0) -> None:
        self.run("import", str(self._root / part), status=status)

    @property
    def overrides(self) -> dict[str, str]:
        """The overridden flag of each article, by path. An article has at most one."""
        query = "SELECT path, field FROM overrides JOIN articles ON articles.id = article_id ORDER BY path"
        rows = self._curation("sql", query, "--format", "csv").stdout
        return {row["path"]: row["field"] for row in csv.DictReader(io.StringIO(rows))}

    @property
    def shown(self) -> list[str]:
        """The paths of the articles that are published and not missing."""
        table = self._curation(
            "list", "--published", "--columns", "path,missing_since", "--format", "csv"
        ).stdout
        return [row["path"] for row in csv.DictReader(io.StringIO(table)) if not row["missing_since"]]

    @property
    def issues(self) -> set[tuple[str, str]]:
        table = self._curation("issues", "--format", "csv").stdout
        return {(row["code"], row["path"]) for row in csv.DictReader(io.StringIO(table))}
