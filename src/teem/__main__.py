"""`python -m teem` does what `teem` does."""

import sys

from teem.cli import main

sys.exit(main())
