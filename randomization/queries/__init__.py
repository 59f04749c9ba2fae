"""Reading across lists and participants."""
