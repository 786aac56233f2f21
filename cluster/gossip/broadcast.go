package gossip

import (
	"slices"

	"github.com/hashicorp/memberlist"
)

// broadcast is a message on its way to all members. A later one of the same subject takes its place.
type broadcast struct {
	subject string
	message []byte
	done    chan struct{} // closed when it has been passed on often enough; may be nil
}

var _ memberlist.NamedBroadcast = (*broadcast)(nil)

// Name is the subject.
func (b *broadcast) Name() string { return b.subject }

// Message is what is sent.
func (b *broadcast) Message() []byte { return b.message }

// Invalidates reports whether the other is of the same subject.
func (b *broadcast) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(*broadcast)
	return ok && o.subject == b.subject
}

// Finished says that the message is no longer passed on.
func (b *broadcast) Finished() {
	if b.done != nil {
		close(b.done)
	}
}

// send queues a message. It calls for no lock but the queue's own.
func (p *Pool) send(subject string, message []byte, done chan struct{}) {
	p.outgoing.QueueBroadcast(&broadcast{subject: subject, message: slices.Clone(message), done: done})
}

// spreadIntent queues an intent.
func (p *Pool) spreadIntent(i intent) { p.send("intent/"+i.name, i.encode(), nil) }
