"""What `campaign demo` plays: people who use a site of their own through HTTP and SMTP alone, and what they then check.

Nothing here calls the application or writes its tables. The site is a separate `campaign run`; it is set up through
the command line, as a newcomer would, and from then on known only by its pages and its mail.
"""
