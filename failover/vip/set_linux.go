package vip

import (
	"errors"
	"net/netip"
	"slices"
	"time"
)

// Owned returns the managed addresses that lie on this machine: those of this
// Host and those an earlier daemon left. The known addresses help where the
// kernel keeps no mark: one of them that looks as if we had put it counts.
func (h *Host) Owned(known ...netip.Addr) ([]Placed, error) {
	s, err := h.survey()
	if err != nil {
		return nil, err
	}
	var list []Placed
	for _, e := range s.owned(known) {
		list = append(list, s.placed(e))
	}
	return list, nil
}

// Set makes the machine carry exactly the wanted addresses: it removes what
// is ours and not wanted, adds what is missing and renews what has lived for
// half of its time; what is right it leaves alone. An address that names no
// interface stays where it lies. What cannot be done does not keep the rest
// from being done, and is in the error. Call it several times per ValidFor.
func (h *Host) Set(want []Assigned, known ...netip.Addr) (done Changes, err error) {
	s, err := h.survey()
	if err != nil {
		return done, err
	}
	for _, w := range want {
		known = append(slices.Clip(known), w.Prefix.Addr())
	}
	owned := s.owned(known)
	wanted, errs := s.wanted(want, owned)
	found := map[place]entry{}
	for _, e := range owned {
		if slices.ContainsFunc(wanted, func(w target) bool { return w.place == e.place() }) {
			found[e.place()] = e
			continue
		}
		p := s.placed(e)
		if err := h.remove(p.Interface, p.Prefix); err != nil {
			errs = append(errs, err)
			continue
		}
		done.Removed = append(done.Removed, p)
	}
	for _, w := range wanted {
		e, there := found[w.place]
		if there && e.managed() && e.valid <= w.valid && e.valid > w.valid/2 {
			continue
		}
		p := Placed{s.link(w.index), w.prefix, time.Duration(w.valid) * time.Second}
		switch err := h.put(p.Interface, p.Prefix, w.valid, w.source); {
		case err != nil:
			errs = append(errs, err)
		case there:
			done.Renewed = append(done.Renewed, p)
		default:
			done.Added = append(done.Added, p)
		}
	}
	return done, errors.Join(errs...)
}

// owned are the entries that are ours.
func (s survey) owned(known []netip.Addr) []entry {
	var list []entry
	for _, e := range s.entries {
		if e.managed() || e.resembles() && slices.Contains(known, e.prefix.Addr()) {
			list = append(list, e)
		}
	}
	return list
}

// target is an address that should lie somewhere, and for how many seconds.
type target struct {
	place
	valid  uint32
	source bool
}

// wanted finds the place for each assigned address.
func (s survey) wanted(want []Assigned, owned []entry) (wanted []target, errs []error) {
	for _, w := range want {
		valid, err := wholeSeconds(w.ValidFor)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		i, err := s.resolve(w.Address)
		if w.Interface == "" {
			lies := slices.IndexFunc(owned, func(e entry) bool { return e.prefix == w.placed() })
			if lies >= 0 {
				i, err = s.link(owned[lies].index), s.free(w.Address)
			}
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		wanted = append(wanted, target{place{i.Index, w.placed()}, valid, w.Source})
	}
	return wanted, errs
}

// placed is e as shown to the caller.
func (s survey) placed(e entry) Placed {
	return Placed{s.link(e.index), e.prefix, e.remaining()}
}
