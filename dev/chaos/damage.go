package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// damageObjects removes one of the export's objects, overwrites another with as many
// bytes, and truncates a third to half its size.
func damageObjects(ctx context.Context, e *export) error {
	damages := []func(context.Context, string) error{
		func(ctx context.Context, key string) error {
			return e.harness.objects.RemoveObject(ctx, stand.Bucket, key, minio.RemoveObjectOptions{})
		},
		func(ctx context.Context, key string) error {
			return e.harness.rewrite(ctx, key, func(content []byte) []byte { return bytes.Repeat([]byte("x"), len(content)) })
		},
		func(ctx context.Context, key string) error {
			return e.harness.rewrite(ctx, key, func(content []byte) []byte { return content[:len(content)/2] })
		},
	}
	var keys []string
	err := process.Poll(ctx, readyTimeout, "objects to damage", func(ctx context.Context) (bool, error) {
		var err error
		keys, err = e.harness.objectKeys(ctx, e.id)
		return len(keys) >= len(damages), err
	})
	if err != nil {
		return err
	}
	var errs []error
	for i, damage := range damages {
		if err := damage(ctx, keys[i]); err != nil {
			errs = append(errs, fmt.Errorf("damage %s: %w", keys[i], err))
		}
	}
	return errors.Join(errs...)
}

// rewrite replaces the content of an object by the result of change.
func (h *harness) rewrite(ctx context.Context, key string, change func([]byte) []byte) error {
	object, err := h.objects.GetObject(ctx, stand.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = object.Close() }()
	content, err := io.ReadAll(object)
	if err != nil {
		return err
	}
	changed := change(content)
	_, err = h.objects.PutObject(ctx, stand.Bucket, key, bytes.NewReader(changed), int64(len(changed)), minio.PutObjectOptions{})
	return err
}
