package main

import (
	"slices"
	"strings"
)

// valueSet holds the members of a ValueSet that identify the systems of its codes.
type valueSet struct {
	URL     string `json:"url"`
	Compose struct {
		Include []struct {
			System   string   `json:"system"`
			ValueSet []string `json:"valueSet"`
		} `json:"include"`
	} `json:"compose"`
}

// systems returns the code systems of a ValueSet, identified by its canonical URL with or
// without a version, or nil if it is unknown.
func systems(sets []valueSet, canonical string) []string {
	url, _, _ := strings.Cut(canonical, "|")
	i := slices.IndexFunc(sets, func(set valueSet) bool { return set.URL == url })
	if i < 0 {
		return nil
	}
	var all []string
	for _, include := range sets[i].Compose.Include {
		found := []string{include.System}
		if include.System == "" {
			found = nil
			for _, other := range include.ValueSet {
				found = append(found, systems(sets, other)...)
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
