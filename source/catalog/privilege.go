package catalog

import (
	"fmt"
	"strings"
)

// Grants returns the statements that grant privileges (UnreadableError.Privilege) to a
// role, whose name is quoted for SQL: one for each kind of privileges.
func Grants(privileges []string, role string) (statements []string) {
	for _, kind := range []string{"USAGE ON SCHEMA ", "SELECT ON "} {
		var on []string
		for _, privilege := range privileges {
			if name, found := strings.CutPrefix(privilege, kind); found {
				on = append(on, name)
			}
		}
		if len(on) > 0 {
			statements = append(statements, fmt.Sprintf("GRANT %s%s TO %s", kind, strings.Join(on, ", "), role))
		}
	}
	return statements
}
