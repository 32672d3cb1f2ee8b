package fetch

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// Names of documents in the folder of a run.
const (
	manifestName  = "manifest.json"
	deletionsName = "deleted.txt"
	logName       = "log.ndjson"
)

// folders are the folders of sections; types are the resource types of those that have
// only one.
var (
	folders = map[remote.Section]string{remote.Output: "", remote.Deleted: "deleted/", remote.Errors: "error/"}
	types   = map[remote.Section]string{remote.Output: "Resource", remote.Deleted: "Bundle", remote.Errors: "OperationOutcome"}
)

// namer names files: Patient.0001.ndjson, in the order of the manifest, or as the server
// does. No two names are equal, even without regard to case.
type namer struct {
	asServer bool
	numbers  map[string]int
	taken    map[string]bool
}

// newNamer returns a namer that does not use the names of known files.
func newNamer(asServer bool, known []*export) *namer {
	n := &namer{asServer: asServer, numbers: map[string]int{}, taken: map[string]bool{}}
	for _, x := range known {
		for _, f := range x.Files {
			if f.Name != "" {
				n.numbers[strings.ToLower(numbered(f))]++
				n.taken[strings.ToLower(f.Name)] = true
			}
		}
	}
	return n
}

// name returns the name of a new file, without .gz.
func (n *namer) name(f *file) string {
	series := numbered(f)
	n.numbers[strings.ToLower(series)]++
	name := fmt.Sprintf("%s.%04d%s", series, n.numbers[strings.ToLower(series)], extension(f.Link))
	if own, ok := serverName(f.Link); n.asServer && ok {
		name = folders[f.Section] + own
	}
	name = n.unique(name)
	n.taken[strings.ToLower(name)] = true
	return name
}

// extension returns the extension of a file by its link: ndjson unless it is of a table.
func extension(link string) string {
	switch own := strings.ToLower(path.Ext(strings.TrimSuffix(link, ".gz"))); own {
	case ".parquet", ".csv":
		return own
	}
	return ".ndjson"
}

// unique returns a name that is not taken.
func (n *namer) unique(name string) string {
	extension := path.Ext(name)
	stem := strings.TrimSuffix(name, extension)
	for i := 2; n.taken[strings.ToLower(name)]; i++ {
		name = fmt.Sprintf("%s-%d%s", stem, i, extension)
	}
	return name
}

// typeNames matches names of resource types.
var typeNames = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)

// numbered returns the part of a name before the number: the folder and the type.
func numbered(f *file) string {
	if typeNames.MatchString(f.Type) {
		return folders[f.Section] + f.Type
	}
	return folders[f.Section] + types[f.Section]
}

var (
	// safeNames matches file names that are valid on all systems.
	safeNames = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.=+,@ -]{0,199}$`)
	// deviceNames matches names that Windows reserves.
	deviceNames = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)`)
	// ownNames matches names of documents and of unfinished or rejected files.
	ownNames = regexp.MustCompile(`(?i)^(manifest\.json|deleted\.txt|log\.ndjson|chain\.json|deleted|error)$|\.(part|bad)$|[. ]$`)
)

// serverName returns the last segment of the path of a link, without .gz, if it is a
// file name.
func serverName(link string) (string, bool) {
	u, err := url.Parse(link)
	if err != nil {
		return "", false
	}
	name := strings.TrimSuffix(path.Base(u.Path), ".gz")
	ok := safeNames.MatchString(name) && !deviceNames.MatchString(name) && !ownNames.MatchString(name)
	return name, ok
}

// colons replaces what is not allowed in file names of Windows.
var colons = strings.NewReplacer(":", "-", "/", "-", `\`, "-")

// runFolder returns the folder of a run of a chain by its transactionTime.
func runFolder(transactionTime string, attempt int) string {
	name := colons.Replace(transactionTime)
	if !safeNames.MatchString(name) {
		name = "run"
	}
	if attempt > 1 {
		name = fmt.Sprintf("%s.%d", name, attempt)
	}
	return name + "/"
}
