"""Metrics of groups: functions of counts, of scores and of neighbours."""
