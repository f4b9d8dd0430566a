"""What an operator wants to know at night, each as one line: what is asked, whether it is well, what to do."""

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import redis
from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import KombuError

from archival import overdue, tombstones
from archival.models import Sweep
from audit import partitions
from dmp.celery import app
from documents import antivirus, drop_folder, master_keys
from patients import clocks
from patients.models import Notice

FREE = 0.10  # of the disk of the contents
OLDEST_NOTICE = dt.timedelta(hours=1)
BEAT_SILENT = dt.timedelta(minutes=5)
PULSE = "send-notices"  # what the planner launches most often
STARTING = dt.timedelta(seconds=1.5 * settings.CELERY_BEAT_SCHEDULE[PULSE]["schedule"])  # its first beat, and a doze
MONTHS_AHEAD = 2
SWEEP_SILENT = dt.timedelta(days=2)  # it is done every night


@dataclass(frozen=True)
class Answer:
    name: str
    well: bool
    said: str


class Ill(Exception):
    """What is wrong and what to do, in words."""


def _databases() -> str:
    seen = ["default"] if settings.ROLE == "backoffice" else ["default", "keys"]
    for alias in seen:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    return "dossiers et clés répondent" if len(seen) > 1 else "les dossiers répondent"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise Ill("en retard sur le code : lancez migrate")
    return "à jour"


def _role() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, has_table_privilege('audit_trace', 'UPDATE'), "
            "has_table_privilege('audit_trace', 'DELETE') FROM pg_roles WHERE rolname = current_user"
        )
        superuser, updates, deletes = cursor.fetchone()
    if superuser or updates or deletes:
        raise Ill("ce rôle de la base peut changer les traces : employez dmp_app")
    return "le rôle de la base ne peut pas changer les traces"


def _clocks() -> str:
    try:
        clocks.believed()
    except clocks.ClocksApart as error:
        raise Ill(f"{error} Réglez leurs horloges.") from error
    return "à l'heure"


def _redis() -> str:
    redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2).ping()
    return "répond"


def _worker() -> str:
    if not app.control.ping(timeout=2):
        raise Ill("aucun ne répond : avis, dépôts de fichiers et purges attendent")
    return "répond"


def _beat() -> str:
    """When it starts, it writes its schedule again (`date_changed`); what it launches comes a beat later."""
    now = timezone.now()
    said = PeriodicTask.objects.filter(name=PULSE).values_list("last_run_at", "date_changed").first()
    last, started = said or (None, None)
    if last is not None and now - last <= BEAT_SILENT:
        return "lance les tâches"
    if started is not None and now - started <= STARTING:
        return "démarre"
    raise Ill("n'a rien lancé depuis cinq minutes : redémarrez-le")


def _notices() -> str:
    waiting = Notice.objects.filter(bucket=0, sent_at=None, created_at__lt=timezone.now() - OLDEST_NOTICE).count()
    if waiting:
        raise Ill(f"{waiting} avis attendent depuis plus d'une heure : voyez le serveur de courrier")
    return "aucun en retard"


def _disk() -> str:
    root = Path(settings.MEDIA_ROOT)
    usage = shutil.disk_usage(root if root.exists() else root.parent)
    if usage.free < FREE * usage.total:
        raise Ill(f"{100 * usage.free // usage.total} % de libre pour les documents : faites de la place")
    return f"{100 * usage.free // usage.total} % de libre"


def _partitions() -> str:
    ready = partitions.ahead_of(timezone.localdate())
    if ready < MONTHS_AHEAD:
        raise Ill(f"{ready} mois d'avance : lancez partitions")
    return f"{ready} mois d'avance"


def _keys() -> str:
    missing = [version for version in master_keys.counts() if version not in master_keys.master_keys().keys]
    if missing:
        raise Ill(
            f"DMP_MASTER_KEYS n'a pas la version {', '.join(map(str, missing))} : des documents ne s'ouvrent plus"
        )
    return "toutes les clés des dossiers ont leur clé maîtresse"


