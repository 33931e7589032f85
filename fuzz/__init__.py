"""Coverage-guided fuzzing (atheris): bytes that nobody thought of.

    pip install atheris
    python -m fuzz.pages -max_total_time=60 fuzz/seeds/pages
    python -m fuzz.files -max_total_time=60 fuzz/seeds/files

A crash is written to `crash-*`; it becomes a test once it is understood.
"""
