"""``python -m tracksmith.cli``."""

from tracksmith.cli import main

if __name__ == "__main__":
    main()
