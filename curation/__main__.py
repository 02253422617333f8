"""`python -m curation`."""

from .cli import main

main()
