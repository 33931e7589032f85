"""The stages as jobs: each a thin Beam graph over plain functions."""
