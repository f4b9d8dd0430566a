import logging

from celery import shared_task

from documents import papers, sweep

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
