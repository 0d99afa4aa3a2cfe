"""Search for subgroups that nobody named, with inference that holds for all of them at once."""
