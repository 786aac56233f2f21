package cluster

import "time"

// TemplateState is what one template of this machine is doing.
type TemplateState struct {
	Source      string // the file of the template, or "contents"
	Destination string
	Phase       string    // one of the phases below
	Why         string    // in one sentence, where Phase is not TemplateRendered; or what is odd though it is
	Rendered    time.Time // when the file was written last, by this process; zero for never
	Writes      uint64    // how many times
	Command     TemplateCommand
}

// TemplateCommand is the last run of the command behind a template.
type TemplateCommand struct {
	Command string // "" where there is none
	Started time.Time
	Took    time.Duration // from the start to the end
	Lag     time.Duration // from when the change was seen to the start
	Error   string        // "" where it ended well
	Output  string        // the end of it
}

// The phases of a template.
const (
	TemplateStarting = "starting" // the member has not caught up with its cluster yet
	TemplateWaiting  = "waiting"  // for something that it needs
	TemplateRendered = "rendered" // the file says what the template says
	TemplateRefused  = "refused"  // by validate: the file is an older one
	TemplateFailed   = "failed"   // the template, the file or the command
)
