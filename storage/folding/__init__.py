"""What is old costs a hundredth of what is new: each kind of folding is a function that does a little at a time."""
