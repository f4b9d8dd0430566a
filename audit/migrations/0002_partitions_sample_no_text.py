from django.db import migrations

# A new partition samples no more than its table (`archival.samples`): the setting is not inherited.
MAKE = """
CREATE OR REPLACE FUNCTION audit_make_partition(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    first date := date_trunc('month', month);
    name text := 'audit_trace_' || to_char(first, 'YYYY_MM');
    written text;
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I PARTITION OF audit_trace FOR VALUES FROM (%L) TO (%L)', name,
        first::timestamp AT TIME ZONE 'Europe/Paris',
        (first + interval '1 month')::timestamp AT TIME ZONE 'Europe/Paris');
    FOR written IN SELECT attname FROM pg_attribute
        WHERE attrelid = 'audit_trace'::regclass AND attnum > 0 AND attstattarget = 0 AND NOT attisdropped
    LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET STATISTICS 0', name, written);
    END LOOP;
    RETURN true;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(MAKE, migrations.RunSQL.noop)]
