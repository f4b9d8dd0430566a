from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0005_one_index_less'),
    ]

    operations = [
        migrations.AlterField(
            model_name='statistic',
            name='measure',
            field=models.CharField(choices=[('opened', 'dossiers ouverts'), ('deposited', 'documents ajoutés'), ('read', 'documents consultés par des professionnels'), ('emergency', 'accès en urgence'), ('contested', 'accès contestés par leur titulaire'), ('eligible', 'assurés qui peuvent ouvrir un dossier')], max_length=20, verbose_name='mesure'),
        ),
    ]
