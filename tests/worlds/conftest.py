import sys
from pathlib import Path

for world in ("farm", "treasure"):  # the farms and treasure worlds that tests share
    sys.path.insert(0, str(Path(__file__).parent / world))
