package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// compartmentDefinition holds the members of a CompartmentDefinition that the table
// needs.
type compartmentDefinition struct {
	Code     string `json:"code"`
	Version  string `json:"version"`
	Resource []struct {
		Code  string   `json:"code"`
		Param []string `json:"param"`
	} `json:"resource"`
}

// compartmentTable returns the definition of a compartment as the text that package
// fhir/search/params embeds.
func compartmentTable(content []byte) ([]byte, error) {
	var d compartmentDefinition
	if err := json.Unmarshal(content, &d); err != nil {
		return nil, err
	}
	if d.Version != version || d.Code != "Patient" {
		return nil, fmt.Errorf("unexpected compartment of %s in version %s", d.Code, d.Version)
	}

	var out bytes.Buffer
	out.WriteString(header("the compartment of a patient", "CompartmentDefinition", []string{compartmentFile},
		"# A resource type, then the search parameters that refer to the patient.\n\n"))
	for _, resource := range d.Resource {
		if len(resource.Param) > 0 {
			fmt.Fprintf(&out, "%s %s\n", resource.Code, strings.Join(resource.Param, " "))
		}
	}
	return out.Bytes(), nil
}
