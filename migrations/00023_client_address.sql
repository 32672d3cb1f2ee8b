-- +goose Up

-- The addresses of clients no longer matter for the limit of failed logins.
DROP TABLE sluice.client_address;
