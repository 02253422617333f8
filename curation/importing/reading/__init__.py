"""Read files and compare them with what the store has.

- `tasks`: what is to be read, and what became of it
- `files`: read, parse and compare one chunk of files; `rows`: documents become rows
- `pipeline`: read ahead on all cores, in order; `processes`: the executor
- `deadlines`: files that take too long to parse
"""
