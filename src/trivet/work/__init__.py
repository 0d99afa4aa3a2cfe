"""What long work needs of any leg: processes, files that survive a kill, code of the user's own."""
