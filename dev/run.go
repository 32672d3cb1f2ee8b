package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-90096f4d/sluice/dev/product"
	"github.com/seed-90096f4d/sluice/dev/sample"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// The client that make run adds.
const (
	clientID     = "bulk-client"
	clientSecret = "secret"
)

const (
	apiPort       = 8080
	defaultSample = 20_000
)

type runCommand struct {
	Size int `help:"Number of sample resources (0 = keep the existing ones, or 20,000)."`
}

// Run starts the persistent stand and the product in it, prints example commands, and
// ends both on Ctrl-C, which is a success.
func (c *runCommand) Run(ctx context.Context, root repository) (err error) {
	if c.Size < 0 {
		return fmt.Errorf("SIZE must be a number of resources, as in make run SIZE=100000, got %d", c.Size)
	}
	s, err := stand.Start(ctx, stand.Options{Root: string(root), Log: os.Stdout})
	if err == nil {
		defer func() { err = errors.Join(err, s.Stop()) }()
		program := product.Program{Path: root.program(), Env: append(os.Environ(), s.Settings()...), LogDir: s.Dir}
		if err = c.prepare(ctx, s, program); err == nil {
			err = serve(ctx, root, s, program)
		}
	}
	if ctx.Err() != nil {
		return nil // the next run repeats an unfinished step
	}
	return err
}

// prepare migrates the state database, adds the client, and installs sample data unless it
// exists with the requested number of resources.
func (c *runCommand) prepare(ctx context.Context, s *stand.Stand, program product.Program) error {
	resources := cmp.Or(c.Size, s.Sample(), defaultSample)
	install := resources != s.Sample()
	if install {
		if s.Sample() != 0 {
			fmt.Printf("The sample data has %d resources; replacing it.\n", s.Sample())
		}
		if err := s.Clear(ctx); err != nil {
			return err
		}
	}
	// The S3 server may have another port than in the last run, with the same objects.
	for _, args := range [][]string{{"migrate"}, {"location", "record"}} {
		if _, err := program.Run(ctx, args...); err != nil {
			return err
		}
	}
	if err := addClient(ctx, program); err != nil {
		return err
	}
	if !install {
		return nil
	}
	fmt.Printf("Loading sample data (%d resources) …\n", resources)
	scratch := filepath.Join(s.Dir, "sample")
	defer func() { _ = os.RemoveAll(scratch) }() // the next run tries again
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return fmt.Errorf("create a directory for the sample data: %w", err)
	}
	if err := sample.Install(ctx, program, s.DatabaseURL(), scratch, resources); err != nil {
		return fmt.Errorf("load the sample data: %w", err)
	}
	return s.SetSample(resources)
}

// storeViews stores the documented views under the names of their files, with hyphens: an
// id of FHIR has no underscore.
func storeViews(ctx context.Context, root repository, client product.Client) error {
	files, err := filepath.Glob(filepath.Join(string(root), "docs", "views", "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		definition, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read a view: %w", err)
		}
		id := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".json"), "_", "-")
		if err := client.PutView(ctx, id, definition); err != nil {
			return err
		}
	}
	return nil
}

// addClient adds the client of the printed commands. If it exists, it gets the scopes that
// they need.
func addClient(ctx context.Context, program product.Program) error {
	list, err := program.Run(ctx, "client", "list")
	if err != nil {
		return err
	}
	args := []string{"client", "add", clientID, "--secret", clientSecret}
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == clientID {
			args = []string{"client", "change", clientID}
		}
	}
	_, err = program.Run(ctx, append(args, "--scope", "system/*.rs", "--scope", "system/ViewDefinition.cruds")...)
	return err
}

// serve runs API and workers in one process until Ctrl-C or an error. The API stores the
// views that the printed commands name.
func serve(ctx context.Context, root repository, s *stand.Stand, program product.Program) (err error) {
	service := program.Service("sluice", "serve")
	port, err := service.Listen(apiPort)
	if err != nil {
		return err
	}
	if port != apiPort {
		fmt.Printf("Port %d is in use; using %d.\n", apiPort, port)
	}
	if err := service.Start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Stop()) }()
	if err := service.WaitReady(ctx); err != nil {
		return err
	}
	if err := storeViews(ctx, root, product.Client{URL: service.URL, ID: clientID, Secret: clientSecret}); err != nil {
		return err
	}
	fmt.Print(hints(s, service, root.program()))
	select {
	case <-ctx.Done():
		fmt.Println("\nStopping …")
		return nil
	case <-service.Done():
		return fmt.Errorf("sluice exited; %s", service.LastWords())
	case <-s.Broken():
		return fmt.Errorf("a server of the stand exited; see the logs in %s", s.Dir)
	}
}
