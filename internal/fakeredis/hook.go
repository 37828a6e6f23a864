package fakeredis

import (
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

// hook sees every command before miniredis does, and reports whether it has
// answered it. It runs on the connection's own goroutine.
func (s *Server) hook(c *server.Peer, cmd string, args ...string) bool {
	p := s.peerOf(c)
	if p.dispatching {
		return false
	}
	s.waitThaw()
	if s.refuseStranger(c, p, cmd, args) {
		return true
	}
	switch cmd {
	case "CLIENT":
		return s.client(c, p, args)
	case "EVAL", "EVALSHA":
		// A script's own commands come through this hook with the miniredis
		// lock held, which no push could be sent under.
		c.WriteError("ERR this Redis runs no scripts")
		return true
	case "SELECT":
		if len(args) == 1 {
			p.db, _ = strconv.Atoi(args[0]) // A bad index is miniredis' to refuse.
		}
	case "MULTI":
		p.inMulti = true
	case "DISCARD":
		p.inMulti, p.queued = false, pushes{}
	case "EXEC":
		changed := p.queued
		p.inMulti, p.queued = false, pushes{}
		return s.dispatch(c, p, cmd, args, changed)
	default:
		changed := s.changes(p.db, cmd, args)
		if !p.inMulti {
			return s.dispatch(c, p, cmd, args, changed)
		}
		p.queued.add(changed)
	}
	return false
}

// dispatch lets miniredis run a command that changes something, then pushes.
// miniredis flushes the command's own reply after the hook has returned.
func (s *Server) dispatch(c *server.Peer, p *peer, cmd string, args []string, changed pushes) bool {
	if changed.empty() {
		return false
	}
	p.dispatching = true
	s.inner.Dispatch(c, append([]string{cmd}, args...))
	p.dispatching = false
	s.written(changed)
	return true
}

// waitThaw holds a command back while the server is frozen.
func (s *Server) waitThaw() {
	s.mu.Lock()
	frozen := s.frozen
	s.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
}

// refuseStranger answers a connection that has not authenticated where it must.
// miniredis' own check lets HELLO pass without credentials, which would let a
// client believe that it is connected.
func (s *Server) refuseStranger(c *server.Peer, p *peer, cmd string, args []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.users) == 0 || p.authenticated {
		return false
	}
	user, password := "default", ""
	switch {
	case cmd == "AUTH" && len(args) == 1:
		password = args[0]
	case cmd == "AUTH" && len(args) == 2:
		user, password = args[0], args[1]
	case cmd == "HELLO" && len(args) >= 4 && strings.EqualFold(args[1], "AUTH"):
		user, password = args[2], args[3]
	default:
		c.WriteError("NOAUTH Authentication required.")
		return true
	}
	want, known := s.users[user]
	if !known || want != password {
		c.WriteError("WRONGPASS invalid username-password pair or user is disabled.")
		return true
	}
	p.authenticated = true
	return false
}

// client answers the CLIENT subcommands that miniredis does not know.
func (s *Server) client(c *server.Peer, p *peer, args []string) bool {
	if len(args) == 0 {
		return false
	}
	switch strings.ToUpper(args[0]) {
	case "TRACKING":
		s.track(c, p, args[1:])
	case "CACHING", "SETINFO", "NO-EVICT", "NO-TOUCH", "CAPA":
		c.WriteOK()
	case "ID":
		c.WriteInt(1)
	default:
		return false
	}
	return true
}

// track answers CLIENT TRACKING ON|OFF [BCAST] [PREFIX p]…. OPTIN, OPTOUT and
// NOLOOP are taken and ignored: their clients are told more than they asked for.
func (s *Server) track(c *server.Peer, p *peer, args []string) {
	if len(args) == 0 {
		c.WriteError("ERR wrong number of arguments for 'client|tracking' command")
		return
	}
	on := strings.EqualFold(args[0], "ON")
	if !on && !strings.EqualFold(args[0], "OFF") {
		c.WriteError("ERR syntax error")
		return
	}
	if on && !c.Resp3 {
		c.WriteError("ERR Client tracking can be enabled only in RESP3 mode")
		return
	}
	var prefixes []string
	broadcast := false
	for i := 1; i < len(args); i++ {
		switch strings.ToUpper(args[i]) {
		case "BCAST":
			broadcast = true
		case "OPTIN", "OPTOUT", "NOLOOP":
		case "PREFIX":
			if i++; i < len(args) {
				prefixes = append(prefixes, args[i])
				continue
			}
			fallthrough
		default:
			c.WriteError("ERR syntax error")
			return
		}
	}
	if len(prefixes) > 0 && !broadcast {
		c.WriteError("ERR PREFIX option requires BCAST mode to be enabled")
		return
	}
	s.mu.Lock()
	p.tracking, p.prefixes = on, prefixes
	s.mu.Unlock()
	c.WriteOK()
}

// changes is what a command may change: nothing, some keys, or everything.
func (s *Server) changes(db int, cmd string, args []string) pushes {
	switch cmd {
	case "FLUSHALL", "FLUSHDB", "SWAPDB":
		return pushes{all: true}
	case "DEL", "UNLINK":
		return keys(db, args...)
	case "MSET", "MSETNX":
		var changed pushes
		for i := 0; i < len(args); i += 2 {
			changed.add(keys(db, args[i]))
		}
		return changed
	case "RENAME", "RENAMENX", "COPY", "SMOVE", "RPOPLPUSH", "BRPOPLPUSH", "LMOVE", "BLMOVE":
		return keys(db, args[:min(2, len(args))]...)
	case "AUTH", "HELLO", "PING", "ECHO", "QUIT", "INFO", "TIME", "COMMAND", "CLUSTER", "MEMORY", "OBJECT",
		"PUBLISH", "PUBSUB", "SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE",
		"SCRIPT", "WAIT", "WATCH", "UNWATCH":
		return pushes{}
	}
	if len(args) == 0 || s.inner.IsReadOnlyCommand(cmd) {
		return pushes{}
	}
	return keys(db, args[0]) // Every other write of miniredis names its key first.
}
