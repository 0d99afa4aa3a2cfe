"""Uncertainty of a disparity, and the smallest detectable one."""
