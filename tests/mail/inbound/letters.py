"""What other servers send: bounces, complaints, automatic answers."""


def dsn(
    to: str,
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 <x@y>: Recipient address rejected: User unknown",
    action: str = "failed",
    extra: str = "",
) -> bytes:
    """A delivery status notification (RFC 3464) as Postfix writes it."""
    return f"""From: MAILER-DAEMON@mx.there.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"
{extra}
--b1
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.there.example.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.there.example
Arrival-Date: Tue, 24 Nov 2026 12:00:00 +0000 (UTC)

Final-Recipient: rfc822; ana@there.example
Action: {action}
Status: {status}
Remote-MTA: dns; inner.there.example
Diagnostic-Code: {diagnostic}

--b1
Content-Type: message/rfc822

From: us@coalition.example
Subject: Act now

Hello
--b1--
""".replace("\n", "\r\n").encode()


def arf(quoted: str, kind: str = "abuse", to: str = "complaints@in.coalition.example") -> bytes:
    """An abuse report (RFC 5965) that repeats ``quoted``, a header of the message it is about."""
    return f"""From: <abuse@provider.example>
Subject: complaint
To: <{to}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b2"

--b2
Content-Type: text/plain

This is an email abuse report.

--b2
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1

--b2
Content-Type: message/rfc822

From: us@coalition.example
{quoted}
Subject: Act now

Hello
--b2--
""".replace("\n", "\r\n").encode()


def plain(text: str = "Please do", subject: str = "Re: Act now", extra: str = "") -> bytes:
    """Someone's words."""
    return (
        f"From: Ana <ana@there.example>\r\nSubject: {subject}\r\n{extra}"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


VACATION = plain(
    "I am away.", "Out of office", "Auto-Submitted: auto-replied (vacation)\r\nPrecedence: bulk\r\n"
)

QMAIL = b"""From: MAILER-DAEMON@qmail.there.example\r
Subject: failure notice\r
\r
Hi. This is the qmail-send program at qmail.there.example.\r
I'm afraid I wasn't able to deliver your message to the following addresses.\r
This is a permanent error; I've given up. Sorry it didn't work out.\r
\r
<ana@there.example>:\r
Sorry, no mailbox here by that name. (#5.1.1)\r
\r
--- Below this line is a copy of the message.\r
\r
Return-Path: <us@coalition.example>\r
"""

EXCHANGE = b"""From: System Administrator <postmaster@there.example>\r
Subject: Undeliverable: Act now\r
\r
Your message\r
\r
  To:      ana@there.example\r
  Subject: Act now\r
  Sent:    Tue, 24 Nov 2026 12:00:00 -0000\r
\r
did not reach the following recipient(s):\r
\r
ana@there.example on Tue, 24 Nov 2026 12:00:10 -0000\r
    The recipient name is not recognized\r
\tThe MTS-ID of the original message is: c=us;a= ;p=there;l=MAIN1\r
    MSEXCH:IMS:There:MAIN:MAIN1 0 (000C05A6) Unknown Recipient\r
"""
