-- +goose Up

ALTER TABLE sluice.token ADD COLUMN secret_id bytea;

COMMENT ON COLUMN sluice.token.secret_id IS 'SHA-256 of the stored hash of the secret that the token was issued for, and expires with; NULL if it was issued for an assertion';
