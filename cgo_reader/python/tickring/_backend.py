"""Which reader this process uses: the C library's, or the one in Python.

TICKRING_BACKEND=c or =python in the environment asks for one of them; else the C library
is taken where the extension was built.
"""

import os
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ._pure import Core, Field, FloatField, RecordBase, bell_wait, error_text, set_classes

    backend: Literal["c", "python"]
else:
    _asked = os.environ.get("TICKRING_BACKEND", "")
    if _asked not in {"", "c", "python"}:
        message = f"TICKRING_BACKEND={_asked}: give c or python"
        raise ImportError(message)
    try:
        if _asked == "python":
            raise ImportError
        from ._native import (
            Core,
            Field,
            FloatField,
            RecordBase,
            bell_wait,
            error_text,
            set_classes,
        )

        backend = "c"
    except ImportError:
        if _asked == "c":
            raise
        from ._pure import Core, Field, FloatField, RecordBase, bell_wait, error_text, set_classes

        backend = "python"

__all__ = [
    "Core",
    "Field",
    "FloatField",
    "RecordBase",
    "backend",
    "bell_wait",
    "error_text",
    "set_classes",
]
