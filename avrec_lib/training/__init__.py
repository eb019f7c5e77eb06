"""How does it learn? Options chosen on validation."""
