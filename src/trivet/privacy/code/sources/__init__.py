"""Sources of noise: what each library draws, while a run is recorded."""
