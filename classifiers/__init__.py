"""Noise, affiliate and adult classifiers for Japanese pages: trained, judged, scored."""
