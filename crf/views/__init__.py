"""The pages of the casebook, by subject."""
