from django.db import migrations, models

# The partitioned table is written by hand: Django does not know partitions. The columns are those
# of audit.models.Trace; `makemigrations --check` and tests/audit/test_trail.py hold them equal.
TRACE = """
CREATE TABLE audit_trace (
    id uuid NOT NULL,
    dossier_id uuid NOT NULL,
    at timestamptz NOT NULL,
    seq bigint NOT NULL,
    event varchar(40) NOT NULL,
    allowed boolean NOT NULL,
    ground varchar(40) NOT NULL,
    mode varchar(20) NOT NULL,
    actor_kind varchar(20) NOT NULL,
    actor_id varchar(100) NOT NULL,
    actor_name varchar(200) NOT NULL,
    profession varchar(10) NOT NULL,
    structure_id varchar(60) NOT NULL,
    structure_name varchar(200) NOT NULL,
    means varchar(40) NOT NULL,
    on_behalf_of varchar(120) NOT NULL,
    object_kind varchar(30) NOT NULL,
    object_id uuid NULL,
    object_type varchar(40) NOT NULL,
    object_title varchar(300) NOT NULL,
    reason text NOT NULL,
    channel varchar(20) NOT NULL,
    request_id varchar(40) NOT NULL,
    ip varchar(45) NOT NULL,
    detail jsonb NOT NULL,
    salt bytea NOT NULL,
    leaf bytea NOT NULL,
    PRIMARY KEY (dossier_id, at, id)
) PARTITION BY RANGE (at)
"""
DEFAULT = "CREATE TABLE audit_trace_default PARTITION OF audit_trace DEFAULT"
BY_ACTOR = "CREATE INDEX audit_trace_by_actor ON audit_trace (actor_id, at)"
# Times of a partition are Europe/Paris months in UTC bounds: the name of the month is what a person means.
MAKE = """
CREATE FUNCTION audit_make_partition(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    first date := date_trunc('month', month);
    name text := 'audit_trace_' || to_char(first, 'YYYY_MM');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I PARTITION OF audit_trace FOR VALUES FROM (%L) TO (%L)', name,
        first::timestamp AT TIME ZONE 'Europe/Paris',
        (first + interval '1 month')::timestamp AT TIME ZONE 'Europe/Paris');
    RETURN true;
END $$
"""
MAKE_FIRST = """
SELECT audit_make_partition((date_trunc('month', now()) + make_interval(months => ahead))::date)
FROM generate_series(0, 3) ahead
"""
# Removal is for the destruction of a whole dossier alone: the owner's role, inside a transaction that
# says so. The application's role has not even the privilege.
GUARD = """
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') AND current_setting('dmp.trace_removal', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit: a trace is never changed nor removed' USING ERRCODE = 'insufficient_privilege';
END $$
"""
ROW = """
CREATE TRIGGER audit_trace_append_only BEFORE UPDATE OR DELETE ON audit_trace
FOR EACH ROW EXECUTE FUNCTION audit_append_only()
"""
STATEMENT = """
CREATE TRIGGER audit_trace_no_truncate BEFORE TRUNCATE ON audit_trace
FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()
"""
UNDO = ["DROP TABLE audit_trace", "DROP FUNCTION audit_append_only", "DROP FUNCTION audit_make_partition"]


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL([TRACE, DEFAULT, BY_ACTOR, MAKE, MAKE_FIRST, GUARD, ROW, STATEMENT], UNDO)
            ],
            state_operations=[
                migrations.CreateModel(
                    name="Trace",
                    fields=[
                        ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ("dossier_id", models.UUIDField(verbose_name="dossier")),
                        ("at", models.DateTimeField(verbose_name="date")),
                        ("seq", models.BigIntegerField(verbose_name="rang dans le dossier")),
                        ("event", models.CharField(max_length=40, verbose_name="acte")),
                        ("allowed", models.BooleanField(verbose_name="accepté")),
                        ("ground", models.CharField(blank=True, max_length=40, verbose_name="motif de la décision")),
                        ("mode", models.CharField(default="normal", max_length=20, verbose_name="mode d'accès")),
                        ("actor_kind", models.CharField(max_length=20, verbose_name="qualité")),
                        ("actor_id", models.CharField(max_length=100, verbose_name="identifiant")),
                        ("actor_name", models.CharField(blank=True, max_length=200, verbose_name="nom")),
                        ("profession", models.CharField(blank=True, max_length=10, verbose_name="profession")),
                        ("structure_id", models.CharField(blank=True, max_length=60, verbose_name="structure")),
                        ("structure_name", models.CharField(blank=True, max_length=200, verbose_name="nom de la structure")),
                        ("means", models.CharField(blank=True, max_length=40, verbose_name="moyen d'identification")),
                        ("on_behalf_of", models.CharField(blank=True, max_length=120, verbose_name="pour le compte de")),
                        ("object_kind", models.CharField(blank=True, max_length=30, verbose_name="objet")),
                        ("object_id", models.UUIDField(null=True, verbose_name="référence de l'objet")),
                        ("object_type", models.CharField(blank=True, max_length=40, verbose_name="type de l'objet")),
                        ("object_title", models.CharField(blank=True, max_length=300, verbose_name="titre de l'objet")),
                        ("reason", models.TextField(blank=True, verbose_name="raison donnée")),
                        ("channel", models.CharField(blank=True, max_length=20, verbose_name="canal")),
                        ("request_id", models.CharField(blank=True, max_length=40, verbose_name="requête")),
                        ("ip", models.CharField(blank=True, max_length=45, verbose_name="adresse")),
                        ("detail", models.JSONField(default=dict, verbose_name="détail")),
                        ("salt", models.BinaryField(max_length=16)),
                        ("leaf", models.BinaryField(max_length=32)),
                    ],
                    options={"verbose_name": "trace", "verbose_name_plural": "traces"},
                ),
            ],
        ),
        migrations.CreateModel(
            name="TraceHead",
            fields=[
                ("dossier_id", models.UUIDField(primary_key=True, serialize=False)),
                ("seq", models.BigIntegerField()),
            ],
            options={"verbose_name": "dernier rang", "verbose_name_plural": "derniers rangs"},
        ),
    ]
