"""Long work for any leg: processes, files that survive a kill, user code."""
