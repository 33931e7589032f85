"""Finding copies: signatures, groups of candidates, and who survives among them."""
