"""What counts, scores and neighbours say of how alike groups are treated."""
