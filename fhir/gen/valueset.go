package main

import (
	"encoding/json"
	"slices"
	"strings"
)

// valueSet holds the members of a ValueSet that identify the systems of its codes.
type valueSet struct {
	ResourceType string `json:"resourceType"`
	URL          string `json:"url"`
	Compose      struct {
		Include []struct {
			System   string   `json:"system"`
			ValueSet []string `json:"valueSet"`
		} `json:"include"`
	} `json:"compose"`
}

// valueSets are ValueSets by URL.
type valueSets map[string]valueSet

// readValueSets returns the ValueSets in several bundles.
func readValueSets(files [][]byte) (valueSets, error) {
	all := make(valueSets)
	for _, content := range files {
		var b bundle
		if err := json.Unmarshal(content, &b); err != nil {
			return nil, err
		}
		for _, entry := range b.Entry {
			var set valueSet
			if err := json.Unmarshal(entry.Resource, &set); err != nil {
				return nil, err
			}
			if set.ResourceType == "ValueSet" {
				all[set.URL] = set
			}
		}
	}
	return all, nil
}

// systems returns the code systems of a ValueSet, identified by its canonical URL with or
// without a version, or nil if it is unknown.
func (v valueSets) systems(canonical string) []string {
	url, _, _ := strings.Cut(canonical, "|")
	var all []string
	for _, include := range v[url].Compose.Include {
		found := []string{include.System}
		if include.System == "" {
			found = nil
			for _, other := range include.ValueSet {
				found = append(found, v.systems(other)...)
			}
		}
		for _, system := range found {
			if !slices.Contains(all, system) {
				all = append(all, system)
			}
		}
	}
	return all
}
