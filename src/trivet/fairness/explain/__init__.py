"""Explanation of a disparity: by class, by column, and by proxies."""
