package web

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// patient gives a client a limited time for each piece of its body and of the answer. A pause of the instance costs it nothing.
//
// The request itself keeps its own body: the server looks at it to find out whether the client waits to be told to send it.
func patient(w http.ResponseWriter, r *http.Request, idle time.Duration) (http.ResponseWriter, *patientBody) {
	c := http.NewResponseController(w)
	return &patientWriter{w, c, idle}, &patientBody{ReadCloser: r.Body, control: c, idle: idle}
}

// patientBody is the body of a request. It survives an attempt that took nothing of it, which closes it.
type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
	idle    time.Duration
	whole   atomic.Bool // it was read to its end
	over    atomic.Bool
}

func (b *patientBody) Read(p []byte) (int, error) {
	if b.over.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	_ = b.control.SetReadDeadline(time.Now().Add(b.idle)) // who has none waits
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.whole.Store(true)
	}
	if !b.over.Load() && (err == nil || b.whole.Load()) { // else what the server reads after that is late, too
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

func (b *patientBody) Close() error { return nil }

// end ends reading. The server passes over a rest, which must come in time as well.
func (b *patientBody) end() {
	if b.over.Store(true); b.ReadCloser != http.NoBody && !b.whole.Load() {
		_ = b.control.SetReadDeadline(time.Now().Add(b.idle)) // who has none waits
	}
}

// patientWriter is where the answer goes.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	idle    time.Duration
}

// Unwrap lets an http.ResponseController find the connection.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *patientWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.idle)) // who has none waits
	n, err := w.ResponseWriter.Write(p)
	_ = w.control.SetWriteDeadline(time.Time{}) // the same
	return n, err
}

// FlushError sends what was written.
func (w *patientWriter) FlushError() error {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.idle)) // who has none waits
	err := w.control.Flush()
	_ = w.control.SetWriteDeadline(time.Time{}) // the same
	return err
}
