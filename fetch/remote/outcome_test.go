package remote_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// TestIssues: what is shown of the body of a refusal.
func TestIssues(t *testing.T) {
	issue := func(members string) string {
		return `{"resourceType":"OperationOutcome","issue":[{` + members + `}]}`
	}
	long := strings.Repeat("é", 1000)
	tests := []struct {
		name, body string
		want       []string
	}{
		{"diagnostics", issue(`"severity":"fatal","code":"invalid","diagnostics":"a"`), []string{"fatal (invalid): a"}},
		{"details", issue(`"severity":"error","code":"invalid","details":{"text":"b"}`), []string{"error (invalid): b"}},
		{"both", issue(`"severity":"error","code":"invalid","details":{"text":"b"},"diagnostics":"a"`), []string{"error (invalid): b: a"}},
		{"the same twice", issue(`"severity":"error","code":"invalid","details":{"text":"b"},"diagnostics":"b!"`), []string{"error (invalid): b!"}},
		{"coding", issue(`"severity":"error","code":"invalid","details":{"coding":[{"code":"c","display":"d"}]}`), []string{"error (invalid): d"}},
		{"code of a coding", issue(`"severity":"error","code":"invalid","details":{"coding":[{"code":"c"}]}`), []string{"error (invalid): c"}},
		{"only a code", issue(`"severity":"error","code":"login"`), []string{"error (login)"}},
		{"control characters", issue(`"severity":"error","code":"x","diagnostics":"a\u0000\u001b[2Jb\nc\u202ed"`), []string{"error (x): a[2Jb cd"}},
		{"long", issue(`"severity":"error","code":"x","diagnostics":"` + long + `"`), []string{"error (x): " + strings.Repeat("é", 488) + "…"}},
		{"other JSON", `{"error":"invalid_request"}`, []string{`{"error":"invalid_request"}`}},
		{"invalid UTF-8", "a\xffb", []string{"ab"}},
		{"empty", " \n", nil},
		{"no issues", `{"resourceType":"OperationOutcome"}`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := issues(t, test.body); !reflect.DeepEqual(got, test.want) {
				t.Errorf("issues %q, want %q", got, test.want)
			}
		})
	}
	many := `{"resourceType":"OperationOutcome","issue":[` + strings.Repeat(`{"code":"x"},`, 24) + `{"code":"x"}]}`
	if got := issues(t, many); len(got) != 11 || got[10] != "and 15 more issues" {
		t.Errorf("issues %q, want 10 of 25", got)
	}
}

func issues(t *testing.T, body string) []string {
	t.Helper()
	server, _ := server(t, replies(reply{status: 400, body: body}), remote.Limits{})
	_, err := server.KickOff(t.Context(), system)
	var refused *remote.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("error %v, want a refusal", err)
	}
	return refused.Issues
}
