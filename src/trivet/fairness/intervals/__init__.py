"""How sure a disparity is, and which one a sample could have shown."""
