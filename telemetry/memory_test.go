package telemetry

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"None":      {nil, 0},
		"Container": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n"}, 256 << 20},
		"Unlimited": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		"Unit": {map[string]string{
			"proc/self/cgroup": "1:name=systemd:/x\n0::/system.slice/sluice.service\n",
			"sys/fs/cgroup/system.slice/sluice.service/memory.max": "max\n",
			"sys/fs/cgroup/system.slice/memory.max":                "1073741824\n",
		}, 1 << 30},
		"Least": {map[string]string{
			"proc/self/cgroup":                       "0::/pod/container\n",
			"sys/fs/cgroup/pod/container/memory.max": "100\n",
			"sys/fs/cgroup/pod/memory.max":           "200\n",
		}, 100},
		"Hidden": {map[string]string{"proc/self/cgroup": "0::/kubepods/pod1\n", "sys/fs/cgroup/memory.max": "300\n"}, 300},
		"Older":  {map[string]string{"proc/self/cgroup": "4:memory:/x\n"}, 0},
	} {
		system := fstest.MapFS{}
		for file, text := range c.files {
			system[file] = &fstest.MapFile{Data: []byte(text)}
		}
		require.Equal(t, c.want, memoryLimit(system), name)
	}
}
