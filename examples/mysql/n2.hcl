node_name = "n2"
bind_addr = "10.77.0.12"
