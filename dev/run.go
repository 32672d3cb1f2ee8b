package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/sample"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

const (
	apiPort       = 8080
	defaultSample = 20_000
)

type runCommand struct {
	Size int `help:"Number of sample resources; 0 keeps the ones that are there, or makes 20,000."`
}

// Run starts the persistent stand and the product in it, prints what to try,
// and ends both on Ctrl-C, which is a success.
func (c *runCommand) Run(ctx context.Context, root repository) (err error) {
	if c.Size < 0 {
		return fmt.Errorf("SIZE=%d: give a number of resources, as in make run SIZE=100000", c.Size)
	}
	place, err := stand.Start(ctx, stand.Options{Root: string(root), Log: os.Stdout})
	if err != nil {
		return unlessInterrupted(ctx, err)
	}
	defer func() { err = andStop(err, place) }()

	product := &product{
		path: filepath.Join(string(root), "bin", "sluice"),
		env:  append(os.Environ(), place.Settings()...),
	}
	if err := c.prepare(ctx, place, product); err != nil {
		return unlessInterrupted(ctx, err)
	}
	return unlessInterrupted(ctx, serve(ctx, place, product))
}

// unlessInterrupted forgets the error of what Ctrl-C cut short: stopping is
// what the user wanted, and an unfinished step is done again the next time.
func unlessInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// prepare migrates the state database, adds the client, and installs sample data if
// there is none or if another number of resources was requested.
func (c *runCommand) prepare(ctx context.Context, place *stand.Stand, product *product) error {
	wanted := cmp.Or(c.Size, place.Sample(), defaultSample)
	anew := wanted != place.Sample()
	if anew && place.Sample() != 0 {
		fmt.Printf("The sample data hold %d resources; making them anew.\n", place.Sample())
	}
	if anew {
		if err := place.Clear(ctx); err != nil {
			return err
		}
	}
	if err := product.migrate(ctx); err != nil {
		return err
	}
	if err := product.addClient(ctx); err != nil {
		return err
	}
	if anew {
		return installSample(ctx, place, product, wanted)
	}
	return nil
}

func installSample(ctx context.Context, place *stand.Stand, product *product, resources int) error {
	fmt.Printf("Loading sample data (%d resources) …\n", resources)
	scratch := filepath.Join(place.Dir, "sample")
	defer func() { _ = os.RemoveAll(scratch) }() // the next run tries again
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return fmt.Errorf("make a folder for the sample data: %w", err)
	}
	err := sample.Install(ctx, sample.Options{
		Sluice:    product.path,
		SourceURL: place.DatabaseURL(),
		Dir:       scratch,
		Resources: resources,
		Env:       place.Settings(),
	})
	if err != nil {
		return fmt.Errorf("load the sample data: %w", err)
	}
	return place.SetSample(resources)
}

// serve runs API and workers until Ctrl-C, or until something breaks.
func serve(ctx context.Context, place *stand.Stand, product *product) (err error) {
	port, err := process.FreePort(apiPort)
	if err != nil {
		return err
	}
	if port != apiPort {
		fmt.Printf("Port %d is taken; using %d.\n", apiPort, port)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	log := place.LogFile("sluice")
	server, err := product.serve(address, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop(stopSignal, stopPatience)) }()

	if err := untilReady(ctx, server, "http://"+address+"/ready", log); err != nil {
		return err
	}
	fmt.Print(hints("http://"+address, place, log))
	select {
	case <-ctx.Done():
		fmt.Println("\nStopping …")
		return nil
	case <-server.Done():
		return ended(log)
	case <-place.Broken():
		return fmt.Errorf("a server of the stand has ended; look into the logs in %s", place.Dir)
	}
}
