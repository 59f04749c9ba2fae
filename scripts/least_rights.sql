-- Gives the application's role on PostgreSQL what it needs and no more. Run by the owner of the tables, after each migrate:
--   psql -v app=trialmgr_app -f scripts/least_rights.sql DATABASE
-- The owner migrates; the application connects as this role. So the application can neither drop a trigger nor change the
-- ledger, a history row or any other append-only row, even where its code is wrong.
\set ON_ERROR_STOP on
BEGIN;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM :"app";
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"app";
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO :"app";
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO :"app";
-- Where rows come and go: sessions, cache, API keys, second factors, contact details and identity marks (which can be erased),
-- keys of what was sent once, and drafts of what was typed.
GRANT DELETE ON django_session, trialmgr_cache, authtoken_token, mfa_authenticator, participants_contactdetails,
  participants_identitymark, audit_oncekey, crf_draft TO :"app";
-- Append-only tables are those that carry the trigger.
SELECT DISTINCT format('REVOKE UPDATE ON %I FROM %I', event_object_table, :'app')
FROM information_schema.triggers WHERE trigger_name LIKE '%\_no\_change' \gexec
REVOKE INSERT, UPDATE ON django_migrations FROM :"app";
COMMIT;
