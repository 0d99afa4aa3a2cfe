"""The scan of a network for a backdoor: trigger inversion, margins, and the test of both."""
