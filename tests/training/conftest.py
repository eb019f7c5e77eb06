"""What the tests of this room share lies beside them, also for the processes that they start."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
