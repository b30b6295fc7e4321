"""Launcher in a checkout: ``python cli.py run DIR`` is ``partsopt run DIR``."""

from partsopt.commands import main

if __name__ == "__main__":
    main()
