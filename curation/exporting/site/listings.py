"""Which topics have pages of their own in a section.

Evidence: in the dumps that have rendered pages (powerapps, and three states of diablo4) a topic has pages in
the sections that the `services` of its own file name, with the address of a folder of its own. Portals has 36
published stories and no page of news, for its services name learning alone; the site's own topic names the
section's own address, and has none. Topics whose files say nothing of services have pages wherever something
is published on them, but for the site's own.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from ...store.schema import taxonomy_documents, topics
from .output import Output
from .sections import Section

#: Folders of a section that are no topic's.
_TAKEN = ("page", "collections")


class Listed(NamedTuple):
    """A topic that has pages, and the folder where they lie."""

    name: str
    folder: str


def listed_topics(
    connection: sa.Connection, source_id: int, section: Section, own_topic: str, output: Output
) -> dict[int, Listed]:
    """The topics that have pages in a section, by their ids.

    Folders are by the `_id` of the source's own files: `topics.slug` is what any source said of it last.
    """
    note = taxonomy_documents.c
    query = (
        sa.select(topics.c.id, topics.c.name, note.front_matter)
        .join_from(taxonomy_documents, topics)
        .where(note.source_id == source_id, note.missing_since.is_(None))
        .order_by(note.path)
    )
    listed: dict[int, Listed] = {}
    for topic_id, name, front_matter in connection.execute(query):
        stated = front_matter.get("_id")
        slug = str(stated) if isinstance(stated, str | int) else ""
        if not slug or not _has_pages(section, front_matter.get("services"), is_own=name == own_topic):
            continue
        folder = f"{section.folder}/{slug}"
        if "/" in slug or slug in _TAKEN:
            output.leave_out(folder, f"the topic {name!r} cannot have a folder of this name: change its _id")
        else:
            listed[topic_id] = Listed(name, folder)
    return listed


def _has_pages(section: Section, services: object, *, is_own: bool) -> bool:
    if not isinstance(services, dict):
        return not is_own
    address = services.get(section.name)
    return isinstance(address, str) and not address.rstrip("/").endswith(f"/{section.folder}")
