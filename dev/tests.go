package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/seed-90096f4d/sluice/dev/stand"
)

type testCommand struct {
	Packages string `env:"STAND_TEST" help:"Only these packages, as ./api/... or ./dev/...; several with spaces."`
	Args     string `env:"STAND_ARGS" help:"More arguments for go test, with spaces between them."`
	MinIO    string `name:"minio" type:"existingfile" help:"Use this MinIO program, and run what talks to storage."`
}

// storagePackages are the ones whose tests talk to an S3 server.
const storagePackages = "./storage/... ./worker/... ./api/... ./e2e"

// Run runs the tests against the servers the environment names or, where it
// names none, in a fresh stand.
func (c *testCommand) Run(ctx context.Context, root repository) (err error) {
	if c.MinIO != "" && c.Packages == "" {
		c.Packages = storagePackages
	}
	if c.MinIO == "" && os.Getenv("TEST_DATABASE_URL") != "" && os.Getenv("TEST_S3_URL") != "" {
		return c.test(ctx, root, nil)
	}
	fresh, err := stand.Start(ctx, stand.Options{Log: os.Stderr, MinIO: c.MinIO})
	if err != nil {
		return err
	}
	defer func() { err = andStop(err, fresh) }()
	return c.test(ctx, root, fresh.TestSettings())
}

// test runs the tests of the product and then those of dev/, also if the former fail.
// The error is that of the first failure.
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

// split separates the packages of the product from those of dev/, and makes the paths
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
	// Go would take a former result for tests of dev/, which build the product
	// and start it as processes that it knows nothing of.
	// Go gives a package ten minutes, which the race detector on a busy machine needs.
	args := []string{"test", "-count=1", "-timeout=20m"}
	// Continuous integration looks for races too, which needs a C compiler
	// and takes longer.
	if os.Getenv("CI") != "" {
		args = append(args, "-race")
	}
	args = append(args, packages...)
	return append(args, strings.Fields(c.Args)...)
}

// goProgram is go's full path, which outlasts a change of directory.
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
