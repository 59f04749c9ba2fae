"""The study definition in force: published versions as immutable rows, and the study lock."""
