package journal

import "time"

type wireOrigin struct {
	Zone          string             `json:"zone"`
	Proof         string             `json:"proof"`
	Interface     string             `json:"interface"`
	InterfaceRaw  []byte             `json:"interface_base64"`
	ClientZone    string             `json:"client_zone"`
	Attribution   opt[string]        `json:"attribution"`
	Program       string             `json:"program"`
	ProgramRaw    []byte             `json:"program_base64"`
	Forwarder     opt[wireForwarder] `json:"forwarder"`
	HeldBy        []wireHolder       `json:"held_by"`
	HeldByOmitted uint64             `json:"held_by_omitted"`
}

type wireForwarder struct {
	Name    string `json:"name"`
	NameRaw []byte `json:"name_base64"`
	PID     int    `json:"pid"`
	Own     bool   `json:"own"`
	Zone    string `json:"zone"`
	wireAddress
	Reason    string `json:"reason"`
	ReasonRaw []byte `json:"reason_base64"`
}

type wireHolder struct {
	wireAncestor
	User opt[wireUser] `json:"user"`
}

type wireAncestor struct {
	PID        int    `json:"pid"`
	Program    string `json:"program"`
	ProgramRaw []byte `json:"program_base64"`
}

type wireProcess struct {
	PID                 int                 `json:"pid"`
	User                opt[wireUser]       `json:"user"`
	EffectiveUser       opt[wireUser]       `json:"effective_user"`
	Executable          opt[wireExecutable] `json:"executable"`
	Creation            opt[wireCreation]   `json:"creation"`
	CommandLine         string              `json:"command_line"`
	CommandLineRaw      []byte              `json:"command_line_base64"`
	WorkingDirectory    string              `json:"working_directory"`
	WorkingDirectoryRaw []byte              `json:"working_directory_base64"`
	Parents             []wireAncestor      `json:"parents"`
	Linux               opt[wireLinux]      `json:"linux"`
	Unit                string              `json:"unit"`
	UnitRaw             []byte              `json:"unit_base64"`
	SessionLeader       opt[wireLeader]     `json:"session_leader"`
	TTY                 string              `json:"tty"`
	TTYRaw              []byte              `json:"tty_base64"`
}

type wireUser struct {
	ID      uint32 `json:"id"`
	Name    string `json:"name"`
	NameRaw []byte `json:"name_base64"`
}

type wireExecutable struct {
	Path    string `json:"path"`
	PathRaw []byte `json:"path_base64"`
	Device  uint64 `json:"device"`
	Inode   uint64 `json:"inode"`
	Deleted bool   `json:"deleted"`
}

type wireCreation struct {
	Time time.Time `json:"time"`
}

type wireLinux struct {
	Cgroup    string `json:"cgroup"`
	CgroupRaw []byte `json:"cgroup_base64"`
}

type wireLeader struct {
	PID int `json:"pid"`
}

type wireContainer struct {
	ID      string           `json:"id"`
	IDRaw   []byte           `json:"id_base64"`
	Runtime opt[wireRuntime] `json:"runtime"`
}

type wireRuntime struct {
	Name    string `json:"name"`
	NameRaw []byte `json:"name_base64"`
}
