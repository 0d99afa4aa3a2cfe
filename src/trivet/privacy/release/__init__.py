"""What one noisy answer is, and which budget it is charged to before it exists."""
