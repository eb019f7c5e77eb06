"""avrec: a notebook workbench that finds out offline whether a new recommender would beat the old one."""

__version__ = "0.1.0"
