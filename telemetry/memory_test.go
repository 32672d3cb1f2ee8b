package telemetry

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files map[string]string
		want  float64
	}{
		"container": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n"}, 268435456},
		"unit in a slice with a lower limit": {map[string]string{
			"proc/self/cgroup":                           "0::/a.slice/b.service\n",
			"sys/fs/cgroup/a.slice/memory.max":           "1000\n",
			"sys/fs/cgroup/a.slice/b.service/memory.max": "2000\n",
		}, 1000},
		"no limit":  {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		"version 1": {map[string]string{"proc/self/cgroup": "9:memory:/docker/a\n", "sys/fs/cgroup/memory.max": "1000\n"}, 0},
		"outside":   {map[string]string{"proc/self/cgroup": "0::/../a\n", "sys/fs/cgroup/memory.max": "1000\n"}, 0},
		"not Linux": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := fstest.MapFS{}
			for file, content := range test.files {
				root[file] = &fstest.MapFile{Data: []byte(content)}
			}
			require.InDelta(t, test.want, memoryLimit(root), 0)
		})
	}
}
