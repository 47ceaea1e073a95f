import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # what tests share with each other
sys.path.insert(0, str(Path(__file__).parents[1] / "processes"))
