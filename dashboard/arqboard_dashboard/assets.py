"""Where templates, static files and translations are: in the package in a wheel, on top of the repository otherwise."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
_ROOT = _HERE if (_HERE / "templates").is_dir() else _HERE.parents[1]
TEMPLATES = _ROOT / "templates"
STATIC = _ROOT / "static"
LOCALE = _ROOT / "locale"
