"""The interpreter for programs that run inside a sandbox."""

from __future__ import annotations

import sys
from pathlib import Path

PYTHON = str(Path(sys.executable).resolve())
"""Not the virtual environment's link: that may be below /tmp, which the sandbox has for itself."""
