import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the little worlds and the checks that tests share
