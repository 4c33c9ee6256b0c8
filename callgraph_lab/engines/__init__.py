"""What records calls. ``protocol`` says what an engine is, ``choice`` picks one and says why.

Nothing is imported here: an engine's module also runs inside the target.
"""
