"""The invented people of a rehearsal: their course, what they answer, and when. Plain Python."""
