// Package transport is the TLS part of the configuration: it takes Consul's keys, those of the block tls as those of before it, reads the files
// that they name, and makes of them what the HTTPS listener and the RPC port are told.
//
// Each of the two surfaces takes a value from its own block (tls.https, tls.internal_rpc), else from tls.defaults, else from the older key. Where something
// is wrong the error names the key that the value came from, and the file.
package transport

// Keys are all keys of TLS in a configuration.
type Keys struct {
	Older Older
	Block *Block
}

// Block is the block tls.
type Block struct {
	Defaults    *Section  `mapstructure:"defaults"`
	HTTPS       *Section  `mapstructure:"https"`
	InternalRPC *Internal `mapstructure:"internal_rpc"`
}

// Section is what each surface may be told.
type Section struct {
	CAFile         *string `mapstructure:"ca_file"`
	CAPath         *string `mapstructure:"ca_path"`
	CertFile       *string `mapstructure:"cert_file"`
	KeyFile        *string `mapstructure:"key_file"`
	MinVersion     *string `mapstructure:"tls_min_version"`
	CipherSuites   *string `mapstructure:"tls_cipher_suites"` // names, separated by commas
	VerifyIncoming *bool   `mapstructure:"verify_incoming"`
	VerifyOutgoing *bool   `mapstructure:"verify_outgoing"`
}

// Internal is what the RPC port may be told.
type Internal struct {
	Section              `mapstructure:",squash"`
	VerifyServerHostname *bool `mapstructure:"verify_server_hostname"`
}

// Older are the keys from before the block tls. They count where the block says nothing.
type Older struct {
	Section              `mapstructure:",squash"`
	VerifyIncomingRPC    *bool `mapstructure:"verify_incoming_rpc"`
	VerifyIncomingHTTPS  *bool `mapstructure:"verify_incoming_https"`
	VerifyServerHostname *bool `mapstructure:"verify_server_hostname"`
}

// setting is a value with the key that it came from.
type setting[T any] struct {
	value T
	key   string
}

// surface is what one of the two is told, from wherever it came.
type surface struct {
	name                               string // of its block
	caFile, caPath, certFile, keyFile  setting[string]
	minVersion, cipherSuites           setting[string]
	incoming, outgoing, serverHostname setting[bool]
}

// surfaces are the two.
func (k Keys) surfaces() (https, rpc surface) {
	var b Block
	if k.Block != nil {
		b = *k.Block
	}
	https = k.surface("https", b.Defaults, b.HTTPS, k.Older.VerifyIncomingHTTPS, "verify_incoming_https")
	var internal Internal
	if b.InternalRPC != nil {
		internal = *b.InternalRPC
	}
	rpc = k.surface("internal_rpc", b.Defaults, &internal.Section, k.Older.VerifyIncomingRPC, "verify_incoming_rpc")
	rpc.serverHostname = choose("internal_rpc", "verify_server_hostname", internal.VerifyServerHostname, nil, k.Older.VerifyServerHostname)
	return https, rpc
}

// surface gathers what a surface is told. Of the older keys for incoming connections, the one for both asks for itself, and so does the one for this surface.
func (k Keys) surface(name string, defaults, own *Section, incoming *bool, incomingKey string) surface {
	if defaults == nil {
		defaults = &Section{}
	}
	if own == nil {
		own = &Section{}
	}
	older := k.Older.Section
	s := surface{
		name:         name,
		caFile:       choose(name, "ca_file", own.CAFile, defaults.CAFile, older.CAFile),
		caPath:       choose(name, "ca_path", own.CAPath, defaults.CAPath, older.CAPath),
		certFile:     choose(name, "cert_file", own.CertFile, defaults.CertFile, older.CertFile),
		keyFile:      choose(name, "key_file", own.KeyFile, defaults.KeyFile, older.KeyFile),
		minVersion:   choose(name, "tls_min_version", own.MinVersion, defaults.MinVersion, older.MinVersion),
		cipherSuites: choose(name, "tls_cipher_suites", own.CipherSuites, defaults.CipherSuites, older.CipherSuites),
		incoming:     choose(name, "verify_incoming", own.VerifyIncoming, defaults.VerifyIncoming, older.VerifyIncoming),
		outgoing:     choose(name, "verify_outgoing", own.VerifyOutgoing, defaults.VerifyOutgoing, older.VerifyOutgoing),
	}
	if own.VerifyIncoming == nil && incoming != nil && *incoming {
		s.incoming = setting[bool]{true, incomingKey}
	}
	return s
}

// choose is the value that counts, and its key.
func choose[T any](surface, key string, own, defaults, older *T) setting[T] {
	switch {
	case own != nil:
		return setting[T]{*own, "tls." + surface + "." + key}
	case defaults != nil:
		return setting[T]{*defaults, "tls.defaults." + key}
	case older != nil:
		return setting[T]{*older, key}
	}
	var none T
	return setting[T]{none, "tls." + surface + "." + key}
}
