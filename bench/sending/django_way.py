"""django-post_office at its best: a batch queued, rendered and sent by its own command's code. For comparison only.

    python -m bench.sending.django_way MESSAGES    (in an environment that has Django and django-post_office)

Prints messages a second, from queued rows in PostgreSQL to the SMTP server. Its defaults but for batch size and threads.
"""

import json
import os
import sys
import time

import django
from django.conf import settings

from bench.sending.texts import HTML, TEXT

where = json.loads(os.environ["POST_OFFICE_DATABASE"])
if __name__ == "__main__":
    settings.configure(
        SECRET_KEY="only for this benchmark",
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": where["dbname"],
                "USER": where["user"],
                "PASSWORD": where["password"],
                "HOST": where["host"],
                "PORT": str(where["port"]),
            }
        },
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates"},
            {
                "BACKEND": "post_office.template.backends.post_office.PostOfficeTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": []},
            },
        ],
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST=os.environ["MAIL_SERVER"],
        EMAIL_PORT=int(os.environ["MAIL_PORT"]),
        DEFAULT_FROM_EMAIL="us@coalition.example",
        POST_OFFICE={"BATCH_SIZE": 5000, "THREADS_PER_PROCESS": 5, "LOG_LEVEL": 1},
        USE_TZ=True,
    )
    django.setup()


def main() -> None:
    from django.core.management import call_command
    from post_office import mail
    from post_office.models import EmailTemplate

    n = int(sys.argv[1])
    call_command("migrate", verbosity=0)
    template = EmailTemplate.objects.create(
        name="bench", subject="Two agencies are listening", content=TEXT, html_content=HTML
    )
    mail.send_many(
        [
            {
                "recipients": [f"r{i}@there.example"],
                "sender": "us@coalition.example",
                "template": template,
                "render_on_delivery": True,
                "context": {"name": f"r{i}", "link": f"https://act.coalition.example/{i}"},
            }
            for i in range(n)
        ]
    )
    start = time.perf_counter()
    sent, failed, _ = mail.send_queued(processes=2)
    took = time.perf_counter() - start
    assert (sent, failed) == (n, 0), (sent, failed)
    print(n / took)


if __name__ == "__main__":
    main()
