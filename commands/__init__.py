"""The commands of `reproduce.py`, one file each: its arguments and nothing else.

What a command does is done below, where notebooks and scripts find it too. Nothing here imports
TensorFlow before the arguments have been read.
"""
