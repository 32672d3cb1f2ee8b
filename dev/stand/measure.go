package stand

import "context"

// Accessors for benchmarks.

// PostgresPID is the process id of PostgreSQL, the parent of its sessions.
func (s *Stand) PostgresPID() int { return s.postgres.PID() }

// S3PID is the process id of the S3 server.
func (s *Stand) S3PID() int { return s.s3.PID() }

// PostgresProgram is the path of a program that came with PostgreSQL.
func (s *Stand) PostgresProgram(name string) string { return s.postgres.Program(name) }

// SocketURL is how to reach the product's database by a Unix socket, with
// postgres.SocketSetting among the settings; "" where there can be none.
func (s *Stand) SocketURL() string { return s.postgres.SocketURL(Database) }

// IsEmpty says whether a bucket has no object whose key has this prefix.
func (s *Stand) IsEmpty(ctx context.Context, bucket, prefix string) (bool, error) {
	return s.s3.IsEmpty(ctx, bucket, prefix)
}
