"""Designs held against each other by thousands of simulated trials."""
