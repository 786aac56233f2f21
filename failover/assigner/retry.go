package assigner

import "time"

// The pauses before what failed is done again.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 320 * time.Millisecond
)

// retry counts how often in a row something has failed: it is tried again soon at first, for most of what stands in the way is over in a moment.
type retry struct{ failed int }

// next notes one more failure, and says how long to wait, and whether the log is to hear of it: of the first, and then ever less often.
func (r *retry) next() (pause time.Duration, tell bool) {
	pause = min(lastPause, firstPause<<min(r.failed, 8))
	r.failed++
	return pause, r.failed&(r.failed-1) == 0
}
