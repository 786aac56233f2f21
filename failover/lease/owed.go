package lease

// Owed reports whether the leader has yet to acknowledge something that was given back.
func (h *Holder) Owed() bool { return len(h.released) > 0 }
