package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// Owner returns the account that the server has to run under: nil for the current one
// or, since PostgreSQL refuses to run as root, postgres or nobody.
func Owner() (*process.User, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return &process.User{Name: name, UID: uint32(uid), GID: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and neither postgres nor nobody exists; run this as an ordinary user")
}

// Passable reports whether owner can enter a directory and each of its parents. The
// directory need not exist. A nil owner always can.
func Passable(dir string, owner *process.User) bool {
	if owner == nil {
		return true
	}
	for {
		info, err := os.Stat(dir)
		if err == nil && !mayEnter(info, owner) {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

// mayEnter evaluates the permission bits as the kernel does for a user who is not root
// and in no further groups.
func mayEnter(info os.FileInfo, owner *process.User) bool {
	mode := info.Mode().Perm()
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && stat.Uid == owner.UID:
		return mode&0o100 != 0
	case ok && stat.Gid == owner.GID:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

// chown changes the owner of a file or directory, unless owner is nil.
func chown(path string, owner *process.User) error {
	if owner == nil {
		return nil
	}
	if err := os.Chown(path, int(owner.UID), int(owner.GID)); err != nil {
		return fmt.Errorf("change the owner of %s to %s: %w", path, owner.Name, err)
	}
	return nil
}
