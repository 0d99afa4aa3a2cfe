"""Tables in the layout that a law asks for, and the suppression of small cells."""
