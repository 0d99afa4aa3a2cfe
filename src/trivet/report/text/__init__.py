"""The report's prose, filled with the values of the record: a tree that any writer sets."""
