"""Where templates and static files are: inside the package in a wheel, at the top of the repository in a checkout."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
_ROOT = _HERE if (_HERE / "templates").is_dir() else _HERE.parents[1]
TEMPLATES = _ROOT / "templates"
STATIC = _ROOT / "static"
