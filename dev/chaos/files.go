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
	"net/url"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/seed-90096f4d/sluice/dev/product"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// readFiles reads an export as a client does: the manifest, then all files. It returns
// how often each version occurs. A count or checksum that differs from the manifest is
// an error, and so is an object that the manifest does not name.
func (h *harness) readFiles(ctx context.Context, id string) (product.Manifest, map[version]int, error) {
	m, complete, err := h.client.Manifest(ctx, id)
	if err != nil || !complete {
		return m, nil, fmt.Errorf("read the manifest (complete: %t): %w", complete, err)
	}
	versions := map[version]int{}
	for _, output := range m.Output {
		count, err := h.readFile(ctx, id, output.URL, versions)
		if err != nil {
			return m, nil, fmt.Errorf("read %s: %w", output.URL, err)
		}
		if count != output.Count {
			return m, nil, fmt.Errorf("%s has %d lines, and the manifest says %d", output.URL, count, output.Count)
		}
	}
	keys, err := h.objectKeys(ctx, id)
	named := len(m.Output) + len(m.Deleted) + len(m.Error)
	if err == nil && len(keys) != named+1 { // and the manifest itself
		err = fmt.Errorf("the bucket has %d objects for a manifest of %d", len(keys), named)
	}
	return m, versions, err
}

// readFile adds the versions of one file and returns the number of lines.
func (h *harness) readFile(ctx context.Context, id, link string, versions map[version]int) (int64, error) {
	response, err := product.Download(ctx, link)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	compressed, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if err := h.checkSum(ctx, id, link, compressed); err != nil {
		return 0, err
	}
	return addVersions(compressed, versions)
}

const sumSQL = `SELECT sha256 FROM sluice.file WHERE export_id = $1 AND object_key = $2`

func (h *harness) checkSum(ctx context.Context, id, link string, compressed []byte) error {
	parsed, err := url.Parse(link)
	if err != nil {
		return err
	}
	_, key, _ := strings.Cut(parsed.Path, "/"+stand.Bucket+"/")
	var recorded []byte
	if err := h.db.QueryRow(ctx, sumSQL, id, key).Scan(&recorded); err != nil {
		return fmt.Errorf("read the recorded checksum of %s: %w", key, err)
	}
	if sum := sha256.Sum256(compressed); !bytes.Equal(sum[:], recorded) {
		return fmt.Errorf("the object's sha256 is %x, recorded is %x", sum, recorded)
	}
	return nil
}

func addVersions(compressed []byte, versions map[version]int) (lines int64, err error) {
	plain, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return 0, err
	}
	for scanner := bufio.NewScanner(plain); ; lines++ {
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
func (h *harness) objectKeys(ctx context.Context, id string) (keys []string, err error) {
	for object := range h.objects.ListObjects(ctx, stand.Bucket, minio.ListObjectsOptions{Prefix: id + "/", Recursive: true}) {
		if object.Err != nil {
			return nil, fmt.Errorf("list objects: %w", object.Err)
		}
		keys = append(keys, object.Key)
	}
	return keys, ctx.Err()
}
