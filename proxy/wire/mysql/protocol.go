package mysql

// Capabilities, which the server offers and the client takes (MySQL Source Code Documentation, "Capabilities Flags").
// Those of MariaDB begin at bit 32.
const (
	capMySQL            = 1 << 0 // CLIENT_LONG_PASSWORD; without it a server is MariaDB, and the bits from 32 on are told
	capConnectWithDB    = 1 << 3
	capCompress         = 1 << 5
	capProtocol41       = 1 << 9
	capSSL              = 1 << 11
	capSecureConnection = 1 << 15
	capPluginAuth       = 1 << 19
	capConnectAttrs     = 1 << 20
	capAuthLenenc       = 1 << 21
	capSessionTrack     = 1 << 23
	capDeprecateEOF     = 1 << 24
	capOptionalMetadata = 1 << 25
	capZstd             = 1 << 26
	capQueryAttributes  = 1 << 27
	capProgress         = 1 << 32
	capExtendedMetadata = 1 << 35
	capCacheMetadata    = 1 << 36
)

// Commands, the first byte of what a client asks. The last of them is MariaDB's.
const (
	comQuit             = 0x01
	comInitDB           = 0x02
	comQuery            = 0x03
	comFieldList        = 0x04
	comStatistics       = 0x09
	comProcessInfo      = 0x0a
	comChangeUser       = 0x11
	comBinlogDump       = 0x12
	comTableDump        = 0x13
	comStmtPrepare      = 0x16
	comStmtExecute      = 0x17
	comStmtSendLongData = 0x18
	comStmtClose        = 0x19
	comStmtReset        = 0x1a
	comStmtFetch        = 0x1c
	comBinlogDumpGTID   = 0x1e
	comResetConnection  = 0x1f
	comStmtBulkExecute  = 0xfa

	comLogin = 0xff // none of the protocol's: the login, which is asked and answered like a command
)

// commandName is what a command without a statement goes by.
func commandName(command byte) string {
	names := [...]string{
		0x00: "SLEEP", comInitDB: "USE", comFieldList: "FIELD_LIST", 0x05: "CREATE_DB", 0x06: "DROP_DB", 0x07: "REFRESH",
		0x08: "SHUTDOWN", comStatistics: "STATISTICS", comProcessInfo: "PROCESS_INFO", 0x0b: "CONNECT",
		0x0c: "PROCESS_KILL", 0x0d: "DEBUG", 0x0e: "PING", 0x0f: "TIME", 0x10: "DELAYED_INSERT",
		comChangeUser: "CHANGE_USER", comBinlogDump: "BINLOG_DUMP", comTableDump: "TABLE_DUMP", 0x14: "CONNECT_OUT",
		0x15: "REGISTER_SLAVE", comStmtReset: "STMT_RESET", 0x1b: "SET_OPTION", comStmtFetch: "FETCH", 0x1d: "DAEMON",
		comBinlogDumpGTID: "BINLOG_DUMP_GTID", comResetConnection: "RESET_CONNECTION",
	}
	switch {
	case command == comLogin:
		return "LOGIN"
	case int(command) < len(names) && names[command] != "":
		return names[command]
	}
	return "UNKNOWN"
}

// Bits of the server's status ("Server Status Flags").
const (
	statusInTransaction       = 0x0001
	statusMoreResults         = 0x0008
	statusCursor              = 0x0040
	statusNoBackslashEscapes  = 0x0200
	statusInReadOnly          = 0x2000
	statusSessionStateChanged = 0x4000
)

// First bytes of a server's packets.
const (
	headOK     = 0x00
	headMore   = 0x01 // more data for the authentication, or another factor in headFactor
	headFactor = 0x02
	headInfile = 0xfb
	headEOF    = 0xfe
	headERR    = 0xff
)

// lastPrepared stands for the statement that was prepared last (MariaDB 10.2).
const lastPrepared = 0xffffffff

// errSignal is the error of a statement SIGNAL that names no other (ER_SIGNAL_EXCEPTION): its words are whatever the
// statement, or the values in it, made of them.
const errSignal = 1644

// errProgress is no error but the progress of a long statement (MariaDB).
const errProgress = 0xffff
