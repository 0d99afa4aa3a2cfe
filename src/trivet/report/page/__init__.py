"""What a page has beyond its prose: sources of numbers, findings, data of figures, a strict policy."""
