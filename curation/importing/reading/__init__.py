"""Read files and compare them with what the store has.

- `tasks`: the files to read, and the outcome of each
- `files`: read, parse and compare one chunk of files
- `rows`: convert documents to rows
- `pipeline`: read ahead on all cores, in order
- `processes`: the executor
- `timeouts`: time limits for files that take too long to parse
"""
