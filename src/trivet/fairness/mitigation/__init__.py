"""What can be done about a disparity: before, while and after a model is fitted."""
