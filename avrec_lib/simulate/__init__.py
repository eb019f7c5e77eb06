"""What if we knew the truth? Users, clips, logging policies and parallel worlds whose answers are known."""
