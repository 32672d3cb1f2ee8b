package output_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// store is the bucket of a test as another program sees it.
type store struct {
	t            *testing.T
	core         minio.Core
	name, prefix string
	url          string
}

// newStore sets the environment for a prefix of the bucket of the tests.
func newStore(t *testing.T) *store {
	t.Helper()
	bucketURL := storagetest.Bucket(t)
	u, err := url.Parse(bucketURL)
	require.NoError(t, err)
	secret, _ := u.User.Password()
	t.Setenv("AWS_ACCESS_KEY_ID", u.User.Username())
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_REGION", u.Query().Get("region"))
	t.Setenv("AWS_ENDPOINT_URL_S3", u.Scheme+"://"+u.Host)
	s := &store{t: t}
	s.core, s.name, s.prefix = storagetest.Direct(t, bucketURL)
	s.url = "s3://" + s.name + "/" + s.prefix
	return s
}

// open returns the output.
func (s *store) open() output.Output {
	s.t.Helper()
	out, err := output.Bucket(s.t.Context(), s.url)
	require.NoError(s.t, err)
	return out
}

// uploads returns the number of unfinished uploads.
func (s *store) uploads() int {
	s.t.Helper()
	page, err := s.core.ListMultipartUploads(s.t.Context(), s.name, s.prefix, "", "", "", 1000)
	require.NoError(s.t, err)
	return len(page.Uploads)
}

func TestBucketFile(t *testing.T) {
	s := newStore(t)
	out := s.open()
	random := rand.NewChaCha8([32]byte{})
	for _, size := range []int{0, 10, output.PartBytes, output.PartBytes + 1, 2*output.PartBytes + 12345} {
		want := make([]byte, size)
		_, _ = random.Read(want)
		f, err := out.Create(t.Context(), "sub/a.ndjson")
		require.NoError(t, err)
		require.NoError(t, f.SetName("sub/a.ndjson.gz"))
		require.Empty(t, content(t, f))
		_, err = f.Write(bytes.Repeat([]byte("x"), output.PartBytes+size))
		require.NoError(t, err)
		require.NoError(t, f.Truncate(int64(output.PartBytes+size)))
		require.ErrorIs(t, f.Truncate(1), output.ErrNotTruncatable)
		require.NoError(t, f.Truncate(0))
		for chunk := range slices.Chunk(want, 1_000_000) {
			_, err = f.Write(chunk)
			require.NoError(t, err)
		}
		_, err = out.Open(t.Context(), "sub/a.ndjson.gz")
		require.ErrorIs(t, err, output.ErrNotExist, "not visible before it is published")
		require.NoError(t, f.Publish(t.Context()))
		require.NoError(t, f.Close())

		r, err := out.Open(t.Context(), "sub/a.ndjson.gz")
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, errors.Join(err, r.Close()))
		require.True(t, bytes.Equal(want, got))
		info, err := s.core.StatObject(t.Context(), s.name, s.prefix+"sub/a.ndjson.gz", minio.StatObjectOptions{})
		require.NoError(t, err)
		require.Equal(t, "application/gzip", info.ContentType)
		require.Empty(t, info.Metadata.Get("Content-Encoding"))
		require.Zero(t, s.uploads())
		require.NoError(t, out.RemoveDocument(t.Context(), "sub/a.ndjson.gz"))
	}
}

func TestBucketFileIsAborted(t *testing.T) {
	s := newStore(t)
	for name, end := range map[string]func(output.File) error{
		"reject": func(f output.File) error { return f.Reject(t.Context()) },
		"close":  func(f output.File) error { return f.Close() },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		f, err := s.open().Create(ctx, "a.ndjson")
		require.NoError(t, err)
		_, err = f.Write(make([]byte, output.PartBytes+1))
		require.NoError(t, err)
		require.Equal(t, 1, s.uploads(), name)
		cancel()
		require.NoError(t, end(f))
		require.Zero(t, s.uploads(), name)
	}
}

func TestBucketDocuments(t *testing.T) {
	s := newStore(t)
	out := s.open()
	_, err := out.ReadDocument(t.Context(), "state.json")
	require.ErrorIs(t, err, output.ErrNotExist)
	for _, text := range []string{"{}", "[]"} {
		require.NoError(t, out.WriteDocument(t.Context(), "state.json", []byte(text)))
		got, err := out.ReadDocument(t.Context(), "state.json")
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
	for range 2 {
		require.NoError(t, out.RemoveDocument(t.Context(), "state.json"))
	}
	_, err = out.ReadDocument(t.Context(), "state.json")
	require.ErrorIs(t, err, output.ErrNotExist)
}

func TestBucketLock(t *testing.T) {
	s := newStore(t)
	out := output.WithLease(s.open(), 20*time.Second, 300*time.Millisecond, 5*time.Second)
	held, unlock, err := out.Lock(t.Context(), noWarning)
	require.NoError(t, err)
	var warnings []string
	_, _, err = out.Lock(t.Context(), func(text string) { warnings = append(warnings, text) })
	require.ErrorIs(t, err, output.ErrLocked)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "waiting up to 20s")
	require.NoError(t, held.Err())
	unlock()
	require.Error(t, held.Err())
	_, err = out.ReadDocument(t.Context(), "state.json")
	require.ErrorIs(t, err, output.ErrNotExist)

	_, unlock, err = out.Lock(t.Context(), noWarning)
	require.NoError(t, err)
	unlock()
}

