-- Which revision of the schema the database is at.

-- name: has_versions
SELECT to_regclass('finfleet.alembic_version') IS NOT NULL

-- name: version
SELECT version_num FROM finfleet.alembic_version
