"""Are the yardsticks to be trusted? Estimates and verdicts held against worlds whose truth is known."""
