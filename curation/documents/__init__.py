"""Bytes into documents, and flags changed in place.

- `parsing`: a file's bytes become a `Document`, by `fields`, `flag_values`, `due_dates` and `json_values`
- `strict_yaml`: the YAML of front matter, with `yaml_signs` and `plain_scalars`; `loose_yaml`: any other YAML
- `issues`, `stray_fields`: what is wrong in a file, and where
- `flag_editing`: change the line of one flag and no other

This package imports nothing by itself: a process that reads files starts at once.
"""
