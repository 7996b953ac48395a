-- The roles and databases of compose.yaml. No role is a superuser: PostgreSQL applies row-level security to it.
CREATE ROLE hallpass LOGIN PASSWORD 'hallpass';
CREATE DATABASE hallpass OWNER hallpass;
CREATE ROLE auth LOGIN PASSWORD 'auth';
CREATE DATABASE auth OWNER auth;
