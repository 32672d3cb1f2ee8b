package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// stopPostgres stops the server of both databases for as long as a failover may
// take.
func stopPostgres(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	if err := e.field.stand.StopPostgres(); err != nil {
		return err
	}
	return errors.Join(pause(ctx, longOutage), e.field.stand.StartPostgres(ctx))
}

const endReadersSQL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`

// refuseConnections lets the roles of the workers open no session on the source,
// as if others had taken all, and ends those that they have. The state database is
// there all the time.
func refuseConnections(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	if err := e.field.limitConnections(ctx, 0); err != nil {
		return err
	}
	for _, worker := range e.field.workers {
		if _, err := e.field.db.Exec(ctx, endReadersSQL, worker.name); err != nil {
			return fmt.Errorf("end the sessions of %s: %w", worker.name, err)
		}
	}
	return errors.Join(pause(ctx, longOutage), e.field.limitConnections(ctx, -1))
}

// limitConnections sets how many sessions each worker may have on the source.
func (f *field) limitConnections(ctx context.Context, limit int) error {
	for _, worker := range f.workers {
		if _, err := f.db.Exec(ctx, fmt.Sprintf("ALTER ROLE %s CONNECTION LIMIT %d", worker.name, limit)); err != nil {
			return fmt.Errorf("limit the connections of %s: %w", worker.name, err)
		}
	}
	return nil
}

func stopStoreForLong(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	e.field.stand.KillS3()
	return errors.Join(pause(ctx, longOutage), e.field.stand.StartS3(ctx))
}

// addBrokenWorker starts a worker with a wrong secret, which stays until the
// export has ended.
func addBrokenWorker(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	broken, err := e.field.brokenWorker()
	if err != nil {
		return err
	}
	if err := broken.start(); err != nil {
		return err
	}
	defer broken.kill()
	err = until(ctx, readyPatience, "the broken worker to stop taking jobs", func(context.Context) (bool, error) {
		log, err := os.ReadFile(broken.log)
		return strings.Contains(string(log), "worker stopped taking jobs"), err
	})
	if err != nil {
		return err
	}
	_, err = e.untilEnd(ctx)
	return err
}

// brokenWorker is a worker like the first, whose secret for the object store is
// wrong.
func (f *field) brokenWorker() (*service, error) {
	like := f.workers[0]
	bucket, err := url.Parse(f.stand.S3URL())
	if err != nil {
		return nil, fmt.Errorf("read the bucket's address: %w", err)
	}
	bucket.Host = f.proxy.address
	bucket.User = url.UserPassword(bucket.User.Username(), "wrong")
	return &service{
		name: "broken", program: like.program, command: like.command, log: strings.Replace(like.log, like.name, "broken", 1),
		env: append(like.env[:len(like.env):len(like.env)], "SLUICE_S3_URL="+bucket.String()),
	}, nil
}
