"""Lets the tests of this room import `contract`, the test class that every model inherits."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
