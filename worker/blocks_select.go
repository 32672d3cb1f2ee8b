package worker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/search"
	"github.com/seed-90096f4d/sluice/source"
)

const patientType = "Patient"

// maxBlocks is how many blocks a resource goes into at the most. A Group that
// lists a million patients would else be in each of a million blocks.
const maxBlocks = 1000

// compartments says which rows belong to which patients: those that the request
// asks for, of the types that can be in a compartment; patients first, then by
// type.
func (w *exportWorker) compartments(ctx context.Context, request jobs.Request, snapshot *source.Snapshot, tables []source.Table) (source.Keyed, error) {
	keyed := source.Keyed{Most: maxBlocks, OnlyKeyed: request.Level != jobs.SystemLevel}
	wanted, err := wantedPatients(ctx, w.config.Source, request, snapshot.TransactionTime)
	if err != nil {
		return keyed, err
	}
	keyed.Wanted = wanted

	scans, err := compartmentScans(request, tables)
	if err != nil {
		return keyed, err
	}
	names := map[string]string{}
	for _, scan := range scans {
		names[scan.Table.Type] = scan.Table.Quoted()
	}
	for _, scan := range scans {
		relations, err := scan.Table.Relations()
		if err != nil {
			return keyed, err
		}
		k := source.KeyedRelation{Scan: scan, References: search.References(scan.Table.Type, "r")}
		switch scan.Table.Type {
		case patientType:
			k.First = "k.id = k.key"
		case provenanceType:
			k.References = search.TargetReferences("r", names)
			if request.Associated != jobs.NoneAssociated {
				k.Scan = planProvenance(request, scan, scans, scan)
			}
		}
		for _, k.Relation = range relations {
			keyed.Relations = append(keyed.Relations, k)
		}
	}
	return keyed, nil
}

// compartmentScans says what is wanted of the tables by times and filters; whose
// it is, only where an index may know.
func compartmentScans(request jobs.Request, tables []source.Table) ([]source.Scan, error) {
	var scans []source.Scan
	for _, table := range tables {
		if !search.InCompartment(table.Type) {
			continue
		}
		wanted, err := filtered(request, table.Type)
		if err != nil {
			return nil, err
		}
		clause := wanted.SQL()
		if len(request.Patients) > 0 && table.Type != provenanceType { // which is in the compartment of its targets
			few := search.All(search.OfPatients(table.Type, request.Patients), wanted).SQL()
			if few.Keys == "" {
				clause = few
			}
		}
		scans = append(scans, source.Scan{
			Table:         table,
			CreatedAfter:  request.CreatedAfter,
			ChangedAfter:  request.ChangedAfter,
			ChangedBefore: request.ChangedBefore,
			Only:          source.Condition(clause),
		})
	}
	slices.SortStableFunc(scans, func(a, b source.Scan) int {
		if patientA, patientB := a.Table.Type == patientType, b.Table.Type == patientType; patientA != patientB {
			if patientA {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Table.Type, b.Table.Type)
	})
	return scans, nil
}

// wantedPatients selects the ids of the patients whose blocks are wanted; without
// SQL, all are.
func wantedPatients(ctx context.Context, from *source.Source, request jobs.Request, at time.Time) (source.Lookup, error) {
	switch {
	case len(request.Patients) > 0:
		return source.Lookup(search.IDs(request.Patients)), nil
	case request.Level != jobs.GroupLevel:
		return source.Lookup{}, nil
	}
	groups, err := from.Table(ctx, "Group")
	if err != nil {
		return source.Lookup{}, fmt.Errorf("find the group: %w", err)
	}
	return source.Lookup(search.Group{ID: request.Group, Table: groups.Quoted(), At: at}.Patients()), nil
}
