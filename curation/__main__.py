"""Entry point of the command `curation` and of `python -m curation`."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line.

    Until the command line handles signals itself, Ctrl-C ends the process without a traceback. Nothing has
    started by then.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .cli import main as run

    run()


if __name__ == "__main__":
    main()
