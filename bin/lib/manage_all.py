"""Several management commands in one process: loading the code costs more than most of them.

    python bin/lib/manage_all.py "migrate" "migrate --database keys"

Each is run as manage.py runs it; one that fails ends the sequence with its message and its exit code.
"""

import os
import shlex
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dmp.settings")
for command in sys.argv[1:]:
    execute_from_command_line(["manage.py", *shlex.split(command)])
