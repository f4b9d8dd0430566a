"""The feed writes one index less: the others of these lines begin with the dossier too."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0004_statistics'),
        ('patients', '0007_lifecycle'),
    ]

    operations = [
        migrations.AlterField(
            model_name='careline',
            name='dossier',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='care_lines', to='patients.dossier', verbose_name='dossier'),
        ),
    ]
