package postgres

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

const pingTimeout = 5 * time.Second

// URL returns the superuser's URL of a database.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(User, s.opts.Password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)),
		Path:     database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// SocketSetting makes the server also listen on a Unix socket in its data directory.
const SocketSetting = "unix_socket_directories=."

// socketLength is the maximum length of a Unix socket's path that every system allows.
const socketLength = 103

// SocketURL is URL over the Unix socket of SocketSetting; "" if its path is too long.
func (s *Server) SocketURL(database string) string {
	if len(filepath.Join(s.opts.DataDir, ".s.PGSQL."+strconv.Itoa(s.Port))) > socketLength {
		return ""
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(User, s.opts.Password),
		Path:     "/" + database, // without a host
		RawQuery: url.Values{"host": {s.opts.DataDir}, "port": {strconv.Itoa(s.Port)}}.Encode(),
	}
	return u.String()
}

// waitReady waits until the server answers a query. That it accepts this cluster's
// password proves that it is this server and no other.
func (s *Server) waitReady(ctx context.Context) error {
	return s.child.Poll(ctx, startTimeout, "PostgreSQL to respond", func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, pingTimeout)
		defer cancel()
		err := s.Exec(ctx, "postgres", "SELECT 1")
		return err == nil, err
	})
}

// Exec runs one statement without parameters as the superuser, on a connection
// of its own.
func (s *Server) Exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	// An error of Close does not matter after the statement.
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("run %q: %w", sql, err)
	}
	return nil
}

// CreateDatabase creates an empty database. An existing one of that name is dropped, and
// its sessions are terminated.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	quoted := pgx.Identifier{name}.Sanitize()
	if err := s.Exec(ctx, "postgres", "DROP DATABASE IF EXISTS "+quoted+" WITH (FORCE)"); err != nil {
		return err
	}
	return s.Exec(ctx, "postgres", "CREATE DATABASE "+quoted)
}
