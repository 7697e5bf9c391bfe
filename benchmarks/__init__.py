"""Speed and memory of the attacks, beside other libraries and the bare compiled gradient."""
