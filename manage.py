#!/usr/bin/env python
import gettext
import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line


def speak_french() -> None:
    """What argparse itself says, an operator reads in our words: it asks gettext, in the language of the process."""
    os.environ["LANGUAGE"] = "fr"
    gettext.bindtextdomain("argparse", Path(__file__).parent / "locale")
    gettext.textdomain("argparse")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dmp.settings")
    speak_french()
    execute_from_command_line(sys.argv)
