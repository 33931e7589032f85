"""What the program promises, told as tests."""
