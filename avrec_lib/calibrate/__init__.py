"""Can the yardsticks be trusted? Intervals, tests and verdicts tried where the truth is known."""
