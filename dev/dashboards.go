package main

import (
	"path/filepath"

	"github.com/seed-90096f4d/sluice/dev/dashboards"
)

type dashboardsCommand struct{}

// Run writes the dashboards into the repository.
func (*dashboardsCommand) Run(root repository) error {
	return dashboards.Write(filepath.Join(string(root), "deploy", "grafana"))
}
