package flow

import (
	"net/netip"
	"time"
)

// Process is what was found out about a process. It is shared and does not change; what is not known has its zero
// value. Its texts come from the process itself and may hold any byte.
type Process struct {
	PID int
	// Started is when the process began. With PID it names the process: numbers come again, moments do not.
	Started time.Time
	// Program is what a person calls it: "psql", "node server.js", "python -m pytest", "java -jar shop.jar",
	// "go run example.com/shop".
	Program string
	// Executable is the file that runs.
	Executable Executable
	// CommandLine is what it was started with, as one would type it, at most CommandLineMax bytes, without the secrets
	// unless the configuration keeps them.
	CommandLine string
	// WorkingDirectory is where it is now.
	WorkingDirectory string
	// UID is its effective user, User the name of that; empty when it has none.
	UID  uint32
	User string
	// Parents are the processes that it descends from, the nearest first, at most ParentsMax.
	Parents []Ancestor
	// Cgroup is its control group in the v2 hierarchy, or that of systemd (cgroups(7)).
	Cgroup string
	// Container is the container that it runs in.
	Container Container
	// Unit is the systemd unit that it belongs to, the user's own before the system's: "postgresql@15-main.service".
	Unit string
	// Session is its session's number (setsid(2)); TTY its terminal: "pts/3".
	Session int
	TTY     string
}

// Bounds of what is kept of a process.
const (
	CommandLineMax = 1024
	ParentsMax     = 16
)

// Executable is a program's file.
type Executable struct {
	// Path is as the process sees it, in its own mount namespace.
	Path string
	// Device and Inode name the file itself (stat(2)); 0 when it could not be looked at.
	Device, Inode uint64
	// Deleted says that the file has been removed or replaced since.
	Deleted bool
}

// Container is where a process runs apart. The zero Container is none.
type Container struct {
	// ID is the full identifier that the runtime gave it.
	ID string
	// Runtime is docker, podman, containerd, cri-o, lxc, or kubernetes where only the pod is known.
	Runtime string
}

// Ancestor is a process that another one descends from.
type Ancestor struct {
	PID     int
	Program string
}

// Forwarder is what is known of a process that carries somebody else's connections.
type Forwarder struct {
	// Name is what kind it is: "sshd", "docker-proxy", "cloudflared".
	Name string
	// PID is the process; of sshd the one that serves the session.
	PID int
	// Own says that it carries this machine's own connections only: those of Docker Desktop, WSL and the like.
	Own bool
	// Zone is where its far end is; ZoneUnknown when that is not known.
	Zone Zone
	// Far is the far end's address; not valid when it is not known, or when there are several.
	Far netip.AddrPort
	// Reason is how it was recognised, in words: "it is called ssh, and its parent is sshd".
	Reason string
}

// Conveyed is what a PROXY protocol header says, of a peer that is trusted to say it.
type Conveyed struct {
	// Client is who the peer says that it speaks for, unmapped and without a zone.
	Client netip.AddrPort
	// Server is where that client connected to.
	Server netip.AddrPort
	// Zone is what kind of place Client's address is. An address proves nothing here: it is what the peer says.
	Zone Zone
	// Version of the header, 1 or 2.
	Version uint8
}
