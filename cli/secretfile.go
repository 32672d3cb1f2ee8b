package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// fromFileTag marks settings that contain a secret: the variable SLUICE_X_FILE may name a
// file with the value, such as a mounted secret of Docker, Kubernetes or systemd.
const fromFileTag = "fromfile"

// fileVariable returns the name of the variable that names the file of a setting; empty if
// the setting is not a secret.
func fileVariable(flag *kong.Flag) string {
	if !flag.Tag.Has(fromFileTag) || len(flag.Envs) == 0 {
		return ""
	}
	return flag.Envs[0] + "_FILE"
}

// resolveFile returns the value of a setting from its file; nil if there is none.
func resolveFile(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	variable := fileVariable(flag)
	if variable == "" || os.Getenv(variable) == "" {
		return nil, nil
	}
	if os.Getenv(flag.Envs[0]) != "" {
		return nil, fmt.Errorf("set %s or %s, not both", flag.Envs[0], variable)
	}
	content, err := os.ReadFile(os.Getenv(variable))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	value := strings.TrimSpace(string(content))
	if value == "" {
		return nil, fmt.Errorf("%s: %s is empty", variable, os.Getenv(variable))
	}
	return value, nil
}
