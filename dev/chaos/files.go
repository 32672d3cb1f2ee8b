package chaos

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/seed-90096f4d/sluice/dev/stand"
)

// manifest is what a client gets of a complete export.
type manifest struct {
	TransactionTime string `json:"transactionTime"`
	Output          []struct {
		Type  string `json:"type"`
		URL   string `json:"url"`
		Count int    `json:"count"`
	} `json:"output"`
	Deleted []json.RawMessage `json:"deleted"`
	Error   []json.RawMessage `json:"error"`
}

// readFiles reads an export as a client does: the manifest, then all files. It returns
// how often each version occurs. A count or checksum that differs from the manifest is
// an error, and so is an object that the manifest does not name.
func (f *field) readFiles(ctx context.Context, id string) (manifest, map[version]int, error) {
	var m manifest
	answer, err := f.ask(ctx, http.MethodGet, f.statusURL(id))
	if err != nil {
		return m, nil, fmt.Errorf("read the manifest: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return m, nil, fmt.Errorf("read the manifest: %s", answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(&m); err != nil {
		return m, nil, fmt.Errorf("read the manifest: %w", err)
	}
	versions := map[version]int{}
	for _, output := range m.Output {
		count, err := f.readFile(ctx, id, output.URL, versions)
		if err != nil {
			return m, nil, fmt.Errorf("read %s: %w", output.URL, err)
		}
		if count != output.Count {
			return m, nil, fmt.Errorf("%s has %d lines, and the manifest says %d", output.URL, count, output.Count)
		}
	}
	objects, err := f.objectKeys(ctx, id)
	named := len(m.Output) + len(m.Deleted) + len(m.Error)
	if err == nil && len(objects) != named+1 { // and the manifest itself
		err = fmt.Errorf("the bucket has %d objects for a manifest of %d", len(objects), named)
	}
	return m, versions, err
}

// readFile adds the versions of one file and returns the number of lines.
func (f *field) readFile(ctx context.Context, id, link string, versions map[version]int) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept-Encoding", "gzip") // so that Go leaves the bytes as they are
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	packed, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %w", answer.Status, err)
	}
	if err := f.checkSum(ctx, id, link, packed); err != nil {
		return 0, err
	}
	return addVersions(packed, versions)
}

const sumSQL = `SELECT sha256 FROM sluice.file WHERE export_id = $1 AND object_key = $2`

func (f *field) checkSum(ctx context.Context, id, link string, packed []byte) error {
	parsed, err := url.Parse(link)
	if err != nil {
		return err
	}
	_, key, _ := strings.Cut(parsed.Path, "/"+stand.Bucket+"/")
	var recorded []byte
	if err := f.db.QueryRow(ctx, sumSQL, id, key).Scan(&recorded); err != nil {
		return fmt.Errorf("look for what is known of %s: %w", key, err)
	}
	if sum := sha256.Sum256(packed); !bytes.Equal(sum[:], recorded) {
		return fmt.Errorf("the object's sha256 is %x, and %x is written down", sum, recorded)
	}
	return nil
}

func addVersions(packed []byte, versions map[version]int) (lines int, err error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return 0, err
	}
	for scanner := bufio.NewScanner(unpacked); ; lines++ {
		if !scanner.Scan() {
			return lines, scanner.Err()
		}
		var resource struct {
			ResourceType, ID string
			Meta             struct {
				VersionID string
			}
		}
		if err := json.Unmarshal(scanner.Bytes(), &resource); err != nil {
			return lines, err
		}
		txid, err := strconv.ParseInt(resource.Meta.VersionID, 10, 64)
		if err != nil {
			return lines, err
		}
		versions[version{resource.ResourceType, resource.ID, txid}]++
	}
}

// objectKeys lists the objects of an export.
func (f *field) objectKeys(ctx context.Context, id string) (keys []string, err error) {
	for object := range f.objects.ListObjects(ctx, stand.Bucket, minio.ListObjectsOptions{Prefix: id + "/", Recursive: true}) {
		if object.Err != nil {
			return nil, fmt.Errorf("list objects: %w", object.Err)
		}
		keys = append(keys, object.Key)
	}
	return keys, ctx.Err()
}

func (f *field) statusURL(id string) string { return f.base + "/fhir/$export-status/" + id }
