"""Metrics that an audit can be about: rates by group, compared with a reference."""
