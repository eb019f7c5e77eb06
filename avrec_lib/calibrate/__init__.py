"""Are the yardsticks to be trusted? Experiments that hold estimates and verdicts against worlds whose truth is known."""
