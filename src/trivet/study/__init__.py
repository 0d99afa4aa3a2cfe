"""The published recipes, to the digit, and what of them is corrected."""
