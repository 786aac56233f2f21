# What all three machines have. Beside it each is started with -node, -bind and -data-dir.
server           = true
bootstrap_expect = 3
retry_join       = ["10.77.0.11", "10.77.0.12", "10.77.0.13"]

service {
  name = "shop"
  port = 8081
  tags = ["urlprefix-shop.example.org/", "urlprefix-/shop strip=/shop"]
  check {
    http     = "http://127.0.0.1:8081/"
    interval = "500ms"
    timeout  = "1s"
  }
}

service {
  name = "admin"
  port = 8082
  tags = ["urlprefix-admin.example.org/ auth=team allow=ip:10.77.0.0/24"]
  check {
    tcp      = "127.0.0.1:8082"
    interval = "500ms"
    timeout  = "1s"
  }
}

group "web" {                       # whoever has the address, passes requests on
  vip "10.77.0.100/24" {}
}

proxy "web" {                       # on every machine, whether it has the address or not
  listen = "10.77.0.100:443"
  mode   = "https+tcp+sni"
  tls {
    certificates = "/etc/holdfast/certificates"
    min_version  = "1.2"
  }
  auth = { team = "/etc/holdfast/team.htpasswd" }
}

proxy "plain" {
  listen = "10.77.0.100:80"
  mode   = "http"
}
