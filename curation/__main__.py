"""The command `curation`, and `python -m curation`."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line.

    Until it handles signals itself, Ctrl-C ends the process in silence: nothing has begun.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .cli import main as run

    run()


if __name__ == "__main__":
    main()
