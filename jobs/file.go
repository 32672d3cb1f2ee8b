package jobs

import (
	"context"
	"slices"

	"github.com/google/uuid"
)

// File returns a file of a completed export by its key, or ErrNotFound.
func (s *Store) File(ctx context.Context, id uuid.UUID, key string) (File, error) {
	export, err := s.Get(ctx, id)
	if err != nil {
		return File{}, err
	}
	if export.State != Completed {
		return File{}, ErrNotFound
	}
	files, err := s.Files(ctx, id)
	if err != nil {
		return File{}, err
	}
	all := slices.Concat(files.Output, files.Deleted, files.Outcomes)
	i := slices.IndexFunc(all, func(file File) bool { return file.ObjectKey == key })
	if i < 0 {
		return File{}, ErrNotFound
	}
	return all[i], nil
}
