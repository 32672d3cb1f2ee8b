package content

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// IDs calls each with the id of every resource of a file.
func IDs(r io.Reader, each func(id string) error) error {
	plain, err := Plain(r)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(plain)
	for {
		var resource struct{ ID string }
		err := decoder.Decode(&resource)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("invalid JSON: %w", err)
		}
		if err := each(resource.ID); err != nil {
			return err
		}
	}
}
