package worker

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/table/pass"
	"github.com/seed-90096f4d/sluice/worker/stage"
)

// faultKind is how to react to an error.
type faultKind int

const (
	// transient errors may not occur at the next attempt. Attempts are counted.
	transient faultKind = iota

	// permanent errors occur at every attempt in every process: the export fails.
	permanent

	// outage errors last until a service that all processes need is available again.
	// The job is snoozed and no attempt is counted.
	outage

	// unhealthy errors concern this process, such as its credentials. Another process
	// may be able to run the job.
	unhealthy
)

// fault is a classified error.
type fault struct {
	kind faultKind

	// reason describes the outage or the failure for clients.
	reason string

	// database means that the error is one of a database. diagnose determines which
	// one it is and whether it is still unreachable.
	database bool

	// dropped means that a connection broke. It is an outage if the database does not
	// answer, otherwise transient: a query can end its own session.
	dropped bool
}

// Reasons for clients.
const (
	reasonDatabaseAway  = "a database cannot be reached"
	reasonDatabaseBusy  = "a database has no resources left"
	reasonSourceAway    = "the source database cannot be reached"
	reasonSourceBusy    = "the source database has no resources left"
	reasonSourceRefuses = "the source database refuses the login"
	reasonFormChanged   = "the source database no longer sends resources in their stored form"
	reasonSourceForm    = "the source database does not send resources in the form that the worker requires"
	reasonLoginRefused  = "a database refuses the login"
	reasonStoreAway     = "the object store cannot be reached"
	reasonStoreDenies   = "the object store denies access"
	reasonStoreErrors   = "the object store responds with errors"
	reasonStoreFull     = "the object store is full"
	reasonNoBucket      = "the object store does not have the bucket"
	reasonElsewhere     = "the worker is connected to a different database or object store"
	reasonNoWorker      = "no worker is able to run the export"

	unexpectedLayout = "the source database does not have the expected version or schema"
)

// storeReasons are the reasons that only a write to the object store ends.
var storeReasons = []string{reasonStoreAway, reasonStoreDenies, reasonStoreErrors, reasonStoreFull, reasonNoBucket}

// errLeaseExpired means that a lease could not be renewed in time. Another process may
// have taken it over.
var errLeaseExpired = errors.New("the lease could not be renewed")

const reasonTimeout = "the export took longer than the server allows"

// knownErrors are errors that are not of a database. The reasons of those that are no
// outage are the failures of an export.
var knownErrors = []struct {
	err    error
	kind   faultKind
	reason string
}{
	{errJobTimeout, permanent, reasonTimeout},
	{jobs.ErrDamaged, permanent, jobs.ErrDamaged.Error()},
	{jobs.ErrFilesShown, permanent, "the snapshot was lost after some files had been published (allowPartialManifests); start a new export"},
	{catalog.ErrNoTable, permanent, "the table does not exist"},
	{catalog.ErrNoAddresses, permanent, "rows of a view or of a foreign table cannot be organized by patient"},
	{storage.ErrTooLarge, permanent, "the file is larger than 10,000 upload parts of 5 MiB"},
	{storage.ErrAccessDenied, unhealthy, reasonStoreDenies},
	{storage.ErrNoCredentials, unhealthy, reasonStoreDenies},
	{storage.ErrNoBucket, unhealthy, reasonNoBucket},
	{storage.ErrFull, outage, reasonStoreFull},
	{storage.ErrUnavailable, outage, reasonStoreErrors},
	{storage.ErrUnreachable, outage, reasonStoreAway},
	{jobs.ErrLocationMoved, unhealthy, reasonElsewhere},
	{errLeaseExpired, outage, ""},
	{source.ErrFormChanged, outage, reasonFormChanged}, // the next attempt reads text
	{source.ErrFormUnavailable, unhealthy, reasonSourceForm},
	{source.ErrOldServer, unhealthy, unexpectedLayout},
	{source.ErrNoSchema, unhealthy, unexpectedLayout},
	{storage.ErrNoObject, transient, jobs.ErrDamaged.Error()},
	{source.ErrSnapshotGone, transient, "the database snapshot was lost"}, // classified by its cause
}

// classify classifies an error of a job.
func classify(err error) fault {
	if source.IsPermanent(err) || viewFault(err) != "" {
		return fault{kind: permanent}
	}
	for _, known := range knownErrors {
		if known.kind != transient && errors.Is(err, known.err) {
			return fault{kind: known.kind, reason: known.reason}
		}
	}
	return classifyDatabase(err)
}

// viewFault describes why a view cannot be evaluated, for clients. It is empty for other
// errors. The texts contain no values of resources.
func viewFault(err error) string {
	var resource *pass.ResourceError
	var invalid *stage.ViewError
	switch {
	case errors.As(err, &resource):
		return resource.Describe()
	case errors.As(err, &invalid):
		return invalid.Describe()
	}
	return ""
}

// classifyDatabase classifies an error of a database by its SQLSTATE (PostgreSQL,
// Appendix A).
func classifyDatabase(err error) fault {
	unreachable := fault{kind: outage, reason: reasonDatabaseAway, database: true}
	dropped := fault{kind: outage, reason: reasonDatabaseAway, database: true, dropped: true}

	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch code := pgErr.Code; {
		case strings.HasPrefix(code, "28"), // invalid authorization
			code == "3D000": // no such database
			return fault{kind: unhealthy, reason: reasonLoginRefused, database: true}
		case strings.HasPrefix(code, "53"): // too many connections, disk full, out of memory
			return fault{kind: outage, reason: reasonDatabaseBusy, database: true}
		case code == "57P03", // starting up or shutting down
			code == "25006": // read only, as a former primary is after a failover
			return unreachable
		case strings.HasPrefix(code, "08"), // connection exceptions
			strings.HasPrefix(code, "57P"): // session ended by an administrator or a crash
			return dropped
		}
		return fault{}
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return unreachable
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return dropped
	}
	return fault{}
}

// diagnoseTimeout bounds a query to a server that may be unreachable.
const diagnoseTimeout = 5 * time.Second

// diagnose refines a fault of a database by a ping of the source.
func diagnose(ctx context.Context, from *source.Source, f fault) fault {
	if !f.database {
		return f
	}
	// The end of ctx, when the process stops, must not look like an outage.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnoseTimeout)
	defer cancel()
	err := from.Ping(ctx)
	switch {
	case err != nil && classify(err).reason == reasonLoginRefused:
		return fault{kind: unhealthy, reason: reasonSourceRefuses}
	case err != nil && classify(err).kind == unhealthy:
		return classify(err)
	case err != nil && classify(err).reason == reasonDatabaseBusy:
		return fault{kind: outage, reason: reasonSourceBusy}
	case err != nil:
		return fault{kind: outage, reason: reasonSourceAway}
	case f.dropped:
		return fault{kind: transient}
	}
	return f
}
