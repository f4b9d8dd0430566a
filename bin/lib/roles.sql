-- Roles and databases, for the superuser of the cluster; safe to run again.
-- dmp_owner owns the tables and migrates; dmp_app serves portal, worker and beat; dmp_counter serves the
-- back office, and has no way into the keys; the merge of the insurer's lines takes dmp_feed, which may read no
-- line. What each may do to each table: manage.py database_roles.
SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', role)
  FROM unnest(ARRAY['dmp_owner', 'dmp_app', 'dmp_counter']) AS role
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
SELECT 'CREATE ROLE dmp_feed NOLOGIN'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dmp_feed') \gexec
GRANT dmp_feed TO dmp_owner, dmp_app;

-- Passwords only where the cluster is reached over a network (docker-compose.yml); on a socket the system tells.
\getenv owner_password DMP_OWNER_PASSWORD
\if :{?owner_password}
ALTER ROLE dmp_owner PASSWORD :'owner_password';
\endif
\getenv app_password DMP_APP_PASSWORD
\if :{?app_password}
ALTER ROLE dmp_app PASSWORD :'app_password';
\endif
\getenv counter_password DMP_COUNTER_PASSWORD
\if :{?counter_password}
ALTER ROLE dmp_counter PASSWORD :'counter_password';
\endif

SELECT format('CREATE DATABASE %I OWNER dmp_owner', name)
  FROM unnest(ARRAY['dmp', 'dmp_keys']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
REVOKE ALL ON DATABASE dmp, dmp_keys FROM PUBLIC;
GRANT CONNECT ON DATABASE dmp TO dmp_app;
GRANT TEMPORARY ON DATABASE dmp TO dmp_app, dmp_feed;  -- registers and lines are merged through a temporary table
GRANT CONNECT ON DATABASE dmp TO dmp_counter;
GRANT CONNECT ON DATABASE dmp_keys TO dmp_app;

\connect dmp
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;
