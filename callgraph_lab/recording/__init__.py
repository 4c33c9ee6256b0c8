"""From what an engine writes while the target runs to one file that answers questions.

``live_format`` says what an engine writes, ``live_writer`` is the Python engines' writer,
``live_reader`` reads it at any moment; ``store`` keeps a finished recording in SQLite.
"""
