"""The feed goes by two halves of persons: how far the one that goes first has come."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0006_who_may_open'),
    ]

    operations = [
        migrations.AddField(
            model_name='feedrun',
            name='ahead',
            field=models.BigIntegerField(db_default=0, default=0, verbose_name='octets lus, de la moitié qui va devant'),
        ),
    ]
