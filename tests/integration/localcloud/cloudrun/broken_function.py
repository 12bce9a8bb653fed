"""A function whose import fails."""

raise RuntimeError("the wings are not attached")
