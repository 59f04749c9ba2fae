"""A form as a page lays it out: repeating groups row by row, and the boxes of each item. Plain Python."""
