import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
import guardian.mixins
import simple_history.models
from django.conf import settings
from django.db import migrations, models

import audit.scoped
from audit.scoped import DistributedPK


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('patients', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='MatrixVersion',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60, unique=True, verbose_name='version')),
                ('status', models.CharField(choices=[('draft', 'brouillon'), ('official', 'officielle')], default='draft', max_length=10, verbose_name='statut')),
                ('source', models.CharField(max_length=300, verbose_name='source')),
                ('effective_from', models.DateTimeField(default=django.utils.timezone.now, verbose_name='applicable depuis')),
                ('loaded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='chargée le')),
            ],
            options={
                'verbose_name': 'version de la matrice',
                'verbose_name_plural': 'versions de la matrice',
                'ordering': ['-effective_from'],
            },
        ),
        migrations.CreateModel(
            name='EndedSession',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('jti', models.CharField(max_length=255, unique=True)),
                ('sid', models.CharField(blank=True, max_length=255)),
                ('sub', models.CharField(blank=True, max_length=255)),
                ('at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'session terminée',
                'verbose_name_plural': 'sessions terminées',
                'indexes': [models.Index(fields=['sid'], name='ended_by_sid'), models.Index(fields=['sub'], name='ended_by_sub')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('sid', ''), _negated=True), models.Q(('sub', ''), _negated=True), _connector='OR'), name='ended_session_is_named')],
            },
        ),
        migrations.CreateModel(
            name='Structure',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('identifier', models.CharField(max_length=60, unique=True, verbose_name='Struct_IdNat')),
                ('finess', models.CharField(blank=True, max_length=9, verbose_name='FINESS')),
                ('siret', models.CharField(blank=True, max_length=14, verbose_name='SIRET')),
                ('name', models.CharField(max_length=200, verbose_name='raison sociale')),
                ('sector', models.CharField(blank=True, max_length=10, verbose_name="secteur d'activité")),
                ('city', models.CharField(blank=True, max_length=100, verbose_name='commune')),
                ('postal_code', models.CharField(blank=True, max_length=5, verbose_name='code postal')),
            ],
            options={
                'verbose_name': 'structure',
                'verbose_name_plural': 'structures',
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(max_length=254, null=True, unique=True, verbose_name='adresse e-mail')),
                ('kind', models.CharField(choices=[('person', 'titulaire ou représentant'), ('professional', 'professionnel de santé'), ('agent', 'agent de guichet'), ('operator', 'exploitant')], default='person', max_length=15, verbose_name='nature du compte')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'compte',
                'verbose_name_plural': 'comptes',
            },
            bases=(guardian.mixins.GuardianUserMixin, models.Model),
        ),
        migrations.CreateModel(
            name='Recovery',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='recovery', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='depuis')),
                ('restored_at', models.DateTimeField(null=True, verbose_name='accès retrouvé le')),
                ('code_digest', models.BinaryField(max_length=32, null=True, verbose_name='empreinte du code')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='essais')),
                ('expires_at', models.DateTimeField(null=True, verbose_name="code valable jusqu'au")),
                ('posted_at', models.DateTimeField(null=True, verbose_name='dernière lettre')),
            ],
            options={
                'verbose_name': 'accès à retrouver',
                'verbose_name_plural': 'accès à retrouver',
            },
        ),
        migrations.CreateModel(
            name='HistoricalBlock',
            fields=[
                ('id', models.UUIDField(db_index=True, default=audit.scoped.uuid7, editable=False)),
                ('since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='depuis')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name='levé le')),
                ('blocked_by', models.CharField(max_length=120, verbose_name='demandé par')),
                ('history_user_id', models.CharField(max_length=120, null=True)),
                ('history_id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('dossier', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='patients.dossier')),
                ('user', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical professionnel bloqué',
                'verbose_name_plural': 'historical professionnels bloqués',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalDossierGrant',
            fields=[
                ('id', models.UUIDField(db_index=True, default=audit.scoped.uuid7, editable=False)),
                ('since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='depuis')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name="jusqu'au")),
                ('source', models.CharField(max_length=40, verbose_name='recueilli')),
                ('granted_by', models.CharField(max_length=120, verbose_name='donné par')),
                ('history_user_id', models.CharField(max_length=120, null=True)),
                ('history_id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('content_object', models.ForeignKey(blank=True, db_column='dossier_id', db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='patients.dossier')),
                ('permission', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='auth.permission')),
                ('user', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical droit sur un dossier',
                'verbose_name_plural': 'historical droits sur les dossiers',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalRepresentation',
            fields=[
                ('id', models.UUIDField(db_index=True, default=audit.scoped.uuid7, editable=False)),
                ('role', models.CharField(choices=[('holder', 'titulaire'), ('parent', 'parent'), ('guardian', 'tuteur'), ('carer', 'aidant')], max_length=10, verbose_name='qualité')),
                ('since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='depuis')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name="jusqu'au")),
                ('rights', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=30), blank=True, default=list, size=None, verbose_name='droits')),
                ('evidence', models.CharField(blank=True, max_length=200, verbose_name='pièce justificative')),
                ('recorded_by', models.CharField(max_length=120, verbose_name='enregistré par')),
                ('history_user_id', models.CharField(max_length=120, null=True)),
                ('history_id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('dossier', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='patients.dossier')),
                ('user', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical représentation',
                'verbose_name_plural': 'historical représentations',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Professional',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('idnat', models.CharField(max_length=20, unique=True, verbose_name='PS_IdNat')),
                ('family', models.CharField(max_length=100, verbose_name="nom d'exercice")),
                ('given', models.CharField(blank=True, max_length=100, verbose_name="prénom d'exercice")),
                ('civility', models.CharField(blank=True, max_length=10, verbose_name="civilité d'exercice")),
                ('profession', models.CharField(max_length=10, verbose_name='profession')),
                ('speciality', models.CharField(blank=True, max_length=10, verbose_name='savoir-faire')),
                ('active', models.BooleanField(default=True, verbose_name='en exercice')),
            ],
            options={
                'verbose_name': 'professionnel',
                'verbose_name_plural': 'professionnels',
                'indexes': [models.Index(fields=['family', 'given'], name='professional_by_name')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalUser',
            fields=[
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('id', models.UUIDField(db_index=True, default=audit.scoped.uuid7, editable=False)),
                ('email', models.EmailField(db_index=True, max_length=254, null=True, verbose_name='adresse e-mail')),
                ('kind', models.CharField(choices=[('person', 'titulaire ou représentant'), ('professional', 'professionnel de santé'), ('agent', 'agent de guichet'), ('operator', 'exploitant')], default='person', max_length=15, verbose_name='nature du compte')),
                ('history_user_id', models.CharField(max_length=120, null=True)),
                ('history_id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('professional', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='access.professional', verbose_name='professionnel')),
            ],
            options={
                'verbose_name': 'historical compte',
                'verbose_name_plural': 'historical comptes',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.AddField(
            model_name='user',
            name='professional',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='user', to='access.professional', verbose_name='professionnel'),
        ),
        migrations.CreateModel(
            name='Representation',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('role', models.CharField(choices=[('holder', 'titulaire'), ('parent', 'parent'), ('guardian', 'tuteur'), ('carer', 'aidant')], max_length=10, verbose_name='qualité')),
                ('since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='depuis')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name="jusqu'au")),
                ('rights', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=30), blank=True, default=list, size=None, verbose_name='droits')),
                ('evidence', models.CharField(blank=True, max_length=200, verbose_name='pièce justificative')),
                ('recorded_by', models.CharField(max_length=120, verbose_name='enregistré par')),
                ('dossier', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='representations', to='patients.dossier')),
                ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='representations', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'représentation',
                'verbose_name_plural': 'représentations',
            },
        ),
        migrations.CreateModel(
            name='Situation',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('profession', models.CharField(max_length=10, verbose_name='profession')),
                ('category', models.CharField(blank=True, max_length=5, verbose_name='catégorie')),
                ('speciality', models.CharField(blank=True, max_length=10, verbose_name='savoir-faire')),
                ('mode', models.CharField(blank=True, max_length=5, verbose_name="mode d'exercice")),
                ('professional', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='situations', to='access.professional')),
                ('structure', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='situations', to='access.structure')),
            ],
            options={
                'verbose_name': "situation d'exercice",
                'verbose_name_plural': "situations d'exercice",
            },
        ),
        migrations.CreateModel(
            name='Block',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='depuis')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name='levé le')),
                ('blocked_by', models.CharField(max_length=120, verbose_name='demandé par')),
                ('dossier', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='blocks', to='patients.dossier')),
                ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'professionnel bloqué',
                'verbose_name_plural': 'professionnels bloqués',
                'constraints': [models.UniqueConstraint(condition=models.Q(('until', None)), fields=('dossier', 'user'), name='one_running_block_a_person')],
            },
        ),
        migrations.CreateModel(
            name='CaisseGroupGrant',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_grants', to='patients.caisse')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
            ],
            options={
                'verbose_name': 'groupe servant une caisse',
                'verbose_name_plural': 'groupes servant les caisses',
                'abstract': False,
                'unique_together': {('group', 'permission', 'content_object')},
            },
        ),
        migrations.CreateModel(
            name='DossierGrant',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='depuis')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name="jusqu'au")),
                ('source', models.CharField(max_length=40, verbose_name='recueilli')),
                ('granted_by', models.CharField(max_length=120, verbose_name='donné par')),
                ('content_object', models.ForeignKey(db_column='dossier_id', on_delete=django.db.models.deletion.DO_NOTHING, related_name='grants', to='patients.dossier')),
                ('permission', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='auth.permission')),
                ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='dossier_grants', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'droit sur un dossier',
                'verbose_name_plural': 'droits sur les dossiers',
                'abstract': False,
                'indexes': [models.Index(fields=['user', 'content_object'], name='grant_by_user')],
                'unique_together': {('user', 'permission', 'content_object')},
            },
            managers=[
                ('rights', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='MatrixRow',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('profession', models.CharField(max_length=10, verbose_name='profession')),
                ('readable', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None, verbose_name='types lisibles')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rows', to='access.matrixversion')),
            ],
            options={
                'verbose_name': 'ligne de la matrice',
                'verbose_name_plural': 'lignes de la matrice',
                'constraints': [models.UniqueConstraint(fields=('version', 'profession'), name='one_row_a_profession')],
            },
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'professional'), ('professional__isnull', False)), models.Q(models.Q(('kind', 'professional'), _negated=True), ('professional', None)), _connector='OR'), name='professional_account_has_its_professional'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('is_staff', False), ('kind__in', ['agent', 'operator']), _connector='OR'), name='only_staff_kinds_are_staff'),
        ),
        migrations.AddIndex(
            model_name='representation',
            index=models.Index(fields=['user'], name='representation_by_user'),
        ),
        migrations.AddConstraint(
            model_name='representation',
            constraint=models.UniqueConstraint(fields=('dossier', 'user', 'role'), name='one_role_a_person'),
        ),
        migrations.AddConstraint(
            model_name='situation',
            constraint=models.UniqueConstraint(fields=('professional', 'structure', 'profession', 'speciality', 'mode'), name='one_situation', nulls_distinct=False),
        ),
        DistributedPK("Representation"),
        DistributedPK("Block"),
        DistributedPK("DossierGrant"),
        DistributedPK("HistoricalRepresentation", ("dossier_id", "history_id")),
        DistributedPK("HistoricalBlock", ("dossier_id", "history_id")),
        DistributedPK("HistoricalDossierGrant", ("dossier_id", "history_id")),
    ]
