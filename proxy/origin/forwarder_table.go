package origin

import "slices"

// ForwarderTable is the built-in list of what carries somebody else's connections to a service on this host. It is
// about programs that do hardly anything else, or that are told apart by their arguments: a web server that also runs
// programs (Apache) is not in it, and neither is what routes packets (WireGuard, OpenVPN): those have the client's own
// address.
func ForwarderTable() []ForwarderRule {
	return slices.Concat(shells(), containers(), tunnels(), relays(), own())
}

// shells are logins from elsewhere, and the tools around them.
func shells() []ForwarderRule {
	return []ForwarderRule{
		// OpenSSH 9.8 split sshd: a session is an sshd-session, before the login an sshd-auth (since 10.0).
		{
			Name: "sshd", Programs: []string{"sshd", "sshd-session", "sshd-auth", "dropbear"}, Far: FarSession,
			Why: "it carries the ports that somebody who logged in by ssh has forwarded",
		},
		// A client of a door that is itself an ssh server has that one connection. One that carries a connection to the
		// door (-R, and what asks its ControlMaster) has another to its server, or reaches that by a ProxyCommand.
		{
			Name: "ssh", Programs: []string{"ssh"}, Far: FarDialled, Paired: true, Arguments: []string{
				"-R*", "-NR*", "-fNR*", "-NTR*", "-fNTR*", "-J*", "-oRemoteForward*", "RemoteForward*", "-oProxyCommand*",
				"ProxyCommand*", "-oProxyJump*", "ProxyJump*",
			},
			Why: "it carries what its server sends back (ssh -R)",
		},
		{
			Name: "autossh", Programs: []string{"autossh"}, Far: FarDialled, Why: "it keeps an ssh tunnel open",
		},
		{
			Name: "code-tunnel", Far: FarDialled,
			Programs: []string{"code-tunnel", "code-tunnel-insiders", "cursor-tunnel", "devtunnel"},
			Why:      "it carries the ports that an editor elsewhere has forwarded",
		},
		// The same program where no desktop's editor is; that one is called code, too.
		{
			Name: "code-cli", Far: FarDialled, Programs: []string{"code", "code-insiders"}, Arguments: []string{"tunnel"},
			Why: "it carries the ports that an editor elsewhere has forwarded",
		},
		// Port forwarding of remote windows ends in the editor's server; extensions run in a process of their own.
		{
			Name: "vscode-server", Programs: []string{"node server-main.js"}, Far: FarAccepted,
			Why: "it is the server of VS Code, Cursor or their kin, and carries the ports that an editor has forwarded",
		},
		{
			Name: "code-server", Programs: []string{"code-server", "node code-server"}, Far: FarAccepted,
			Why: "it carries requests to its /proxy/PORT",
		},
		{
			Name: "adb", Programs: []string{"adb"}, Arguments: []string{"fork-server"},
			Why: "it carries the connections of a phone (adb reverse)",
		},
	}
}

// containers are the ways between containers, virtual machines and this host.
func containers() []ForwarderRule {
	const guest = "its container or guest reaches this host's loopback through it"
	return []ForwarderRule{
		{
			Name: "docker-proxy", Programs: []string{"docker-proxy"}, Far: FarAccepted,
			Why: "it carries the connections to a container's published port",
		},
		{
			Name: "rootlesskit", Programs: []string{"rootlesskit", "rootlessport"}, Far: FarAccepted,
			Why: "it carries the connections to published ports of containers without root",
		},
		{Name: "slirp4netns", Programs: []string{"slirp4netns"}, Far: "container", Why: guest},
		{Name: "pasta", Programs: []string{"pasta", "pasta.avx2"}, Far: "container", Why: guest},
		{Name: "passt", Programs: []string{"passt", "passt.avx2"}, Why: guest},
		{Name: "qemu", Programs: []string{"qemu-system-*"}, Why: guest + " (user-mode networking)"},
		{Name: "virtualbox", Programs: []string{"VBoxHeadless", "VirtualBoxVM"}, Why: guest + " (NAT)"},
		{
			Name: "kubectl", Programs: []string{"kubectl", "oc", "k9s"}, Arguments: []string{"port-forward", "proxy"},
			Far: FarAccepted, Why: "it carries connections to or from a cluster",
		},
	}
}

// tunnels come from a server on the internet, or from a private network's other machines.
func tunnels() []ForwarderRule {
	const internet = "it carries connections that come in from the internet"
	return []ForwarderRule{
		{Name: "cloudflared", Programs: []string{"cloudflared"}, Far: "public", Why: internet},
		{Name: "ngrok", Programs: []string{"ngrok"}, Far: "public", Why: internet},
		{
			Name: "localtunnel", Programs: []string{"lt", "localtunnel", "node lt", "node lt.js", "node localtunnel"},
			Far: "public", Why: internet,
		},
		{Name: "tor", Programs: []string{"tor"}, Far: "public", Why: "it carries the clients of an onion service"},
		{Name: "tailscaled", Programs: []string{"tailscaled"}, Why: "it carries what tailscale serve and funnel let in"},
		{Name: "netbird", Programs: []string{"netbird"}, Why: "it carries connections of its network's other machines"},
		{Name: "zrok", Programs: []string{"zrok", "zrok2"}, Why: internet + " or a private network"},
		{Name: "bore", Programs: []string{"bore"}, Far: FarDialled, Why: internet},
		{Name: "frpc", Programs: []string{"frpc", "frps"}, Far: FarDialled, Why: "it carries what its server sends back"},
		{Name: "rathole", Programs: []string{"rathole"}, Far: FarDialled, Why: "it carries what its server sends back"},
		{Name: "chisel", Programs: []string{"chisel"}, Why: "it carries what the other end of its tunnel sends"},
		{Name: "gost", Programs: []string{"gost"}, Why: "it carries what comes out of its tunnels"},
		{Name: "wstunnel", Programs: []string{"wstunnel"}, Why: "it carries what the other end of its tunnel sends"},
		{
			Name: "teleport", Programs: []string{"teleport"}, Why: "it carries the ports and databases of its users",
		},
		// On the machine that is reached it is the agent's worker, on the other one the plugin.
		{
			Name: "ssm", Programs: []string{"ssm-session-worker", "amazon-ssm-agent", "session-manager-plugin"},
			Why: "it carries the ports that a user of AWS Session Manager has forwarded",
		},
		{
			Name: "cloud-sql-proxy", Programs: []string{"cloud-sql-proxy", "cloud_sql_proxy"}, Far: FarAccepted,
			Why: "it carries the connections of others to a database",
		},
	}
}

