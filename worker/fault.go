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
	"github.com/seed-90096f4d/sluice/storage"
)

// faultKind says what an error calls for.
type faultKind int

const (
	// transient errors may be gone at the next attempt; the attempts are counted.
	transient faultKind = iota

	// permanent errors come again whoever tries: the export fails.
	permanent

	// outage errors last until something comes back that all processes need. The
	// job waits without an attempt being counted.
	outage

	// unfit errors say something about this process, such as its credentials.
	// Another process may do the job.
	unfit
)

// fault is what an error means.
type fault struct {
	kind faultKind

	// reason says what is away or refused, in words fit for a client.
	reason string

	// database means that the error is that of a database: of which one, and
	// whether it is still away, is for diagnose to find out.
	database bool

	// dropped means that a connection broke. It is an outage if the database does
	// not answer, and else transient: a query may itself end its session.
	dropped bool
}

// Reasons fit for clients.
const (
	reasonDatabaseAway  = "a database cannot be reached"
	reasonDatabaseBusy  = "a database has no resources left"
	reasonSourceAway    = "the source database cannot be reached"
	reasonSourceBusy    = "the source database has no resources left"
	reasonSourceRefuses = "the source database refuses the login"
	reasonLoginRefused  = "a database refuses the login"
	reasonStoreAway     = "the object store cannot be reached"
	reasonStoreDenies   = "the object store denies access"
	reasonStoreErrors   = "the object store answers with errors"
	reasonStoreFull     = "the object store is full"
	reasonNoBucket      = "the object store does not have the bucket"
	reasonElsewhere     = "the worker is connected to a different database or object store"
	reasonUnfit         = "no worker is able to do the work"
)

// storeReasons are the reasons that only a write to the object store disproves.
var storeReasons = []string{reasonStoreAway, reasonStoreDenies, reasonStoreErrors, reasonStoreFull, reasonNoBucket}

// errLeaseExpired means that the state database could not be told for the time of
// a lease that the work goes on. Another process may have it.
var errLeaseExpired = errors.New("the lease could not be renewed")

// permanentErrors stay the same whoever tries, and how often.
var permanentErrors = []error{
	errTooLong, jobs.ErrDamaged, jobs.ErrFilesShown, source.ErrNoTable, source.ErrNoAddresses, storage.ErrTooLarge,
}

// classify returns what an error of a job means.
func classify(err error) fault {
	if source.Permanent(err) {
		return fault{kind: permanent}
	}
	for _, target := range permanentErrors {
		if errors.Is(err, target) {
			return fault{kind: permanent}
		}
	}
	if f, ok := classifyStore(err); ok {
		return f
	}
	if errors.Is(err, jobs.ErrLocationMoved) {
		return fault{kind: unfit, reason: reasonElsewhere}
	}
	if errors.Is(err, errLeaseExpired) {
		return fault{kind: outage}
	}
	return classifyDatabase(err)
}

func classifyStore(err error) (fault, bool) {
	for _, known := range []struct {
		err    error
		kind   faultKind
		reason string
	}{
		{storage.ErrAccessDenied, unfit, reasonStoreDenies},
		{storage.ErrNoCredentials, unfit, reasonStoreDenies},
		{storage.ErrNoBucket, unfit, reasonNoBucket},
		{storage.ErrFull, outage, reasonStoreFull},
		{storage.ErrUnavailable, outage, reasonStoreErrors},
		{storage.ErrUnreachable, outage, reasonStoreAway},
	} {
		if errors.Is(err, known.err) {
			return fault{kind: known.kind, reason: known.reason}, true
		}
	}
	return fault{}, false
}

// classifyDatabase knows the SQLSTATEs of PostgreSQL's Appendix A.
func classifyDatabase(err error) fault {
	if errors.Is(err, source.ErrOldServer) || errors.Is(err, source.ErrNoSchema) {
		return fault{kind: unfit, reason: "the source database is not laid out as expected"}
	}
	away := fault{kind: outage, reason: reasonDatabaseAway, database: true}
	dropped := fault{kind: outage, reason: reasonDatabaseAway, database: true, dropped: true}

	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch code := pgErr.Code; {
		case strings.HasPrefix(code, "28"), // invalid authorization
			code == "3D000": // no such database
			return fault{kind: unfit, reason: reasonLoginRefused, database: true}
		case strings.HasPrefix(code, "53"): // too many connections, disk full, out of memory
			return fault{kind: outage, reason: reasonDatabaseBusy, database: true}
		case code == "57P03", // starting up or shutting down
			code == "25006": // read only, as a former primary is after a failover
			return away
		case strings.HasPrefix(code, "08"), // connection exceptions
			strings.HasPrefix(code, "57P"): // session ended by an administrator or a crash
			return dropped
		}
		return fault{}
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return away
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return dropped
	}
	return fault{}
}

// askTimeout bounds a question to a server that may be away.
const askTimeout = 5 * time.Second

// diagnose finds out more about a fault of a database by asking the source.
func diagnose(ctx context.Context, from *source.Source, f fault) fault {
	if !f.database {
		return f
	}
	// A process that begins to stop must not take that for an answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	err := from.Ping(ctx)
	switch {
	case err != nil && classify(err).reason == reasonLoginRefused:
		return fault{kind: unfit, reason: reasonSourceRefuses}
	case err != nil && classify(err).kind == unfit:
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
