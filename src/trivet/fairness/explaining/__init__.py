"""Where a disparity comes from."""
