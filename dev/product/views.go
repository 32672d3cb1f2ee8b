package product

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
)

// maxReason is the maximum length of a response that an error quotes, in bytes.
const maxReason = 2000

// PutView stores a ViewDefinition under an id.
func (c Client) PutView(ctx context.Context, id string, definition []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, c.URL+"/fhir/ViewDefinition/"+id, bytes.NewReader(definition))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/fhir+json")
	response, err := c.send(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		reason, _ := io.ReadAll(io.LimitReader(response.Body, maxReason))
		return fmt.Errorf("store view %s: %s: %s", id, response.Status, reason)
	}
	return nil
}
