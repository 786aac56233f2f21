# What all three machines have. Beside it each is started with -node, -bind and -data-dir, and n3 with witness.hcl.
server           = true
bootstrap_expect = 3
retry_join       = ["10.77.0.11", "10.77.0.12", "10.77.0.13"]

group "gateway" {
  vip "10.77.0.1/24"   {}                   # the clients' default gateway
  vip "10.88.0.100/24" {}                   # what the outside sees
  prefer = ["n1", "n2"]

  sysctl { "net.ipv4.ip_forward" = "1" }

  route "default" {
    via = "10.88.0.13"                      # the provider's router
    dev = "eth1"
  }
  masquerade "10.77.0.0/24" {
    dev = "eth1"
    to  = "10.88.0.100"                     # the same source whoever forwards
  }
  conntrack = "sync"                        # connections go on when the group moves: with conntrackd on n1 and n2
  verify {
    tcp    = "10.88.0.13:80"                # is there anything behind the router?
    within = "5s"
  }
}
