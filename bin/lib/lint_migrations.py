"""Migrations that would hurt a running site: django-migration-linter, without making it an app of the product."""

import django
from django.core.management import call_command
from django_migration_linter.management.commands.lintmigrations import Command

django.setup()
call_command(
    Command(),
    include_apps=["audit", "patients", "access", "documents", "archival"],
    quiet=["ok", "ignore"],
    ignore_initial_migrations=True,  # what creates a table hurts nobody
    no_cache=True,
)
