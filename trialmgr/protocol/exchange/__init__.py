"""Studies in the formats of other systems: read into a folder of ours, and written out."""
