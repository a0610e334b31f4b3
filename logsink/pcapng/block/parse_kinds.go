package block

import (
	"bytes"
	"fmt"
	"net/netip"
)

func (p *parser) section(body []byte, s *Section) error {
	const fixed = 16
	if len(body) < fixed {
		return errShort
	}
	if major := p.order.Uint16(body[4:]); major != majorVersion {
		return fmt.Errorf("version %d of pcapng: expected %d", major, majorVersion)
	}
	p.interfaces = p.interfaces[:0]
	return p.options(body[fixed:], func(code uint16, value []byte) error {
		switch code {
		case OptionComment:
			s.Comment = string(value)
		case optionHardware:
			s.Hardware = string(value)
		case optionSystem:
			s.System = string(value)
		case optionApplication:
			s.Application = string(value)
		}
		return nil
	})
}

func (p *parser) described(body []byte, i *Interface) error {
	const fixed = 8
	if len(body) < fixed {
		return errShort
	}
	if len(p.interfaces) == maxInterfaces {
		return fmt.Errorf("more than %d interfaces", maxInterfaces)
	}
	i.Link, i.resolution = Link(p.order.Uint16(body)), microseconds
	err := p.options(body[fixed:], func(code uint16, value []byte) error {
		switch {
		case code == optionName:
			i.Name = string(value)
		case code == optionDescription:
			i.Description = string(value)
		case code == optionResolution && len(value) == 1:
			i.resolution = value[0]
		case code == optionOffset && len(value) == 8:
			i.offset = int64(p.order.Uint64(value))
		}
		return nil
	})
	if err == nil {
		_, err = ticks(i.resolution)
	}
	p.interfaces = append(p.interfaces, *i)
	return err
}

func (p *parser) names(body []byte, b *Block) error {
	return p.options(body, func(kind uint16, value []byte) error {
		size := 0
		switch kind {
		case recordIPv4:
			size = 4
		case recordIPv6:
			size = 16
		default:
			return nil
		}
		if len(value) < size {
			return errShort
		}
		addr, _ := netip.AddrFromSlice(value[:size])
		n := Name{Addr: addr}
		for name := range bytes.SplitSeq(bytes.TrimSuffix(value[size:], []byte{0}), []byte{0}) {
			n.Names = append(n.Names, string(name))
		}
		b.Names = append(b.Names, n)
		return nil
	})
}

func (p *parser) statistics(body []byte, s *Statistics) error {
	const fixed = 12
	if len(body) < fixed {
		return errShort
	}
	on, err := p.from(p.order.Uint32(body))
	if err != nil {
		return err
	}
	s.Interface, s.At = p.order.Uint32(body), p.time(body[4:], on)
	return p.options(body[fixed:], func(code uint16, value []byte) error {
		if len(value) != 8 {
			return nil
		}
		switch code {
		case optionStart:
			s.Start = p.time(value, on)
		case optionEndTime:
			s.End = p.time(value, on)
		case optionReceived:
			s.Received = p.order.Uint64(value)
		case optionDropped:
			s.Dropped = p.order.Uint64(value)
		}
		return nil
	})
}

func (p *parser) packet(body []byte, out *Packet) error {
	const fixed = 20
	if len(body) < fixed {
		return errShort
	}
	on, err := p.from(p.order.Uint32(body))
	if err != nil {
		return err
	}
	kept, rest := p.order.Uint32(body[12:]), body[fixed:]
	if uint64(kept)+uint64(Padding(int(kept))) > uint64(len(rest)) {
		return errShort
	}
	out.Interface, out.At = p.order.Uint32(body), p.time(body[4:], on)
	out.Data, out.Length = rest[:kept], p.order.Uint32(body[16:])
	return p.options(rest[int(kept)+Padding(int(kept)):], func(code uint16, value []byte) error {
		if code == OptionComment {
			out.Comments = append(out.Comments, string(value))
		}
		return nil
	})
}

func (p *parser) secrets(body []byte, s *Secrets) error {
	const fixed = 8
	if len(body) < fixed {
		return errShort
	}
	s.Type = p.order.Uint32(body)
	length := p.order.Uint32(body[4:])
	if uint64(length) > uint64(len(body)-fixed) {
		return errShort
	}
	s.Data = body[fixed : fixed+length]
	return nil
}
