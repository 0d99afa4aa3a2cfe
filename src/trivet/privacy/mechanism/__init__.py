"""Black-box audit of the guarantee that a mechanism claims."""
