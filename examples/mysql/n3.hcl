node_name = "n3"
bind_addr = "10.77.0.13"
