"""`python -m avrec_lib` is the `avrec` command."""

import sys

from avrec_lib.cli import main

if __name__ == "__main__":
    sys.exit(main())
