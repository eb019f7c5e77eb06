"""What would another policy have earned? Estimated from the log of this one, or refused with the reason."""
