"""A design to test with, and what Google would say of what it leads to."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
