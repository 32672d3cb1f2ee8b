package product

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
)

// Client is a client of the API.
type Client struct {
	// URL is the address of the API.
	URL string
	// ID and Secret are the credentials.
	ID, Secret string
}

// Manifest is the description of a complete export.
type Manifest struct {
	TransactionTime string `json:"transactionTime"`
	Output          []struct {
		Type  string `json:"type"`
		URL   string `json:"url"`
		Count int64  `json:"count"`
	} `json:"output"`
	Deleted []json.RawMessage `json:"deleted"`
	Error   []json.RawMessage `json:"error"`
}

// Do sends a request without a body.
func (c Client) Do(ctx context.Context, method, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	return c.send(request)
}

// send sends a request with the credentials.
func (c Client) send(request *http.Request) (*http.Response, error) {
	request.SetBasicAuth(c.ID, c.Secret)
	request.Header.Set("Accept", "application/fhir+json")
	request.Header.Set("Prefer", "respond-async")
	return http.DefaultClient.Do(request)
}

// expect sends a request and returns the headers of the response, which must have a
// certain status.
func (c Client) expect(ctx context.Context, method, url string, status int) (http.Header, error) {
	response, err := c.Do(ctx, method, url)
	if err != nil {
		return nil, err
	}
	if err := response.Body.Close(); err != nil {
		return nil, err
	}
	if response.StatusCode != status {
		return nil, fmt.Errorf("%s %s: %s", method, url, response.Status)
	}
	return response.Header, nil
}

// KickOff starts an export and returns its id.
func (c Client) KickOff(ctx context.Context, query url.Values) (id string, err error) {
	header, err := c.expect(ctx, http.MethodGet, c.URL+"/fhir/$export?"+query.Encode(), http.StatusAccepted)
	return path.Base(header.Get("Content-Location")), err
}

// Delete cancels a running export, or marks a complete one for removal.
func (c Client) Delete(ctx context.Context, id string) error {
	_, err := c.expect(ctx, http.MethodDelete, c.statusURL(id), http.StatusAccepted)
	return err
}

// CheckGone returns an error if the API still knows the export.
func (c Client) CheckGone(ctx context.Context, id string) error {
	_, err := c.expect(ctx, http.MethodGet, c.statusURL(id), http.StatusNotFound)
	return err
}

// Manifest returns the manifest if the export is complete.
func (c Client) Manifest(ctx context.Context, id string) (m Manifest, complete bool, err error) {
	response, err := c.Do(ctx, http.MethodGet, c.statusURL(id))
	if err != nil {
		return m, false, err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusAccepted, http.StatusTooManyRequests:
		return m, false, nil
	case http.StatusOK:
		err := json.NewDecoder(response.Body).Decode(&m)
		return m, err == nil, err
	}
	return m, false, fmt.Errorf("the status of the export is %s; see the worker's log", response.Status)
}

func (c Client) statusURL(id string) string { return c.URL + "/fhir/$export-status/" + id }

// Download requests a file of an export as it is stored: compressed.
func Download(ctx context.Context, link string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", "gzip") // keeps Go from decompressing it
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("download: %s", response.Status)
	}
	return response, nil
}
