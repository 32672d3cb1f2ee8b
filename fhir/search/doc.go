// Package search turns FHIR search into SQL: which rows of a FHIR table a query
// string asks for, and which belong to patients or to the members of a Group.
//
// [Parse] reads a query as it stands in _typeFilter; [Patients] follow R4's
// patient compartment, and [Provenance] is about the resources there. Each gives a
// [Condition], which [All] and [Any] combine and Condition.SQL writes out: what
// stands in the SQL comes from the tables of package fhir and the names of tables
// alone, and every value of a request is an argument.
//
// The SQL asks of a row what Aidbox's tables have: the columns id and ts, and
// the resource as jsonb in Aidbox's format. It never fails because of stored
// data: what is not what FHIR says it should be is not found.
//
// The package runs no SQL, and knows neither databases nor HTTP.
package search
