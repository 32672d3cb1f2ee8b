package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/stand"
)

// The compose file is loaded by the code of docker compose.
func TestCompose(t *testing.T) {
	t.Parallel()
	project := compose(t)
	always, monitoring := []string{"postgres", "s3", "migrate", "api", "worker"}, []string{"prometheus", "grafana", "jaeger"}
	require.ElementsMatch(t, append(always, monitoring...), project.ServiceNames())
	require.ElementsMatch(t, always, compose(t, "").ServiceNames(), "without the profile")

	t.Run("Images", func(t *testing.T) {
		t.Parallel()
		for name, service := range project.Services {
			require.NotContains(t, service.Image, "minio", "%s: MinIO's images are no longer published", name)
			if service.Build == nil {
				require.Regexp(t, `:v?\d+(\.\d+)*$`, service.Image, "%s: a fixed version", name)
				continue
			}
			require.FileExists(t, filepath.Join(service.Build.Context, service.Build.Dockerfile))
		}
		// Since version 18, the volume of the image is the parent directory.
		require.Equal(t, "postgres:18", project.Services["postgres"].Image)
		require.Equal(t, "/var/lib/postgresql", project.Services["postgres"].Volumes[0].Target)
	})

	t.Run("StoredForm", func(t *testing.T) {
		t.Parallel()
		mounted := project.Services["postgres"].Configs
		require.Len(t, mounted, 1)
		require.Equal(t, "/docker-entrypoint-initdb.d/stored-jsonb.sql", mounted[0].Target)
		require.Equal(t, stand.CastSQL+";", project.Configs[mounted[0].Source].Content)
	})

	t.Run("Order", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"postgres", "s3", "api"} {
			require.NotNil(t, project.Services[name].HealthCheck, name)
		}
		require.Equal(t, types.ServiceConditionHealthy, project.Services["migrate"].DependsOn["postgres"].Condition)
		for _, name := range []string{"api", "worker"} {
			require.Equal(t, types.ServiceConditionCompletedSuccessfully, project.Services[name].DependsOn["migrate"].Condition)
			require.Equal(t, types.ServiceConditionHealthy, project.Services[name].DependsOn["s3"].Condition)
		}
		worker := project.Services["worker"]
		require.Equal(t, 2, worker.GetScale())
	})
}

// The image runs as nobody and contains only the program; its file system is read-only.
func TestImageIsMinimal(t *testing.T) {
	t.Parallel()
	dockerfile, err := os.ReadFile("../Dockerfile")
	require.NoError(t, err)
	_, last, found := strings.Cut(string(dockerfile), "\nFROM scratch\n")
	require.True(t, found)
	require.NotContains(t, last, "FROM ")
	require.Contains(t, last, "\nUSER 65534:65534\n")
	for name, service := range compose(t).Services {
		if service.Build == nil {
			continue
		}
		require.True(t, service.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Contains(t, service.SecurityOpt, "no-new-privileges:true", name)
		require.False(t, service.Privileged, name)
		require.Empty(t, service.User, name)
	}
}

// Since the secrets are public, the ports are reachable only from this machine.
func TestComposePorts(t *testing.T) {
	t.Parallel()
	for name, service := range compose(t).Services {
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, name)
		}
	}
}

// Prometheus scrapes the admin listeners of the API and the workers, and Grafana finds the
// dashboards and both of its data sources.
func TestComposeMonitoring(t *testing.T) {
	t.Parallel()
	project := compose(t)
	for name, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind {
				require.DirExists(t, volume.Source, name)
				require.True(t, volume.ReadOnly, name)
			}
		}
	}

	scrape := readRepository(t, "deploy/prometheus/prometheus.yml")
	for _, name := range []string{"api", "worker"} {
		listen := project.Services[name].Environment["SLUICE_ADMIN_LISTEN"]
		require.NotNil(t, listen, name)
		_, port, found := strings.Cut(*listen, ":")
		require.True(t, found)
		require.Contains(t, scrape, "job_name: sluice-"+name)
		require.Contains(t, scrape, "{names: ["+name+"], type: A, port: "+port+",")
		for _, published := range project.Services[name].Ports {
			require.NotEqual(t, port, fmt.Sprint(published.Target), "%s: the admin listener is not published", name)
		}
	}

	sources := readRepository(t, "deploy/grafana/provisioning/datasources/sluice.yml")
	for _, name := range []string{"prometheus", "jaeger"} {
		require.Contains(t, sources, fmt.Sprintf("http://%s:%d", name, project.Services[name].Ports[0].Target))
	}
	provider := readRepository(t, "deploy/grafana/provisioning/dashboards/sluice.yml")
	targets := map[string]bool{}
	for _, volume := range project.Services["grafana"].Volumes {
		targets[volume.Target] = true
	}
	require.True(t, targets["/dashboards"])
	require.Contains(t, provider, "path: /dashboards}")
}

func readRepository(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(content)
}

// The program knows every setting of the compose file and of the image.
func TestComposeSettings(t *testing.T) {
	t.Parallel()
	known := knownSettings(t)
	for name, service := range compose(t).Services {
		for setting := range service.Environment {
			if strings.HasPrefix(setting, "SLUICE_") {
				require.Contains(t, known, setting, name)
			}
		}
	}
	dockerfile, err := os.ReadFile("../Dockerfile")
	require.NoError(t, err)
	for _, setting := range settingPattern.FindAllString(string(dockerfile), -1) {
		require.Contains(t, known, setting, "Dockerfile")
	}
}

var settingPattern = regexp.MustCompile(`SLUICE_[A-Z0-9_]+`)

// compose loads the compose file with these profiles, by default with all.
func compose(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	if len(profiles) == 0 {
		profiles = []string{"*"}
	}
	options, err := cli.NewProjectOptions([]string{"../compose.yaml"}, cli.WithProfiles(profiles))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

// knownSettings builds the product and reads the settings from its help.
func knownSettings(t *testing.T) map[string]bool {
	t.Helper()
	program := filepath.Join(t.TempDir(), "sluice")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "..", "-buildvcs=false", "-o", program, ".")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	known := make(map[string]bool)
	for _, command := range []string{"serve", "api", "worker", "migrate"} {
		out, err := exec.CommandContext(t.Context(), program, command, "--help").CombinedOutput()
		require.NoError(t, err, string(out))
		for _, setting := range settingPattern.FindAllString(string(out), -1) {
			known[setting] = true
		}
	}
	return known
}
