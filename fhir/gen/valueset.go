package main

import (
	"encoding/json"
	"slices"
	"strings"
)

// A valueSet is a ValueSet, as far as the systems of its codes need it.
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

// valueSets are ValueSets by their URLs.
type valueSets map[string]valueSet

// readValueSets reads the ValueSets of several bundles.
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

// systems returns the code systems that a ValueSet, given by its canonical URL with
// or without a version, includes; none if it is not known.
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
