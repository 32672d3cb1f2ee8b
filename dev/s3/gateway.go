// Package s3 runs a private S3 server: versitygw's gateway over a directory, or
// a MinIO that was built elsewhere.
//
// It knows nothing about Sluice.
package s3

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// The environment of a gateway process; the keys are the ones versitygw's own
// program reads.
const (
	envDir    = "SLUICE_STAND_GATEWAY_DIR"
	envListen = "SLUICE_STAND_GATEWAY_LISTEN"
	envKey    = "ROOT_ACCESS_KEY_ID"
	envSecret = "ROOT_SECRET_ACCESS_KEY"
)

// ServeIfGateway runs the gateway, and does not return, in the child process that Start
// creates from this same program; otherwise it returns at once. It is the first call of
// main, and of TestMain in tests that start a server.
//
// The gateway runs in a process of its own because it changes the working directory,
// prints on standard output, and can run only once in a process.
func ServeIfGateway() {
	dir := os.Getenv(envDir)
	if dir == "" {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, dir); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs the gateway until ctx is cancelled.
func serve(ctx context.Context, dir string) error {
	// The defaults of versitygw's own program, except the numbers of connections, which
	// suit a laptop. Without them it refuses to start or to copy.
	opts := posix.PosixOpts{
		CopyObjectThreshold: 5 << 30,
		Concurrency:         1000,
	}
	storer, err := metadata(dir, &opts)
	if err != nil {
		return err
	}
	backend, err := posix.New(filepath.Join(dir, dataDir), storer, opts)
	if err != nil {
		return fmt.Errorf("open the gateway's directory: %w", err)
	}
	err = embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
		RootUserAccess:    os.Getenv(envKey),
		RootUserSecret:    os.Getenv(envSecret),
		Region:            Region,
		Ports:             []string{os.Getenv(envListen)},
		MaxConnections:    4096,
		MaxRequests:       2048,
		MultipartMaxParts: 10_000,
		KeepAlive:         true,
		Quiet:             true,
	})
	if err != nil {
		return fmt.Errorf("run the gateway: %w", err)
	}
	return nil
}

// metadata stores the headers of objects in extended attributes, as versitygw does, or in
// a directory of their own if the file system does not support them.
func metadata(dir string, opts *posix.PosixOpts) (meta.MetadataStorer, error) {
	if (meta.XattrMeta{}).Test(filepath.Join(dir, dataDir)) == nil {
		return meta.XattrMeta{}, nil
	}
	opts.SideCarDir = filepath.Join(dir, "sidecar")
	if err := os.MkdirAll(opts.SideCarDir, 0o755); err != nil {
		return nil, fmt.Errorf("make the gateway's sidecar directory: %w", err)
	}
	storer, err := meta.NewSideCar(opts.SideCarDir)
	if err != nil {
		return nil, fmt.Errorf("open the gateway's sidecar directory: %w", err)
	}
	return storer, nil
}
