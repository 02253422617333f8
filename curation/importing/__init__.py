"""Documents into rows, again and again: read, compare, merge with the editors' decisions, write.

A run goes through `run.import_dump`; from file to row, in order:

- `outcomes`: one file is read and compared with what the store has
- `standing`, `merge`: what holds of a known article, and who decides each flag
- `references`, `write`, `taxonomy`: rows, in bulk
- `issues`, `audit`: faults, and the changes of flags
- `resolve`: which articles related links and collection items name
"""

from .run import Dump, Summary, import_dump, import_folder, look_through

__all__ = ["Dump", "Summary", "import_dump", "import_folder", "look_through"]
