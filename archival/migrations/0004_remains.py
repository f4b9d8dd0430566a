from django.db import migrations, models
import django.utils.timezone

# Absent it was destroyed too: nothing else leaves (archival_dossier_step). Who is writing a trace holds the head of the
# dossier: he ends first, and his trace goes with the others.
FORGET = """
CREATE OR REPLACE FUNCTION audit_forget_dossier(wanted uuid) RETURNS TABLE (seq bigint, leaf bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF wanted = '00000000-0000-0000-0000-000000000000'
        OR EXISTS (SELECT FROM patients_dossier WHERE id = wanted AND state <> 'destroyed')
    THEN
        RAISE EXCEPTION 'audit: only the traces of a destroyed dossier are removed'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM FROM audit_tracehead h WHERE h.dossier_id = wanted FOR UPDATE;
    PERFORM set_config('dmp.trace_removal', 'on', true);
    RETURN QUERY DELETE FROM audit_trace t WHERE t.dossier_id = wanted RETURNING t.seq, t.leaf;
    PERFORM set_config('dmp.trace_removal', '', true);
    DELETE FROM audit_tracehead WHERE dossier_id = wanted;
END $$
"""

# The planner's samples hold keys of dossiers (archival.samples: of texts there are none). Taken again, they hold those
# that live. Owners alone may: the application calls this.
SAMPLE_AGAIN = """
CREATE FUNCTION archival_sample_again() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE name text;
BEGIN
    FOR name IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND (a.attname = 'dossier_id' OR a.attname = 'id'
                 AND c.relname IN ('patients_dossier', 'patients_historicaldossier'))
    LOOP
        EXECUTE format('ANALYZE %I', name);
    END LOOP;
END $$"""


class Migration(migrations.Migration):
    dependencies = [("archival", "0003_lifecycle")]

    operations = [
        migrations.AddField(
            model_name="tombstone",
            name="came_back",
            field=models.BooleanField(default=False, verbose_name="revenu d'une sauvegarde"),
        ),
        migrations.CreateModel(
            name="Sweep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="fait le")),
                ("swept", models.PositiveIntegerField(verbose_name="dossiers dont il restait quelque chose")),
                ("unknown", models.PositiveIntegerField(verbose_name="restes sans dossier ni destruction connue")),
            ],
            options={"verbose_name": "recherche des restes", "verbose_name_plural": "recherches des restes"},
        ),
        migrations.RunSQL(FORGET, migrations.RunSQL.noop),
        migrations.RunSQL(SAMPLE_AGAIN, "DROP FUNCTION archival_sample_again"),
    ]
