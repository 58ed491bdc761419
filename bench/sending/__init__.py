"""What bench/send.py is made of: an instance and its alert, the mail server, this engine, and its peers."""
