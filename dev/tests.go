package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/seed-90096f4d/sluice/dev/stand"
)

type testCommand struct {
	Packages string `env:"STAND_TEST" help:"Only these packages, such as ./api/... or ./dev/..., separated by spaces."`
	Args     string `env:"STAND_ARGS" help:"Additional arguments for go test, separated by spaces."`
	MinIO    string `name:"minio" type:"existingfile" help:"Path of a MinIO program to use; the default packages are then those that use storage."`
}

// storagePackages are those whose tests use an S3 server.
const storagePackages = "./storage/... ./worker/... ./api/... ./e2e"

// Run runs the tests against the servers that the environment names or, if it names none,
// in a temporary stand.
func (c *testCommand) Run(ctx context.Context, root repository) (err error) {
	if c.MinIO != "" && c.Packages == "" {
		c.Packages = storagePackages
	}
	if c.MinIO == "" && os.Getenv("TEST_DATABASE_URL") != "" && os.Getenv("TEST_S3_URL") != "" {
		return c.test(ctx, root, nil)
	}
	s, err := stand.Start(ctx, stand.Options{Log: os.Stderr, MinIO: c.MinIO})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	return c.test(ctx, root, s.TestSettings())
}

// test runs the tests of the product and then of dev/, even if the former fail. It returns
// the first error.
func (c *testCommand) test(ctx context.Context, root repository, env []string) error {
	product, dev := c.split()
	var first error
	for _, module := range []struct {
		dir      string
		packages []string
	}{{string(root), product}, {filepath.Join(string(root), "dev"), dev}} {
		if len(module.packages) == 0 || ctx.Err() != nil {
			continue
		}
		err := runInside(ctx, module.dir, env, goProgram(), c.arguments(module.packages)...)
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return ctx.Err()
	}
	return first
}

// split separates the packages of the product from the ones in dev/, and makes the paths
// of the latter relative to that module.
func (c *testCommand) split() (product, dev []string) {
	if c.Packages == "" {
		return []string{"./..."}, []string{"./..."}
	}
	for _, name := range strings.Fields(c.Packages) {
		inside, isDev := strings.CutPrefix(name, "./dev")
		if isDev && (inside == "" || inside[0] == '/') {
			dev = append(dev, "."+inside)
		} else {
			product = append(product, name)
		}
	}
	return product, dev
}

func (c *testCommand) arguments(packages []string) []string {
	// Go would use cached results for tests of dev/, which build the product and start it
	// as processes. Its default timeout of ten minutes is too short for the race detector
	// on a busy machine.
	args := []string{"test", "-count=1", "-timeout=1h"}
	// Continuous integration also detects races, which needs a C compiler and is slower.
	if os.Getenv("CI") != "" {
		args = append(args, "-race")
	}
	args = append(args, packages...)
	return append(args, strings.Fields(c.Args)...)
}

// goProgram returns the absolute path of go, which is valid in any directory.
func goProgram() string {
	path, err := exec.LookPath("go")
	if err != nil {
		return "go"
	}
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}
