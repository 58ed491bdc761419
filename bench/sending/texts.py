"""What the comparisons of bench/send.py send: some 8 KB in text and HTML, in the template language that Jinja and Django share."""

LINE = "The rule that we ask for would let a person see what is held against them before they answer it.\n"
TEXT = "Dear {{ name }},\n" + LINE * 32 + "{{ link }}\n"
HTML = "<p>Dear {{ name }},</p>\n" + f"<p>{LINE}</p>" * 38 + "<p>{{ link }}</p>\n"
