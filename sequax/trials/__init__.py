"""Runs that try something and leave the model as it is: a dry run, one batch, batch sizes, a profile, a search."""
