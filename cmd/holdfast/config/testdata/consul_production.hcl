# A server as an operator of Consul writes it.
datacenter       = "east-1"
node_name        = "c1"
data_dir         = "/opt/consul"
server           = true
bootstrap_expect = 3
bind_addr        = "10.0.0.11"
client_addr      = "127.0.0.1 10.0.0.11"
retry_join       = ["10.0.0.12", "10.0.0.13"]
encrypt          = "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s="

encrypt_verify_incoming = true
encrypt_verify_outgoing = true
verify_incoming         = true
verify_outgoing         = true
verify_server_hostname  = false
ca_file                 = "ca.pem"
cert_file               = "c1.pem"
key_file                = "c1-key.pem"

ui_config { enabled = true }
connect { enabled = false }
performance { raft_multiplier = 1 }
ports { grpc = -1 }
telemetry { prometheus_retention_time = "24h" }
acl {
  enabled        = false
  default_policy = "allow"
  tokens { agent = "11111111-2222-3333-4444-555555555555" }
}
dns_config {
  node_ttl    = "5s"
  service_ttl { "*" = "5s" }
}
limits { http_max_conns_per_client = 1000 }
log_rotate_duration     = "24h"
log_rotate_max_files    = 7
leave_on_terminate      = false
skip_leave_on_interrupt = true
rejoin_after_leave      = true
disable_remote_exec     = true
disable_update_check    = true
