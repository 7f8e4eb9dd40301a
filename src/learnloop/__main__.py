"""`python -m learnloop`."""

from __future__ import annotations

from learnloop.cli.main import main

if __name__ == "__main__":
    main()
