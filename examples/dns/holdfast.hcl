# What all three machines have. Beside it each is started with -node, -bind and -data-dir; n1 and n2 with -config-dir server too.
server           = true
bootstrap_expect = 3
retry_join       = ["10.77.0.11", "10.77.0.12", "10.77.0.13"]

group "ns" {
  service = "nsd"
  vip "10.77.0.53/24" {}
  prefer        = ["n1", "n2"]
  preempt       = true                      # n1 takes it back
  preempt_delay = "5s"                      # once it has been well for that long
}
