package stand

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/seed-90096f4d/sluice/dev/postgres"
	"github.com/seed-90096f4d/sluice/dev/process"
)

// Folder is the persistent stand's place below the repository's root: a
// folder, or a link to one where PostgreSQL can't reach it there.
const Folder = ".stand"

// temporaryPattern names the folders of throw-away stands.
const temporaryPattern = "sluice-stand-"

// persistentPlace makes the folder of the persistent stand when it is absent
// and returns its real path. Below /root, say, the user that PostgreSQL runs
// under could not reach it: there it is a link to a folder in /var/tmp.
func persistentPlace(root string, owner *process.User) (string, error) {
	link := filepath.Join(root, Folder)
	if target, err := os.Readlink(link); err == nil {
		return target, makeOwn(target)
	}
	if postgres.Passable(link, owner) {
		return link, makeOwn(link)
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(root)) // a hash takes everything
	target := filepath.Join("/var/tmp", fmt.Sprintf("sluice-%d-%x", os.Geteuid(), hash.Sum64()))
	if err := makeOwn(target); err != nil {
		return "", err
	}
	if err := os.Symlink(target, link); err != nil {
		return "", fmt.Errorf("make the stand's folder: %w", err)
	}
	return target, nil
}

// makeOwn makes a folder that others may pass but not read, or checks that
// the one that is there is this user's.
func makeOwn(dir string) error {
	err := os.Mkdir(dir, 0o711)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the stand's folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at the stand's folder: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user: run as that user, or remove it", dir)
	}
	return nil
}

// temporaryPlace creates the directory of a temporary stand in the first directory for
// temporary files that PostgreSQL can access.
func temporaryPlace(owner *process.User) (string, error) {
	for _, parent := range temporaryParents() {
		if !postgres.Passable(parent, owner) {
			continue
		}
		dir, err := os.MkdirTemp(parent, temporaryPattern)
		if err != nil {
			continue
		}
		if err := os.Chmod(dir, 0o711); err != nil {
			return "", fmt.Errorf("make the stand's folder: %w", err)
		}
		return dir, nil
	}
	return "", fmt.Errorf("no place for a temporary folder in %s that PostgreSQL can reach", strings.Join(temporaryParents(), ", "))
}

func temporaryParents() []string { return []string{os.TempDir(), "/tmp", "/var/tmp"} }

// sweep removes the directories of temporary stands that were killed, recognized by
// their free lock. It leaves those of other users.
func sweep() {
	for _, parent := range temporaryParents() {
		dirs, err := filepath.Glob(filepath.Join(parent, temporaryPattern+"*"))
		if err != nil {
			continue
		}
		for _, dir := range dirs {
			// The owner writes its number after locking: until then the
			// folder is just being made, and the lock not ours to try.
			owner, err := os.ReadFile(filepath.Join(dir, lockName))
			if err != nil || len(owner) == 0 {
				continue
			}
			lock, err := takeLock(dir)
			if err != nil {
				continue
			}
			_ = os.RemoveAll(dir) // the next sweep tries again
			lock.release()
		}
	}
}