// relays pass on what connects to them.
func relays() []ForwarderRule {
	const passes = "it passes on the connections that it accepts"
	return []ForwarderRule{
		// Its other commands, such as check, speak for themselves.
		{Name: "lodoor", Programs: []string{"lodoor"}, Arguments: []string{"run", "demo"}, Far: FarAccepted, Why: passes},
		// With a terminal or a pipe as its other address it speaks for who started it.
		{
			Name: "socat", Programs: []string{"socat", "socat1"}, Far: FarAccepted, Paired: true, Arguments: []string{
				"TCP-L*", "TCP4-L*", "TCP6-L*", "OPENSSL-L*", "SSL-L*", "UNIX-L*", "ABSTRACT-L*", "VSOCK-L*", "UDP*", "EXEC:*",
				"SYSTEM:*", "tcp-l*", "tcp4-l*", "tcp6-l*", "openssl-l*", "ssl-l*", "unix-l*", "abstract-l*", "vsock-l*", "udp*",
				"exec:*", "system:*",
			},
			Why: passes,
		},
		{
			Name: "netcat", Programs: []string{"nc", "ncat", "netcat", "nc.openbsd", "nc.traditional"}, Far: FarAccepted,
			Paired: true, Arguments: []string{"-l*", "--listen", "-e*", "-c", "--exec", "--sh-exec", "--lua-exec"},
			Why: "it passes its connection on",
		},
		{
			Name: "socket-proxy", Programs: []string{"systemd-socket-proxyd", "rinetd", "redir", "sslh"}, Far: FarAccepted,
			Why: passes,
		},
		{Name: "stunnel", Programs: []string{"stunnel", "stunnel4", "ghostunnel"}, Far: FarAccepted, Why: passes},
		{Name: "haproxy", Programs: []string{"haproxy"}, Far: FarAccepted, Why: passes},
		{Name: "nginx", Programs: []string{"nginx", "openresty"}, Far: FarAccepted, Why: passes},
		{Name: "envoy", Programs: []string{"envoy"}, Far: FarAccepted, Why: passes},
		{Name: "traefik", Programs: []string{"traefik"}, Far: FarAccepted, Why: passes},
		{Name: "caddy", Programs: []string{"caddy"}, Far: FarAccepted, Why: passes},
		{
			Name: "socks", Programs: []string{"sockd", "danted", "microsocks", "3proxy", "squid", "tinyproxy"},
			Far: FarAccepted, Why: passes,
		},
		{
			Name: "toxiproxy", Programs: []string{"toxiproxy-server"}, Far: FarAccepted, Why: passes,
		},
		{Name: "mitmproxy", Programs: []string{"mitmproxy", "mitmdump", "mitmweb"}, Far: FarAccepted, Why: passes},
		// A pooler's connections outlive the clients that they are for, and carry one after the other.
		{
			Name: "pooler", Programs: []string{
				"pgbouncer", "pgpool", "pgpool2", "odyssey", "pgcat", "proxysql", "mysqlrouter", "nutcracker",
			},
			Why: "it keeps connections open, and carries statements of all its clients over them",
		},
	}
}

// own carry connections of this very machine, between it and the virtual machine that its containers are in.
func own() []ForwarderRule {
	return []ForwarderRule{
		{
			Name: "docker-desktop", Own: true, Programs: []string{
				"com.docker.backend", "com.docker.vpnkit", "com.docker.proxy", "vpnkit", "vpnkit-bridge",
			},
			Why: "it connects Docker Desktop's containers with this machine",
		},
		// Windows' side, and the side of the distribution: /init is WSL's own program, not the system's first process.
		{
			Name: "wsl", Own: true, Programs: []string{"wslrelay", "wslhost", "/init"},
			Why: "it relays localhost between Windows and WSL",
		},
		{
			Name: "orbstack", Own: true, Programs: []string{"OrbStack", "OrbStack Helper*"},
			Why: "it connects OrbStack's machines with this one",
		},
		{
			Name: "lima", Own: true, Programs: []string{"limactl", "lima-guestagent", "colima"},
			Why: "it connects Lima's and Colima's machines with this one",
		},
		{
			Name: "gvproxy", Own: true, Programs: []string{"gvproxy", "gvforwarder"},
			Why: "it connects Podman's machine with this one",
		},
	}
}
