"""E-mail systems other than those of the program."""