def _antivirus() -> str:
    if not antivirus.configured():
        return "pas d'antivirus : les documents disent « non analysé »"
    try:
        antivirus.scan(b"")
    except antivirus.Unavailable as error:
        raise Ill("ne répond pas : les dépôts sont refusés en attendant") from error
    return "répond"


def _destroyed() -> str:
    """A dossier destroyed once is back as long as the journals say more than the database (docs/adr/0013)."""
    if back := len(tombstones.unknown()):
        raise Ill(f"{back} destructions que cette base a oubliées, une sauvegarde est revenue : lancez destroy_again")
    if count := tombstones.lacking():
        raise Ill(f"{count} destructions manquent au journal : remettez sa copie, ou lancez destroy_again")
    return f"à jour, en {len(settings.TOMBSTONES)} exemplaires" if len(settings.TOMBSTONES) > 1 else "à jour"


def _left() -> str:
    last = Sweep.objects.first()
    if last is None:
        return "pas encore cherchés"
    if timezone.now() - last.at > SWEEP_SILENT:
        raise Ill("pas cherchés depuis deux jours : voyez le planificateur et les journaux")
    if last.unknown:
        raise Ill(f"{last.unknown} dossiers absents et jamais détruits ont encore une clé ou des lignes : gardez-les")
    return f"aucun ({last.swept} balayés la dernière nuit)" if last.swept else "aucun"


def _feed() -> str:
    if not settings.FEED_DIR:
        return "pas de dossier de dépôt"
    folder = Path(settings.FEED_DIR)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise Ill("le dossier de dépôt n'est pas là, ou ce compte n'y écrit pas : rien n'entre")
    if refused := drop_folder.refused(folder):
        raise Ill(f"{len(refused)} fichiers refusés, ou avec des lignes refusées : voyez {drop_folder.REFUSED}/")
    waiting = [path for path, written in drop_folder.waiting(folder) if timezone.now() - written > drop_folder.LATE]
    if waiting:
        raise Ill(f"{len(waiting)} fichiers attendent depuis plus d'une heure : voyez l'exécuteur")
    return "aucun fichier refusé ni en retard"


def _overdue() -> str:
    if late := overdue.dossiers(timezone.now()):
        raise Ill(f"{late} dossiers devaient être détruits depuis plus de 24 heures : lancez purge, lisez le journal")
    return "aucune en retard"


def _holds() -> str:
    if alone := overdue.holds(timezone.now()):
        raise Ill(f"{alone} gels attendent un second exploitant depuis plus de sept jours : voyez holds")
    return "aucun n'attend"


ASKED: dict[str, Callable[[], str]] = {
    "bases": _databases,
    "tables": _migrations,
    "rôle": _role,
    "horloges": _clocks,
    "redis": _redis,
    "exécuteur": _worker,
    "planificateur": _beat,
    "avis": _notices,
    "échéances": _overdue,
    "gels": _holds,
    "disque": _disk,
    "partitions": _partitions,
    "clés": _keys,
    "antivirus": _antivirus,
    "destructions": _destroyed,
    "restes": _left,
    "alimentation": _feed,
}
# What the counter's process has no right to know: keys, legal holds, the insurer's files.
NOT_FROM_THE_COUNTER = frozenset({"alimentation", "clés", "destructions", "gels", "restes", "échéances"})
DOWN = (DatabaseError, redis.RedisError, KombuError, OSError)


def answers() -> Iterator[Answer]:
    """Each asked even when another is ill; those that this process may know. Never a name, a number or a title."""
    for name, ask in ASKED.items():
        if settings.ROLE == "backoffice" and name in NOT_FROM_THE_COUNTER:
            continue
        try:
            yield Answer(name, True, ask())
        except Ill as error:
            yield Answer(name, False, str(error))
        except DOWN as error:
            yield Answer(name, False, f"ne répond pas ({type(error).__name__})")
