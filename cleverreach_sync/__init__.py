"""crsync: a shop's customers into CleverReach."""

__version__ = "0.1.0"
