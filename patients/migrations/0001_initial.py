import django.db.models.deletion
import django.utils.timezone
import simple_history.models
from django.db import migrations, models

import audit.scoped
from audit.scoped import DistributedPK


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Caisse',
            fields=[
                ('code', models.CharField(max_length=10, primary_key=True, serialize=False, verbose_name='code')),
                ('name', models.CharField(max_length=200, verbose_name='nom')),
                ('department', models.CharField(max_length=3, verbose_name='département')),
            ],
            options={
                'verbose_name': 'caisse',
                'verbose_name_plural': 'caisses',
                'permissions': [('serve_caisse', 'Servir les assurés de cette caisse')],
            },
        ),
        migrations.CreateModel(
            name='IdentityIndex',
            fields=[
                ('lookup', models.BinaryField(max_length=32, primary_key=True, serialize=False, verbose_name='empreinte du numéro')),
                ('dossier_id', models.UUIDField(verbose_name='dossier')),
            ],
            options={
                'verbose_name': 'identité connue',
                'verbose_name_plural': 'identités connues',
            },
        ),
        migrations.CreateModel(
            name='Regime',
            fields=[
                ('code', models.CharField(max_length=10, primary_key=True, serialize=False, verbose_name='code')),
                ('name', models.CharField(max_length=200, verbose_name='nom')),
            ],
            options={
                'verbose_name': 'régime',
                'verbose_name_plural': 'régimes',
            },
        ),
        migrations.CreateModel(
            name='Dossier',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('open', 'ouvert'), ('closed', 'fermé'), ('destroyed', 'détruit')], default='open', max_length=10, verbose_name='état')),
                ('opened_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='ouvert le')),
                ('opened_channel', models.CharField(choices=[('web', 'en ligne'), ('counter', 'au guichet'), ('professional', 'par un professionnel de santé'), ('pharmacy', 'en pharmacie'), ('post', 'par courrier'), ('operator', "par l'exploitant")], max_length=20, verbose_name='ouvert')),
                ('opened_by', models.CharField(max_length=120, verbose_name='ouvert par')),
                ('opening_consent_id', models.UUIDField(verbose_name="consentement à l'ouverture")),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='fermé le')),
                ('closure', models.CharField(blank=True, choices=[('DEMANDE_TITULAIRE', 'à la demande du titulaire'), ('DEMANDE_REPRESENTANT', "à la demande d'un représentant légal"), ('DEMANDE_VIA_PS', 'à la demande du titulaire, par un professionnel'), ('DECES', 'après un décès'), ('FRAUDE_DYSFONCTIONNEMENT', 'fraude ou dysfonctionnement'), ('DOUBLON_IDENTITE', "doublon d'identité")], max_length=30, verbose_name='motif de fermeture')),
                ('allows_break_glass', models.BooleanField(default=True, verbose_name='bris de glace admis')),
                ('allows_regulation', models.BooleanField(default=True, verbose_name='consultation par le SAMU-Centre 15 admise')),
                ('shows_masked_in_emergency', models.BooleanField(default=False, verbose_name='documents masqués visibles en urgence')),
                ('caisse', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='patients.caisse', verbose_name='caisse')),
                ('regime', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='patients.regime', verbose_name='régime')),
            ],
            options={
                'verbose_name': 'dossier médical partagé',
                'verbose_name_plural': 'dossiers médicaux partagés',
                'permissions': [('consult_dossier', 'Consulter le dossier'), ('consult_masked', 'Consulter aussi ce qui est masqué (médecin traitant)'), ('serve_dossier', 'Servir ce dossier au guichet')],
            },
        ),
        migrations.CreateModel(
            name='Consent',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('subject', models.CharField(choices=[('opening', 'ouverture du dossier'), ('reopening', 'réactivation du dossier')], max_length=20, verbose_name='objet')),
                ('wording', models.CharField(max_length=20, verbose_name='version du texte lu')),
                ('given_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='donné le')),
                ('given_by', models.CharField(max_length=120, verbose_name='donné par')),
                ('collected_by', models.CharField(max_length=120, verbose_name='recueilli par')),
                ('channel', models.CharField(choices=[('web', 'en ligne'), ('counter', 'au guichet'), ('professional', 'par un professionnel de santé'), ('pharmacy', 'en pharmacie'), ('post', 'par courrier'), ('operator', "par l'exploitant")], max_length=20, verbose_name='canal')),
                ('evidence', models.CharField(max_length=200, verbose_name='preuve')),
                ('dossier', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='consents', to='patients.dossier', verbose_name='dossier')),
            ],
            options={
                'verbose_name': 'consentement',
                'verbose_name_plural': 'consentements',
            },
        ),
        migrations.CreateModel(
            name='HistoricalPatient',
            fields=[
                ('id', models.UUIDField(db_index=True, default=audit.scoped.uuid7, editable=False)),
                ('oid', models.CharField(choices=[('1.2.250.1.213.1.4.8', 'NIR'), ('1.2.250.1.213.1.4.9', 'NIA'), ('1.2.250.1.213.1.4.10', 'NIR de test'), ('1.2.250.1.213.1.4.11', 'NIR de démonstration')], default='1.2.250.1.213.1.4.8', max_length=40, verbose_name='nature du numéro')),
                ('sealed_matricule', models.BinaryField(verbose_name='numéro scellé')),
                ('birth_family', models.CharField(max_length=100, verbose_name='nom de naissance')),
                ('used_family', models.CharField(blank=True, max_length=100, verbose_name='nom utilisé')),
                ('given_names', models.CharField(max_length=200, verbose_name='prénoms de naissance')),
                ('birth_date', models.DateField(verbose_name='date de naissance')),
                ('sex', models.CharField(choices=[('F', 'féminin'), ('M', 'masculin'), ('U', 'inconnu')], max_length=1, verbose_name='sexe')),
                ('birthplace', models.CharField(blank=True, max_length=5, verbose_name='lieu de naissance (code INSEE)')),
                ('status', models.CharField(choices=[('provisoire', 'provisoire'), ('recuperee', 'récupérée'), ('validee', 'validée'), ('qualifiee', 'qualifiée')], default='validee', max_length=12, verbose_name='identité')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='adresse e-mail')),
                ('phone', models.CharField(blank=True, max_length=20, verbose_name='téléphone')),
                ('address', models.TextField(blank=True, verbose_name='adresse postale')),
                ('postal_code', models.CharField(blank=True, max_length=5, verbose_name='code postal')),
                ('history_user_id', models.CharField(max_length=120, null=True)),
                ('history_id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('dossier', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='patients.dossier', verbose_name='dossier')),
            ],
            options={
                'verbose_name': 'historical titulaire',
                'verbose_name_plural': 'historical titulaires',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='InsuredPerson',
            fields=[
                ('lookup', models.BinaryField(max_length=32, primary_key=True, serialize=False, verbose_name='empreinte du numéro')),
                ('oid', models.CharField(default='1.2.250.1.213.1.4.8', max_length=40, verbose_name='nature du numéro')),
                ('sealed_matricule', models.BinaryField(verbose_name='numéro scellé')),
                ('birth_family', models.CharField(max_length=100, verbose_name='nom de naissance')),
                ('used_family', models.CharField(blank=True, max_length=100, verbose_name='nom utilisé')),
                ('given_names', models.CharField(max_length=200, verbose_name='prénoms')),
                ('birth_date', models.DateField(verbose_name='date de naissance')),
                ('sex', models.CharField(choices=[('F', 'féminin'), ('M', 'masculin'), ('U', 'inconnu')], max_length=1, verbose_name='sexe')),
                ('birthplace', models.CharField(blank=True, max_length=5, verbose_name='lieu de naissance (code INSEE)')),
                ('postal_code', models.CharField(max_length=5, verbose_name='code postal')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='adresse e-mail connue')),
                ('phone', models.CharField(blank=True, max_length=20, verbose_name='téléphone connu')),
                ('loaded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='chargé le')),
                ('caisse', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='patients.caisse', verbose_name='caisse')),
                ('regime', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='patients.regime', verbose_name='régime')),
            ],
            options={
                'verbose_name': 'assuré',
                'verbose_name_plural': 'assurés',
            },
        ),
        migrations.CreateModel(
            name='OpeningRequest',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(max_length=254, verbose_name='adresse e-mail donnée')),
                ('state', models.CharField(choices=[('mailed', 'e-mail envoyé'), ('confirmed', 'adresse confirmée'), ('letter', 'code par courrier ou au guichet attendu'), ('done', 'dossier ouvert')], default='mailed', max_length=10, verbose_name='étape')),
                ('link_digest', models.BinaryField(max_length=32, verbose_name='empreinte du lien')),
                ('code_digest', models.BinaryField(max_length=32, verbose_name='empreinte du code')),
                ('letter_digest', models.BinaryField(max_length=32, null=True, verbose_name='empreinte du code par courrier')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='essais')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='demandé le')),
                ('expires_at', models.DateTimeField(verbose_name="valable jusqu'au")),
                ('insured', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, to='patients.insuredperson', verbose_name='assuré')),
            ],
            options={
                'verbose_name': "demande d'ouverture en ligne",
                'verbose_name_plural': "demandes d'ouverture en ligne",
            },
        ),
        migrations.CreateModel(
            name='OpeningRule',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('department', models.CharField(blank=True, max_length=3, verbose_name='département')),
                ('channel', models.CharField(choices=[('web', 'en ligne'), ('counter', 'au guichet'), ('professional', 'par un professionnel de santé'), ('pharmacy', 'en pharmacie'), ('post', 'par courrier'), ('operator', "par l'exploitant")], max_length=20, verbose_name='canal')),
                ('allowed', models.BooleanField(default=True, verbose_name='autorisé')),
                ('adults_only', models.BooleanField(default=False, verbose_name='majeurs seulement')),
                ('since', models.DateField(verbose_name='depuis')),
                ('until', models.DateField(blank=True, null=True, verbose_name="jusqu'au (exclu)")),
                ('note', models.CharField(blank=True, max_length=300, verbose_name='explication donnée à la personne')),
                ('regime', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='patients.regime', verbose_name='régime')),
            ],
            options={
                'verbose_name': "règle d'ouverture",
                'verbose_name_plural': "règles d'ouverture",
            },
        ),
        migrations.CreateModel(
            name='HistoricalOpeningRule',
            fields=[
                ('id', models.UUIDField(db_index=True, default=audit.scoped.uuid7, editable=False)),
                ('department', models.CharField(blank=True, max_length=3, verbose_name='département')),
                ('channel', models.CharField(choices=[('web', 'en ligne'), ('counter', 'au guichet'), ('professional', 'par un professionnel de santé'), ('pharmacy', 'en pharmacie'), ('post', 'par courrier'), ('operator', "par l'exploitant")], max_length=20, verbose_name='canal')),
                ('allowed', models.BooleanField(default=True, verbose_name='autorisé')),
                ('adults_only', models.BooleanField(default=False, verbose_name='majeurs seulement')),
                ('since', models.DateField(verbose_name='depuis')),
                ('until', models.DateField(blank=True, null=True, verbose_name="jusqu'au (exclu)")),
                ('note', models.CharField(blank=True, max_length=300, verbose_name='explication donnée à la personne')),
                ('history_user_id', models.CharField(max_length=120, null=True)),
                ('history_id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('regime', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='patients.regime', verbose_name='régime')),
            ],
            options={
                'verbose_name': "historical règle d'ouverture",
                'verbose_name_plural': "historical règles d'ouverture",
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalDossier',
            fields=[
                ('id', models.UUIDField(db_index=True, default=audit.scoped.uuid7, editable=False)),
                ('state', models.CharField(choices=[('open', 'ouvert'), ('closed', 'fermé'), ('destroyed', 'détruit')], default='open', max_length=10, verbose_name='état')),
                ('opened_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='ouvert le')),
                ('opened_channel', models.CharField(choices=[('web', 'en ligne'), ('counter', 'au guichet'), ('professional', 'par un professionnel de santé'), ('pharmacy', 'en pharmacie'), ('post', 'par courrier'), ('operator', "par l'exploitant")], max_length=20, verbose_name='ouvert')),
                ('opened_by', models.CharField(max_length=120, verbose_name='ouvert par')),
                ('opening_consent_id', models.UUIDField(verbose_name="consentement à l'ouverture")),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='fermé le')),
                ('closure', models.CharField(blank=True, choices=[('DEMANDE_TITULAIRE', 'à la demande du titulaire'), ('DEMANDE_REPRESENTANT', "à la demande d'un représentant légal"), ('DEMANDE_VIA_PS', 'à la demande du titulaire, par un professionnel'), ('DECES', 'après un décès'), ('FRAUDE_DYSFONCTIONNEMENT', 'fraude ou dysfonctionnement'), ('DOUBLON_IDENTITE', "doublon d'identité")], max_length=30, verbose_name='motif de fermeture')),
                ('allows_break_glass', models.BooleanField(default=True, verbose_name='bris de glace admis')),
                ('allows_regulation', models.BooleanField(default=True, verbose_name='consultation par le SAMU-Centre 15 admise')),
                ('shows_masked_in_emergency', models.BooleanField(default=False, verbose_name='documents masqués visibles en urgence')),
                ('history_user_id', models.CharField(max_length=120, null=True)),
                ('history_id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('caisse', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='patients.caisse', verbose_name='caisse')),
                ('regime', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='patients.regime', verbose_name='régime')),
            ],
            options={
                'verbose_name': 'historical dossier médical partagé',
                'verbose_name_plural': 'historical dossiers médicaux partagés',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Term',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('table', models.CharField(max_length=40, verbose_name='table')),
                ('code', models.CharField(max_length=60, verbose_name='code')),
                ('system', models.CharField(max_length=120, verbose_name='système')),
                ('display', models.CharField(max_length=400, verbose_name='libellé')),
                ('extra', models.JSONField(default=dict, verbose_name='autres colonnes')),
                ('version', models.CharField(max_length=40, verbose_name='version')),
            ],
            options={
                'verbose_name': 'code',
                'verbose_name_plural': 'tables de codes',
                'constraints': [models.UniqueConstraint(fields=('table', 'code', 'system'), name='one_term_a_code')],
            },
        ),
        migrations.CreateModel(
            name='IdempotentReply',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('caller', models.CharField(max_length=120, verbose_name='appelant')),
                ('key', models.CharField(max_length=100, verbose_name='clé')),
                ('digest', models.BinaryField(max_length=32, verbose_name='empreinte de la demande')),
                ('status', models.PositiveSmallIntegerField(verbose_name='statut')),
                ('location', models.CharField(blank=True, max_length=200, verbose_name='adresse')),
                ('body', models.TextField(verbose_name='réponse')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='créé le')),
                ('dossier', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='patients.dossier', verbose_name='dossier')),
            ],
            options={
                'verbose_name': 'réponse rejouable',
                'verbose_name_plural': 'réponses rejouables',
                'constraints': [models.UniqueConstraint(fields=('dossier', 'caller', 'key'), name='one_reply_a_key')],
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('dossier_opened', 'Votre dossier médical partagé est ouvert'), ('document_added', 'Un document a été ajouté à votre dossier'), ('access', 'Votre dossier a été consulté'), ('access_granted', 'Un professionnel peut consulter votre dossier'), ('password_reset', 'Le mot de passe de votre espace a été refait'), ('access_code', "Un code pour retrouver l'accès à votre espace a été donné")], max_length=30, verbose_name='objet')),
                ('email', models.EmailField(max_length=254, verbose_name='destinataire')),
                ('bucket', models.SmallIntegerField(default=0, verbose_name='lot')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='créé le')),
                ('sent_at', models.DateTimeField(null=True, verbose_name='envoyé le')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='essais')),
                ('dossier', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='notices', to='patients.dossier', verbose_name='dossier')),
            ],
            options={
                'verbose_name': 'avis',
                'verbose_name_plural': 'avis',
                'indexes': [models.Index(condition=models.Q(('sent_at', None)), fields=['bucket', 'created_at'], name='notice_to_send')],
            },
        ),
        migrations.CreateModel(
            name='Patient',
            fields=[
                ('id', models.UUIDField(default=audit.scoped.uuid7, editable=False, primary_key=True, serialize=False)),
                ('oid', models.CharField(choices=[('1.2.250.1.213.1.4.8', 'NIR'), ('1.2.250.1.213.1.4.9', 'NIA'), ('1.2.250.1.213.1.4.10', 'NIR de test'), ('1.2.250.1.213.1.4.11', 'NIR de démonstration')], default='1.2.250.1.213.1.4.8', max_length=40, verbose_name='nature du numéro')),
                ('sealed_matricule', models.BinaryField(verbose_name='numéro scellé')),
                ('birth_family', models.CharField(max_length=100, verbose_name='nom de naissance')),
                ('used_family', models.CharField(blank=True, max_length=100, verbose_name='nom utilisé')),
                ('given_names', models.CharField(max_length=200, verbose_name='prénoms de naissance')),
                ('birth_date', models.DateField(verbose_name='date de naissance')),
                ('sex', models.CharField(choices=[('F', 'féminin'), ('M', 'masculin'), ('U', 'inconnu')], max_length=1, verbose_name='sexe')),
                ('birthplace', models.CharField(blank=True, max_length=5, verbose_name='lieu de naissance (code INSEE)')),
                ('status', models.CharField(choices=[('provisoire', 'provisoire'), ('recuperee', 'récupérée'), ('validee', 'validée'), ('qualifiee', 'qualifiée')], default='validee', max_length=12, verbose_name='identité')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='adresse e-mail')),
                ('phone', models.CharField(blank=True, max_length=20, verbose_name='téléphone')),
                ('address', models.TextField(blank=True, verbose_name='adresse postale')),
                ('postal_code', models.CharField(blank=True, max_length=5, verbose_name='code postal')),
                ('dossier', models.OneToOneField(on_delete=django.db.models.deletion.DO_NOTHING, related_name='patient', to='patients.dossier', verbose_name='dossier')),
            ],
            options={
                'verbose_name': 'titulaire',
                'verbose_name_plural': 'titulaires',
                'indexes': [models.Index(fields=['birth_date', 'birth_family'], name='patient_by_birth')],
            },
        ),
        migrations.AddIndex(
            model_name='insuredperson',
            index=models.Index(fields=['birth_date', 'birth_family'], name='insured_by_birth'),
        ),
        migrations.AddConstraint(
            model_name='dossier',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at', None), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('closed_at__isnull', False)), _connector='OR'), name='dossier_closed_has_a_date', violation_error_message="Un dossier fermé a une date de fermeture, un dossier ouvert n'en a pas."),
        ),
        DistributedPK("Patient"),
        DistributedPK("Consent"),
        DistributedPK("Notice"),
        DistributedPK("IdempotentReply"),
        DistributedPK("HistoricalPatient", ("dossier_id", "history_id")),
        DistributedPK("HistoricalDossier", ("id", "history_id")),
        migrations.RunSQL(
            [
                "ALTER TABLE patients_dossier ADD CONSTRAINT dossier_opened_with_consent"
                " FOREIGN KEY (id, opening_consent_id) REFERENCES patients_consent (dossier_id, id)"
                " DEFERRABLE INITIALLY DEFERRED"
            ],
            ["ALTER TABLE patients_dossier DROP CONSTRAINT dossier_opened_with_consent"],
        ),
    ]
