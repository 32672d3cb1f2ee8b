package fetch

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"

	"github.com/seed-90096f4d/sluice/fetch/content"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// An export of changes lacks the older data of patients that joined the Group since
// (hapi-fhir#4387), and a patient may join without a change of the Patient. Therefore a
// run of a chain lists the members first, by an export of all Patients; it fetches the
// changes; and then, without lower time limit, the patients that the run before did not
// list. A patient that joins in between is listed, and fetched, by the next run.

// members collects the members of a Group. It has hashes of their ids, 8 bytes for each.
type members struct {
	before []uint64 // sorted; nil if no run has listed them

	mu     sync.Mutex
	now    []uint64
	joined []string
}

// receiveMembers lists the members of the Group, and which of them joined.
func (r *run) receiveMembers(ctx context.Context) error {
	var listed bool
	r.journal.read(func(s *state) { listed = s.Listed })
	if !r.NewMembers || listed {
		return nil
	}
	m := &members{}
	if r.chain.last != nil && r.chain.last.Members != "" {
		var err error
		if m.before, err = readMembers(ctx, r.Output, r.chain.last.Members); err != nil {
			return fail(Local, "read the members of the last run: %w", err)
		}
	}
	request := remote.Request{Level: remote.Group, GroupID: r.Request.GroupID, Types: []string{"Patient"},
		Lenient: r.Request.Lenient, Params: r.Request.Params, Method: r.Request.Method}
	if err := r.receive(ctx, roleMembers, request, m.sink); err != nil {
		return err
	}
	// The name is stored first: a run that is discarded removes the file.
	var name string
	r.journal.update(func(s *state) {
		s.Members = fmt.Sprintf("chain-members-%.8s-%.8s.txt", r.chain.key, s.ExportID)
		name = s.Members
	})
	if err := r.journal.save(ctx); err != nil {
		return err
	}
	if err := writeMembers(ctx, r.Output, name, m); err != nil {
		return fail(Local, "store the members: %w", err)
	}
	slices.Sort(m.joined)
	r.journal.update(func(s *state) { s.Listed, s.Joined = true, slices.Compact(m.joined) })
	return r.journal.save(ctx)
}

// receiveJoined fetches all data of the members that joined.
func (r *run) receiveJoined(ctx context.Context) error {
	request := r.Request
	r.journal.read(func(s *state) { request.Patients = s.Joined })
	if len(request.Patients) == 0 {
		return nil
	}
	return r.receive(ctx, roleJoined, request, nil)
}

// sink returns a file that collects the ids of Patients.
func (m *members) sink(*file) output.File {
	return &sink{begin: func() (func(io.Reader) error, func()) {
		var now []uint64
		var joined []string
		read := func(r io.Reader) error {
			err := content.IDs(r, func(id string) error {
				hash := hashID(id)
				now = append(now, hash)
				if _, known := slices.BinarySearch(m.before, hash); !known && m.before != nil {
					joined = append(joined, id)
				}
				return nil
			})
			if err != nil {
				return fail(Unverified, "the list of members cannot be read: %w", err)
			}
			return nil
		}
		commit := func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.now, m.joined = append(m.now, now...), append(m.joined, joined...)
		}
		return read, commit
	}}
}

// hashID returns a hash of an id. With a million members, the odds that a new one is taken
// for a known one are below 1 to 10^13.
func hashID(id string) uint64 {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint64(sum[:8])
}

// readMembers returns the sorted hashes of a file.
func readMembers(ctx context.Context, out output.Output, name string) (hashes []uint64, err error) {
	stored, err := out.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stored.Close()) }()
	hashes = []uint64{}
	lines := bufio.NewScanner(stored)
	for lines.Scan() {
		hash, err := strconv.ParseUint(lines.Text(), 16, 64)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	slices.Sort(hashes)
	return hashes, lines.Err()
}

// writeMembers stores the hashes of the members, one on each line.
func writeMembers(ctx context.Context, out output.Output, name string, m *members) error {
	slices.Sort(m.now)
	return writeFile(ctx, out, name, func(w io.Writer) error {
		for _, hash := range slices.Compact(m.now) {
			if _, err := fmt.Fprintf(w, "%016x\n", hash); err != nil {
				return err
			}
		}
		return nil
	})
}

// removeMembers removes a list of members; an empty name is none.
func (r *run) removeMembers(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	if err := r.Output.RemoveDocument(ctx, name); err != nil {
		return fail(Local, "remove %s: %w", name, err)
	}
	return nil
}

// writeFile stores a file that is written from its beginning.
func writeFile(ctx context.Context, out output.Output, name string, write func(io.Writer) error) (err error) {
	to, err := out.Create(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := errors.Join(to.Truncate(0), to.SetName(name)); err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(to, 64<<10)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return to.Publish(ctx)
}
