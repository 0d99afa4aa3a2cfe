"""Whether a mechanism keeps the guarantee that it claims, seen from outside."""
