"""Numbers that carry what their noise was added to."""
