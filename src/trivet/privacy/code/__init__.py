"""Grey-box audit of code that adds noise: recorded on one data set, replayed on its neighbours."""
