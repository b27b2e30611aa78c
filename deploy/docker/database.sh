#!/bin/sh
# The first start of PostgreSQL: the platform's role, which is no superuser, and its database, which is the role's.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$(cat /run/secrets/database-password)" -d postgres <<'SQL'
CREATE ROLE puente LOGIN PASSWORD :'password';
CREATE DATABASE puente OWNER puente;
REVOKE CONNECT, TEMPORARY ON DATABASE puente FROM PUBLIC;
SQL
