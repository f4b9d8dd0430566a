import datetime as dt

from django.db import migrations, models

# The time to think a destruction over runs from its acceptance: put off there, and never brought forward.
LATER = """
CREATE OR REPLACE FUNCTION patients_request_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'received>in_progress', 'received>cancelled',
        'in_progress>incomplete', 'in_progress>accepted', 'in_progress>refused', 'in_progress>cancelled',
        'incomplete>in_progress', 'incomplete>refused', 'incomplete>cancelled',
        'accepted>done', 'accepted>cancelled'])
    THEN
        RAISE EXCEPTION 'request: no step from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.id, NEW.dossier_id, NEW.number, NEW.kind, NEW.channel, NEW.asked_at, NEW.asked_by, NEW.said,
        NEW.first_due_on)
       IS DISTINCT FROM
       (OLD.id, OLD.dossier_id, OLD.number, OLD.kind, OLD.channel, OLD.asked_at, OLD.asked_by, OLD.said,
        OLD.first_due_on)
    OR NEW.not_before < OLD.not_before
    OR NEW.not_before > OLD.not_before AND (OLD.decided_at IS NOT NULL OR NEW.decided_at IS NULL)
    OR NEW.concerns IS DISTINCT FROM OLD.concerns
    OR OLD.decided_at IS NOT NULL AND (NEW.decided_at, NEW.answer, NEW.refusal)
       IS DISTINCT FROM (OLD.decided_at, OLD.answer, OLD.refusal)
    THEN
        RAISE EXCEPTION 'request: what was asked or answered is not rewritten' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$"""
AS_BEFORE = """
CREATE OR REPLACE FUNCTION patients_request_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'received>in_progress', 'received>cancelled',
        'in_progress>incomplete', 'in_progress>accepted', 'in_progress>refused', 'in_progress>cancelled',
        'incomplete>in_progress', 'incomplete>refused', 'incomplete>cancelled',
        'accepted>done', 'accepted>cancelled'])
    THEN
        RAISE EXCEPTION 'request: no step from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.id, NEW.dossier_id, NEW.number, NEW.kind, NEW.channel, NEW.asked_at, NEW.asked_by, NEW.said,
        NEW.first_due_on, NEW.not_before)
       IS DISTINCT FROM
       (OLD.id, OLD.dossier_id, OLD.number, OLD.kind, OLD.channel, OLD.asked_at, OLD.asked_by, OLD.said,
        OLD.first_due_on, OLD.not_before)
    OR NEW.concerns IS DISTINCT FROM OLD.concerns
    OR OLD.decided_at IS NOT NULL AND (NEW.decided_at, NEW.answer, NEW.refusal)
       IS DISTINCT FROM (OLD.decided_at, OLD.answer, OLD.refusal)
    THEN
        RAISE EXCEPTION 'request: what was asked or answered is not rewritten' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$"""
# A closing is dated by a time that is believed (patients.clocks). `dmp.any_clock`: of tests, whose clocks are frozen.
CLOCK = """
CREATE FUNCTION patients_dossier_clock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('dmp.any_clock', true), '') <> 'on' AND (
        abs(extract(epoch FROM NEW.closed_at - clock_timestamp())) > 300
        OR EXISTS (SELECT FROM patients_clock
                   WHERE clock_timestamp() NOT BETWEEN seen_at - interval '5 minutes' AND good_until))
    THEN
        RAISE EXCEPTION 'dossier: closed by a clock that is not believed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'dossier_closed_by_the_clock';
    END IF;
    RETURN NEW;
END $$"""
CLOSING = """
CREATE TRIGGER patients_dossier_clock BEFORE UPDATE ON patients_dossier
FOR EACH ROW WHEN (OLD.state = 'open' AND NEW.state = 'closed') EXECUTE FUNCTION patients_dossier_clock()"""
NO_CLOCK = ["DROP TRIGGER patients_dossier_clock ON patients_dossier", "DROP FUNCTION patients_dossier_clock()"]
FIRST = """
INSERT INTO patients_clock (id, seen_at, good_until)
VALUES (1, clock_timestamp(), clock_timestamp() + interval '3 days')"""
WAITING = """
ALTER TABLE patients_request DISABLE TRIGGER patients_request_step;
UPDATE patients_request SET not_before = greatest(not_before, decided_at + interval '30 days')
WHERE kind = 'destruction' AND state = 'accepted';
ALTER TABLE patients_request ENABLE TRIGGER patients_request_step"""


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0007_lifecycle'),
    ]

    operations = [
        migrations.CreateModel(
            name='Clock',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('seen_at', models.DateTimeField(verbose_name='vue le')),
                ('good_until', models.DateTimeField(verbose_name="crue jusqu'au")),
            ],
            options={
                'verbose_name': 'horloge',
                'verbose_name_plural': 'horloge',
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('id', 1)), name='one_clock'),
                    models.CheckConstraint(condition=models.Q(('good_until__gt', models.F('seen_at'))), name='clock_believes_what_comes'),
                ],
            },
        ),
        migrations.RunSQL(FIRST, migrations.RunSQL.noop),
        migrations.RunSQL([CLOCK, CLOSING], NO_CLOCK),
        migrations.RunSQL(LATER, AS_BEFORE),
        migrations.RunSQL(WAITING, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='request',
            constraint=models.CheckConstraint(
                condition=models.Q(('kind', 'destruction'), ('state', 'accepted'), _negated=True) | models.Q(('not_before__gte', models.F('decided_at') + dt.timedelta(days=30))),
                name='request_destruction_is_thought_over',
                violation_error_message="Une destruction attend trente jours depuis qu'elle est acceptée.",
            ),
        ),
    ]
