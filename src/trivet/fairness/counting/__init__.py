"""How many rows each group, label and prediction has, of any table."""
