package check

import "holdfast/cluster"

// thresholds lets a check change its status only after several results in a row. The first result counts at once.
type thresholds struct {
	definition cluster.CheckDefinition
	report     func(Result)

	status    cluster.Status // as last reported, "" before the first result
	successes int
	failures  int
}

// take takes the result of one run and reports what becomes of it.
func (t *thresholds) take(r Result) {
	if limit := outputLimit(t.definition); len(r.Output) > limit {
		r.Output = r.Output[:limit]
	}
	r.Output = valid(r.Output)
	if r.Status == cluster.Passing {
		t.successes, t.failures = t.successes+1, 0
	} else {
		t.successes, t.failures = 0, t.failures+1
	}
	r.Status = t.effective(r.Status)
	t.status = r.Status
	t.report(r)
}

// effective is the status to report, given what the run found.
func (t *thresholds) effective(found cluster.Status) cluster.Status {
	d := &t.definition
	if t.status == "" {
		return found
	}
	if found == cluster.Passing {
		if t.successes <= d.SuccessBeforePassing && t.successes < max(1, d.SuccessBeforePassing) {
			return t.status
		}
		return found
	}
	if t.failures < d.FailuresBeforeCritical {
		if d.FailuresBeforeWarning > 0 && t.failures >= d.FailuresBeforeWarning && t.status == cluster.Passing {
			return cluster.Warning
		}
		return t.status
	}
	return found
}