// TestBucketLockIsTakenOver is a run that died: its context has no influence on a lease that
// is not renewed.
func TestBucketLockIsTakenOver(t *testing.T) {
	s := newStore(t)
	dead := output.WithLease(s.open(), 2*time.Second, time.Hour, time.Second)
	held, unlock, err := dead.Lock(t.Context(), noWarning)
	require.NoError(t, err)
	f, err := dead.Create(t.Context(), "a.ndjson")
	require.NoError(t, err)
	_, err = f.Write(make([]byte, output.PartBytes+1))
	require.NoError(t, err)
	require.NoError(t, held.Err())
	require.Equal(t, 1, s.uploads())

	_, unlockAgain, err := output.WithLease(s.open(), 20*time.Second, time.Second, time.Second).Lock(t.Context(), noWarning)
	require.NoError(t, err)
	require.Zero(t, s.uploads(), "of the dead run")
	unlock() // leaves the lock of the other run
	_, _, err = output.WithLease(s.open(), 20*time.Second, time.Second, time.Second).Lock(t.Context(), noWarning)
	require.ErrorIs(t, err, output.ErrLocked)
	unlockAgain()
	require.NoError(t, f.Close())
}

// TestBucketLockLeavesOtherOutputs is an output below the prefix of another one. Its upload
// goes on when the outer one is locked; uploads in folders of the outer one are removed.
func TestBucketLockLeavesOtherOutputs(t *testing.T) {
	s := newStore(t)
	inner, err := output.Bucket(t.Context(), s.url+"inner/one")
	require.NoError(t, err)
	held, unlock, err := inner.Lock(t.Context(), noWarning)
	require.NoError(t, err)
	defer unlock()
	f, err := inner.Create(held, "deleted/a.ndjson")
	require.NoError(t, err)
	content := bytes.Repeat([]byte("x"), output.PartBytes+10)
	_, err = f.Write(content)
	require.NoError(t, err)
	left, err := s.open().Create(t.Context(), "deleted/a.ndjson")
	require.NoError(t, err)
	_, err = left.Write(content)
	require.NoError(t, err)
	require.Equal(t, 2, s.uploads())

	_, unlockOuter, err := s.open().Lock(t.Context(), noWarning)
	require.NoError(t, err)
	defer unlockOuter()
	require.Equal(t, 1, s.uploads())
	require.NoError(t, f.Publish(held))
	r, err := inner.Open(t.Context(), "deleted/a.ndjson")
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, errors.Join(err, r.Close(), left.Close()))
	require.True(t, bytes.Equal(content, got))
}

func TestBucketLockIsLost(t *testing.T) {
	s := newStore(t)
	held, unlock, err := output.WithLease(s.open(), 20*time.Second, 200*time.Millisecond, time.Second).Lock(t.Context(), noWarning)
	require.NoError(t, err)
	defer unlock()
	_, err = s.core.PutObject(t.Context(), s.name, s.prefix+".sluice-fetch.lock", bytes.NewReader([]byte("{}")), 2, "", "", minio.PutObjectOptions{DisableContentSha256: true})
	require.NoError(t, err)
	select {
	case <-held.Done():
	case <-time.After(2 * time.Minute):
		t.Fatal("the run goes on without a lock")
	}
	require.ErrorIs(t, context.Cause(held), output.ErrLockLost)
}

// TestBucketLockIsExclusive are runs that begin at the same time.
func TestBucketLockIsExclusive(t *testing.T) {
	s := newStore(t)
	out := output.WithLease(s.open(), 20*time.Second, 300*time.Millisecond, time.Second)
	var all sync.WaitGroup
	var unlocks [4]func()
	var errs [4]error
	for i := range unlocks {
		all.Go(func() { _, unlocks[i], errs[i] = out.Lock(t.Context(), noWarning) })
	}
	all.Wait()
	holders := 0
	for i, err := range errs {
		if err == nil {
			holders++
			unlocks[i]()
			continue
		}
		require.ErrorIs(t, err, output.ErrLocked)
	}
	require.Equal(t, 1, holders)
}
