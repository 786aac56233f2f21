# What all three machines have. Beside it each is started with -node, -bind and -data-dir; n1 and n2 with -config-dir balancer too.
server           = true
bootstrap_expect = 3
retry_join       = ["10.77.0.11", "10.77.0.12", "10.77.0.13"]

service {
  name = "web"
  port = 8081
  check {
    http     = "http://127.0.0.1:8081/"
    interval = "500ms"
    timeout  = "1s"
  }
}

group "lb" {
  service = "lb"                            # only where HAProxy answers
  vip "10.77.0.100/24" {}
  prefer = ["n1", "n2"]
  verify {
    http = "http://10.77.0.100/"            # does a page come through?
  }
}
