import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # what tests share with each other and the scripts they start


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"
