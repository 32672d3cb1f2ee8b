// Package dashboards generates the dashboards for Grafana in deploy/grafana. They are the
// only users of Grafana's SDK, whose API changes. Each file of this package but the builder
// is one dashboard: its rows, panels and queries.
//
// The JSON has Grafana's classic schema, which version 10 and later read.
package dashboards

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// All returns the content of the dashboards by the name of their file.
func All() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, board := range map[string]*builder{
		"overview":          overview(),
		"exports":           exports(),
		"workers-and-store": workersAndStore(),
		"security":          security(),
	} {
		built, err := board.Build()
		if err != nil {
			return nil, fmt.Errorf("build the dashboard %s: %w", name, err)
		}
		setIDs(built.Panels)
		var content bytes.Buffer
		encoder := json.NewEncoder(&content)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(built); err != nil {
			return nil, fmt.Errorf("encode the dashboard %s: %w", name, err)
		}
		files[name+".json"] = content.Bytes()
	}
	return files, nil
}

// setIDs gives rows and panels the ids that links to them have.
func setIDs(panels []dashboard.PanelOrRowPanel) {
	for i, panel := range panels {
		id := uint32(i + 1)
		if panel.RowPanel != nil {
			panel.RowPanel.Id = id
		} else {
			panel.Panel.Id = &id
		}
	}
}

// Write writes the dashboards into a directory.
func Write(dir string) error {
	files, err := All()
	if err != nil {
		return err
	}
	var errs []error
	for name, content := range files {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), content, 0o644))
	}
	return errors.Join(errs...)
}
