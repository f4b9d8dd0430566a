import logging

from celery import shared_task

from documents import drop_folder, feed, papers, statistics, sweep

log = logging.getLogger(__name__)


@shared_task
def sweep_orphans() -> None:
    """Every night. May run twice: what is gone is gone. Logs counts, never a title."""
    report = sweep.sweep(apply=True)
    level = logging.INFO if report.clean else logging.ERROR
    log.log(
        level,
        "contents: %d rows, %d files, %d rows without file, %d files without row, %d left-overs, %d strays",
        report.rows,
        report.files,
        len(report.missing),
        len(report.orphans),
        report.leftovers,
        len(report.strays),
    )


@shared_task
def seal_papers() -> None:
    """Every minute: publish the counter's public key, seal the letters that came."""
    papers.publish()
    papers.reseal()


@shared_task
def feed_reimbursements() -> None:
    """What waits in the drop folder. Another run at work: the next one will see. Logs counts, never a number."""
    try:
        for run in drop_folder.read():
            log.info("feed: %d lines, %d added, %d rejected", run.lines, run.added, run.rejected)
    except feed.Busy:
        log.info("feed: another one runs")


@shared_task
def forget_old_care_lines() -> None:
    """Every night: what left the window, and is no longer shown, leaves the table."""
    log.info("care lines: %d left the window", feed.forget_old())


@shared_task
def recount_statistics() -> None:
    """Every night."""
    log.info("statistics: %d cells", statistics.recount())
