"""Letters on paper and in files: packets for delivery by hand, the day's digests, and mass comments for a docket."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the desk's pages, the job that makes the files, and what letters and the mail floor ask of papers."""
    from campaign.letters import together
    from campaign.mail import compose, ledger
    from campaign.mail import naming as mail_naming
    from campaign.offices import office_page
    from campaign.papers import (
        commands,
        daily,
        desk,
        desk_filings,
        digests,
        filing,
        jobs,  # noqa: F401  # it registers itself
        models,  # noqa: F401  # the tables
        naming,
        queries,
        taken_out,
    )

    for module in (desk, desk_filings):
        app.register_blueprint(module.bp)
    compose.register_origin(digests.ORIGIN, digests.render_batch)
    mail_naming.register(digests.ORIGIN, naming.of_digests)
    ledger.on_result(digests.ORIGIN, digests.on_result)
    office_page.register_section("papers", lambda target: {"digest": daily.next_digest(target)})

    def forget(letter_id: int, campaign_id: int) -> None:
        commands.forget(letter_id)
        filing.forget_in_transaction(letter_id, campaign_id)

    together.use(
        together.Keeper(
            queries.together,
            commands.take_apart_in_transaction,
            taken_out.take_out_in_transaction,
            commands.again_in_transaction,
            commands.stop_in_transaction,
            forget,
        )
    )
