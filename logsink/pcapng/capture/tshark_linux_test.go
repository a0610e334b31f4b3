package capture_test

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/capture"
)

// save writes packets to a file that others read.
func save(t *testing.T, packets []capture.Packet) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "packets.pcapng")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := pcapgo.NewNgWriter(f, layers.LinkTypeRaw)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		err := w.WritePacket(gopacket.CaptureInfo{Timestamp: p.At, CaptureLength: len(p.Data), Length: p.Length}, p.Data)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

// captured is what a file that is perhaps still being written holds, a line for each packet of the clients.
func captured(path string, clients []netip.AddrPort) (lines []string) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	for err == nil {
		var data []byte
		if data, _, err = r.ReadPacketData(); err != nil {
			break
		}
		p := gopacket.NewPacket(data, r.LinkType(), gopacket.Default)
		ip, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		tcp, _ := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
		if ip == nil || tcp == nil {
			return append(lines, fmt.Sprintf("no TCP: %x", data))
		}
		client := func(c netip.AddrPort) bool { return c.Port() == uint16(tcp.SrcPort) || c.Port() == uint16(tcp.DstPort) }
		if slices.ContainsFunc(clients, client) {
			lines = append(lines, fmt.Sprintf("%d > %d id %d sequence %d ack %d SYN %v FIN %v, %d bytes",
				tcp.SrcPort, tcp.DstPort, ip.Id, tcp.Seq, tcp.Ack, tcp.SYN, tcp.FIN, len(tcp.Payload)))
		}
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return append(lines, err.Error())
	}
	return lines
}

// What is captured is what dumpcap captures beside it, and tshark finds nothing wrong with it.
func TestAsDumpcap(t *testing.T) {
	testkit.Need(t, "tshark", "dumpcap")
	end := netip.MustParseAddrPort("127.0.0.1:5432")
	r := newRig(t, capture.Config{Ends: []netip.AddrPort{end}})
	beside := filepath.Join(t.TempDir(), "dumpcap.pcapng")
	dumpcap := r.ns.Command("dumpcap", "-q", "-i", "lo", "-f", "tcp port 5432", "-w", beside)
	if err := dumpcap.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dumpcap.Process.Kill() }) // it has ended, unless the test failed
	r.echo(end.String())
	r.run()
	// dumpcap writes only when it has much to write.
	push := func() netip.AddrPort { return r.talk(end, noise(1<<20)) }
	testkit.Wait(t, "dumpcap to capture", func() bool {
		return len(captured(beside, []netip.AddrPort{push()})) > 0
	}, patience)

	var clients []netip.AddrPort
	for range 50 {
		clients = append(clients, r.talk(end, noise(20_000)))
	}
	own := save(t, r.stop())
	want := captured(own, clients)
	testkit.Wait(t, "as many packets of dumpcap", func() bool {
		push()
		return len(captured(beside, clients)) >= len(want)
	}, patience)
	if err := dumpcap.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := dumpcap.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := captured(beside, clients); !slices.Equal(got, want) || len(got) < 50*8 {
		t.Errorf("dumpcap captured %d packets:\n%s\nand we %d:\n%s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
	// Of the noise that made dumpcap write some may have been more than a busy machine could take.
	ports := make([]string, len(clients))
	for i, c := range clients {
		ports[i] = fmt.Sprint(c.Port())
	}
	wrong := testkit.Run(t, "tshark", "-r", own, "-Y", "tcp.port in {"+strings.Join(ports, ",")+"} && "+
		"(_ws.malformed || tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment)")
	if wrong != "" {
		t.Errorf("tshark says:\n%s", wrong)
	}
}
