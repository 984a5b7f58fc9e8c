class Mistake(Exception):
    """The tables of the generator do not agree with one another."""
