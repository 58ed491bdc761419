"""What comes back: bounces, complaints, automatic answers, unsubscribes and replies.

Doors: ``campaign inbound`` (SMTP and LMTP), ``campaign inbound --stdin`` (a pipe), and the mail providers' signed
webhooks. All of them end in ``receiving``, where each thing happens once, however often it is told.
"""
