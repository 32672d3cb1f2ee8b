package progress

import (
	"slices"
	"time"
)

// counts are the numbers of a display. Display.mu guards them.
type counts struct {
	item, unit             string // what is counted
	totalBytes, totalItems int64  // 0 if unknown
	bytes                  int64  // of finished and running items
	added                  int64  // bytes since the beginning, without those that existed
	doneItems              int64
	units                  int64
	running                []*Item
	received               speed // of added
	approached             speed // of the fraction, in billionths
}

// The windows of time over which rates are measured. A long one for the remaining time,
// because a number that jumps cannot be read.
const (
	rateWindow      = 15 * time.Second
	remainingWindow = time.Minute
)

// remove removes an item that is no longer running.
func (c *counts) remove(item *Item) {
	c.running = slices.DeleteFunc(c.running, func(i *Item) bool { return i == item })
}

// fraction returns the fraction that is done: of bytes, or of items if the total of bytes is
// not known. It is negative if neither total is known.
func (c *counts) fraction() float64 {
	if c.totalBytes > 0 {
		return min(1, float64(c.bytes)/float64(c.totalBytes))
	}
	if c.totalItems == 0 {
		return -1
	}
	done := float64(c.doneItems)
	for _, i := range c.running {
		done += max(0, i.fraction())
	}
	return min(1, done/float64(c.totalItems))
}

// fraction returns the fraction of the item that is done, negative if its size is unknown.
func (i *Item) fraction() float64 {
	if i.size <= 0 {
		return -1
	}
	return min(1, float64(i.bytes)/float64(i.size))
}

// state is what a row or line shows of an item, or of all.
type state struct {
	name        string
	more        string  // such as 1.25M resources; follows the name if there is space
	fraction    float64 // negative if unknown
	bytes, size int64   // the size is 0 if unknown
	rate        float64 // bytes per second; negative if unknown
	remaining   time.Duration
	units       int64
}

// state returns what is shown of an item.
func (i *Item) state(now time.Time) state {
	i.display.mu.Lock()
	defer i.display.mu.Unlock()
	s := state{name: i.name, fraction: i.fraction(), bytes: i.bytes, size: i.size, units: i.units}
	s.rate = i.received.measure(now, i.added, rateWindow)
	s.remaining = unknown
	if s.rate > 0 && i.size > 0 {
		s.remaining = seconds(float64(max(0, i.size-i.bytes)) / s.rate)
	}
	return s
}

// overall returns what is shown of all items.
func (d *Display) overall(now time.Time) state {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &d.counts
	s := state{name: c.name(), fraction: c.fraction(), bytes: c.bytes, size: c.totalBytes, units: c.units, remaining: unknown}
	if c.unit != "" {
		s.more = countText(c.units, c.unit)
	}
	s.rate = c.received.measure(now, c.added, rateWindow)
	if s.fraction >= 0 {
		const whole = 1e9
		pace := c.approached.measure(now, int64(s.fraction*whole), remainingWindow)
		if pace > 0 {
			s.remaining = seconds((1 - s.fraction) * whole / pace)
		}
	}
	return s
}

// unknown is a remaining time that is not known.
const unknown = time.Duration(-1)

// seconds returns a duration of at most a hundred days, more than anybody waits for.
func seconds(n float64) time.Duration {
	const most = 100 * 24 * 3600
	return time.Duration(min(n, most) * float64(time.Second))
}

// speed measures the rate of a growing number over a window of time.
type speed struct {
	samples []sample // the oldest first
}

type sample struct {
	at    time.Time
	value int64
}

// minMeasured is the time after which a rate is known: the first bytes of a file say little.
const minMeasured = 3 * time.Second

// measure returns by how much a value grew per second within the window; negative if that is
// not known yet.
func (s *speed) measure(now time.Time, value int64, window time.Duration) float64 {
	last := len(s.samples) - 1
	if last < 0 || now.Sub(s.samples[last].at) >= window/30 {
		s.samples = append(s.samples, sample{now, value})
	}
	for len(s.samples) > 2 && now.Sub(s.samples[1].at) >= window {
		s.samples = slices.Delete(s.samples, 0, 1)
	}
	first := s.samples[0]
	elapsed := now.Sub(first.at)
	if elapsed < minMeasured {
		return -1
	}
	return max(0, float64(value-first.value)/elapsed.Seconds())
}
