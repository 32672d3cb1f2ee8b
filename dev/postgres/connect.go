package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	pollPause   = 20 * time.Millisecond
	pollPatient = 5 * time.Second
)

// URL is how the superuser reaches a database of the server.
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

// SocketSetting is the setting that has the server listen on a Unix socket in
// its data directory as well.
const SocketSetting = "unix_socket_directories=."

// socketLength is what every system allows the path of a Unix socket to have.
const socketLength = 103

// SocketURL is URL by the Unix socket of SocketSetting; "" where its path is
// too long for a client.
func (s *Server) SocketURL(database string) string {
	if len(filepath.Join(s.opts.DataDir, ".s.PGSQL."+strconv.Itoa(s.Port))) > socketLength {
		return ""
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(User, s.opts.Password),
		Path:     "/" + database, // with no host before it
		RawQuery: url.Values{"host": {s.opts.DataDir}, "port": {strconv.Itoa(s.Port)}}.Encode(),
	}
	return u.String()
}

// untilReady waits until the server answers a query. That it accepts this
// cluster's password proves that it is this server and no other.
func (s *Server) untilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()

	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.child.Done():
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-tick.C:
		}
	}
}

func (s *Server) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollPatient)
	defer cancel()
	return s.Exec(ctx, "postgres", "SELECT 1")
}

// Exec runs one statement without parameters as the superuser, on a connection
// of its own.
func (s *Server) Exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	// The statement's result is what counts; a failing goodbye is not.
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("run %q: %w", sql, err)
	}
	return nil
}

// CreateDatabase makes an empty database; one of that name is dropped before,
// with all its sessions.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	quoted := pgx.Identifier{name}.Sanitize()
	if err := s.Exec(ctx, "postgres", "DROP DATABASE IF EXISTS "+quoted+" WITH (FORCE)"); err != nil {
		return err
	}
	return s.Exec(ctx, "postgres", "CREATE DATABASE "+quoted)
}
