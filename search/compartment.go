package search

import "time"

// InCompartment says whether resources of a type can be in the compartment of a
// patient, as R4's CompartmentDefinition has it. Patients are in their own.
func InCompartment(resourceType string) bool { panic("not built yet") }

// CompartmentTypes returns the types for which InCompartment holds, sorted.
func CompartmentTypes() []string { panic("not built yet") }

// AnyPatient wants the resources of a type that are in the compartment of any
// patient. The type must be one that can be.
func AnyPatient(resourceType string) Condition { panic("not built yet") }

// OfPatients wants the resources of a type that are in the compartment of one
// of the patients with these ids.
func OfPatients(resourceType string, ids []string) Condition { panic("not built yet") }

// OfGroup wants the resources of a type that are in the compartment of a member
// of a Group. Who is a member is seen by the statement itself, under its own
// snapshot.
func OfGroup(resourceType string, group Group) Condition { panic("not built yet") }

// Group is a Group with its members: the patients it names, and those of the
// groups it names. A member counts unless it is inactive or its period does not
// hold at the time.
type Group struct {
	// ID is the Group's id.
	ID string

	// Table is the table of Group resources, quoted as SQL needs it.
	Table string

	// At is the time as of which there are members, such as the export's
	// transactionTime.
	At time.Time
}

// Query is a statement that returns ids, in one column of type text.
type Query struct {
	SQL  string
	Args []string // of the placeholders, as text
}

// Patients returns the ids of the patients who are members, each once. They are
// not looked up: the Group may name patients who do not exist.
func (g Group) Patients() Query { panic("not built yet") }

// Strangers returns those of the given ids that are not of patients who are
// members.
func (g Group) Strangers(ids []string) Query { panic("not built yet") }

// Unknown returns those of the given ids that a table, quoted as SQL needs it,
// has no row of.
func Unknown(table string, ids []string) Query { panic("not built yet") }
