"""What runs any study, and knows none: stages, their store, results, claims."""
