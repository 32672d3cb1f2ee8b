package stand

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-90096f4d/sluice/dev/postgres"
)

// StartStandby starts a hot standby of the stand's PostgreSQL, which gets a name
// of its own. remove stops it and removes its data.
func (s *Stand) StartStandby(ctx context.Context, name string) (standby *postgres.Server, remove func() error, err error) {
	dir := filepath.Join(s.Dir, name)
	if err := os.RemoveAll(dir); err != nil {
		return nil, nil, fmt.Errorf("make a standby: %w", err)
	}
	standby, err = s.postgres.StartStandby(ctx, dir, s.LogFile(name))
	if err != nil {
		return nil, nil, err
	}
	return standby, func() error {
		if err := standby.Stop(); err != nil {
			return err
		}
		return os.RemoveAll(dir)
	}, nil
}
