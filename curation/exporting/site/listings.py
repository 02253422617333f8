"""Finds the topics that have pages of their own in a section.

The rules come from the dumps with rendered pages (powerapps, and three states of diablo4):

- A topic has pages in the sections that the `services` of its file name, if the address there is a folder of
  its own. Portals has 36 published news articles but no page of news: its services name learning only.
- The site's own topic names the section's own address, and has no pages.
- A topic without `services` has pages in every section with published articles of it. The site's own topic
  has none.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from ...store.schema import taxonomy_documents, topics
from .output import Output
from .sections import Section

#: Folders of a section that no topic may use.
_RESERVED_FOLDERS = ("page", "collections")


class ListedTopic(NamedTuple):
    """A topic that has pages, and their folder."""

    name: str
    folder: str


def find_listed_topics(
    connection: sa.Connection, source_id: int, section: Section, own_topic: str, output: Output
) -> dict[int, ListedTopic]:
    """Return the topics that have pages in a section, by id.

    The folder's name is the `_id` in the source's own file. `topics.slug` may come from another source.
    """
    document = taxonomy_documents.c
    query = (
        sa.select(topics.c.id, topics.c.name, document.front_matter)
        .join_from(taxonomy_documents, topics)
        .where(document.source_id == source_id, document.missing_since.is_(None))
        .order_by(document.path)
    )
    listed: dict[int, ListedTopic] = {}
    for topic_id, name, front_matter in connection.execute(query):
        stated = front_matter.get("_id")
        slug = str(stated) if isinstance(stated, str | int) else ""
        if not slug or not _has_pages(section, front_matter.get("services"), is_own=name == own_topic):
            continue
        folder = f"{section.folder}/{slug}"
        if "/" in slug or slug in _RESERVED_FOLDERS:
            output.leave_out(folder, f"topic {name!r} cannot use a folder of this name: change its _id")
        else:
            listed[topic_id] = ListedTopic(name, folder)
    return listed


def _has_pages(section: Section, services: object, *, is_own: bool) -> bool:
    if not isinstance(services, dict):
        return not is_own
    address = services.get(section.name)
    return isinstance(address, str) and not address.rstrip("/").endswith(f"/{section.folder}")
