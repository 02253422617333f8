"""Parsing of documents, and editing of their flags in place.

- `parsing`: turn the bytes of a file into a `Document`, with `fields`, `entries`, `flag_values`, `due_dates`,
  `instants` and `json_values`
- `front_matter`: split a file into front matter and body
- `strict_yaml`: the YAML of front matter, with `suspect_yaml` and `plain_scalars`
- `loose_yaml`: any other YAML
- `issues`, `stray_fields`: what is wrong in a file, and where
- `flag_editing`: change the line of one flag and no other

The package itself imports nothing, so that a process that parses files starts at once.
"""
