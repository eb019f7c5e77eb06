"""Lets the tests of this room import `feature_logs`, the logs that they share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
