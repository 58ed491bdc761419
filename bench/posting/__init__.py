"""What bench/letters.py is made of: rows to begin with, and the SQL of one POST replayed."""
