package stand

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const stateName = "state.json"

// state is what a stand keeps from one start to the next.
type state struct {
	// PostgresPort and S3Port are used again as long as they are free, so that URLs that a
	// user has copied stay valid.
	PostgresPort int `json:"postgresPort"`
	S3Port       int `json:"s3Port"`
	// The credentials are random and created once.
	PostgresPassword string `json:"postgresPassword"`
	S3Key            string `json:"s3Key"`
	S3Secret         string `json:"s3Secret"`
	// Sample is the number of resources of the sample data; 0 until all have been loaded.
	Sample int `json:"sample"`
}

// readState reads the state of the previous start, or creates the first one.
func readState(dir string) (state, error) {
	content, err := os.ReadFile(filepath.Join(dir, stateName))
	if errors.Is(err, fs.ErrNotExist) {
		return state{PostgresPassword: rand.Text(), S3Key: rand.Text(), S3Secret: rand.Text()}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("read the stand's state: %w", err)
	}
	var known state
	if err := json.Unmarshal(content, &known); err != nil {
		return state{}, fmt.Errorf("read the stand's state from %s: %w", filepath.Join(dir, stateName), err)
	}
	return known, nil
}

// write replaces the state file atomically, by renaming a temporary file.
func (s state) write(dir string) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the stand's state: %w", err)
	}
	fresh := filepath.Join(dir, stateName+".new")
	if err := os.WriteFile(fresh, append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the stand's state: %w", err)
	}
	if err := os.Rename(fresh, filepath.Join(dir, stateName)); err != nil {
		return fmt.Errorf("write the stand's state: %w", err)
	}
	return nil
}
