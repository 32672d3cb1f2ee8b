// Package fetchtest is a server of FHIR Bulk Data Access for tests of clients. It can do
// everything that servers do wrong: cut, stall and corrupt responses, report wrong counts,
// let links expire, redirect, reject with 429, change ETags.
package fetchtest
