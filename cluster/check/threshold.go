package check

import "holdfast/cluster"

// thresholds lets a check change its status only after several results in a row. As in Consul, a warning is a success: the thresholds
// hold back a recovery from critical and a fall to it. The first result counts at once. A result that is held back is not reported.
type thresholds struct {
	definition cluster.CheckDefinition
	report     func(Result)

	ran       bool // a result was taken
	successes int  // in a row, the last result's included
	failures  int
}

// take takes the result of one run, reports what becomes of it, and answers whether the status reported is the one found.
func (t *thresholds) take(r Result) bool {
	r.Output = valid(r.Output)
	first := !t.ran
	t.ran = true
	if r.Status == cluster.Critical {
		t.successes, t.failures = 0, t.failures+1
		return t.fail(r, first)
	}
	t.successes, t.failures = t.successes+1, 0
	if first {
		t.successes = max(t.successes, t.definition.SuccessBeforePassing) // what holds from the start has not to be earned
	}
	if t.successes < t.definition.SuccessBeforePassing {
		return false
	}
	t.report(r)
	return true
}

// fail takes a critical result.
func (t *thresholds) fail(r Result, first bool) bool {
	d := &t.definition
	if first {
		t.failures = max(t.failures, d.FailuresBeforeCritical)
	}
	switch {
	case t.failures >= d.FailuresBeforeCritical:
		t.report(r)
		return true
	case d.FailuresBeforeWarning > 0 && t.failures >= d.FailuresBeforeWarning:
		t.report(Result{cluster.Warning, r.Output})
	}
	return false
}
