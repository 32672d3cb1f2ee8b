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

// Folder is the persistent stand's directory in the repository's root, or a link to it if
// PostgreSQL cannot access it there.
const Folder = ".stand"

// temporaryPattern is the prefix of the directories of temporary stands.
const temporaryPattern = "sluice-stand-"

// persistentDir creates the directory of the persistent stand if it does not exist and
// returns its real path. If PostgreSQL's user cannot access it, as below /root, it is a
// link to a directory in /var/tmp.
func persistentDir(root string, owner *process.User) (string, error) {
	link := filepath.Join(root, Folder)
	if target, err := os.Readlink(link); err == nil {
		return target, ensureOwn(target)
	}
	if postgres.Passable(link, owner) {
		return link, ensureOwn(link)
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(root)) // never fails
	target := filepath.Join("/var/tmp", fmt.Sprintf("sluice-%d-%x", os.Geteuid(), hash.Sum64()))
	if err := ensureOwn(target); err != nil {
		return "", err
	}
	if err := os.Symlink(target, link); err != nil {
		return "", fmt.Errorf("create the stand's directory: %w", err)
	}
	return target, nil
}

// ensureOwn creates a directory that others may pass but not read, or checks that an
// existing one belongs to this user.
func ensureOwn(dir string) error {
	err := os.Mkdir(dir, 0o711)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create the stand's directory: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("inspect the stand's directory: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user: run as that user, or remove it", dir)
	}
	return nil
}

// temporaryDir creates the directory of a temporary stand in the first directory for
// temporary files that PostgreSQL can access.
func temporaryDir(owner *process.User) (string, error) {
	for _, parent := range temporaryParents() {
		if !postgres.Passable(parent, owner) {
			continue
		}
		dir, err := os.MkdirTemp(parent, temporaryPattern)
		if err != nil {
			continue
		}
		if err := os.Chmod(dir, 0o711); err != nil {
			return "", fmt.Errorf("create the stand's directory: %w", err)
		}
		return dir, nil
	}
	return "", fmt.Errorf("PostgreSQL can access none of the directories for temporary files: %s", strings.Join(temporaryParents(), ", "))
}

func temporaryParents() []string { return []string{os.TempDir(), "/tmp", "/var/tmp"} }

// sweep removes the directories of temporary stands that were killed, recognized by
// their free lock. It leaves the directories of other users.
func sweep() {
	for _, parent := range temporaryParents() {
		dirs, err := filepath.Glob(filepath.Join(parent, temporaryPattern+"*"))
		if err != nil {
			continue
		}
		for _, dir := range dirs {
			// The owner writes its process id after it has locked the directory. Until then,
			// the directory is being created.
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
