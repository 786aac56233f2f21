# Everything that Holdfast leaves out, switched off.
bind_addr            = "127.0.0.1"
connect { enabled = false }
peering { enabled = false }
acl { enabled = false }
ui                   = false
auto_reload_config   = false
enable_syslog        = false
verify_incoming      = false
recursors            = []
ports { https = -1 grpc = -1 grpc_tls = -1 serf_wan = -1 }
unix_sockets { mode = "0600" user = "0" }
