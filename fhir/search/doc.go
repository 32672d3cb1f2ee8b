// Package search compiles FHIR search to SQL: conditions on the rows of a FHIR table
// that a query selects, or that belong to patients or to the members of a Group.
//
// [Parse] parses a query as in _typeFilter. [Patients] are the compartments of patients
// as R4 defines them, and [Provenance] is about the resources in these. Each returns a
// sqltext.Condition, which [All] and [Any] combine. The text of the SQL contains only
// names of tables and what package params defines; every value of a request is an
// argument.
//
// The SQL relies on Aidbox's columns: id, ts, and resource as jsonb in Aidbox's format.
// Stored data never makes it fail: a value that is not of the type that FHIR requires is
// not found.
//
// The package runs no SQL, and knows neither databases nor HTTP.
package search
